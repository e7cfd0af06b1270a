"""Partners' records: which CDRs stand on the invoices that we get. [mod_invoice_reconciliation_module]

    what comes                                        what is answered
    POST of a record that we do not have              1000
    POST of the same again                            1000: the first answer may have been lost
    POST of one that we have, in another state        as a PUT: the newer `last_updated` stays
    a record without a CDR                            2001
    a record of a party that is not the caller's      2001 (POST), HTTP 404 (in the path)
    PATCH                                             HTTP 405: the module has none

Ids of CDRs have up to 39 characters. A record whose CDRs we cannot find, or that are invoiced twice, is kept and opens
a fault (`reconcile`); what the invoice documents say is held against them, too (`incoming`).
"""

from __future__ import annotations

from evmesh.ocpi.status_codes import InvalidParameter
from evmesh.ports import Answer, Call, Document, Handler
from evmesh.roaming import receive
from evmesh.roaming.invoicereconciliation import incoming
from evmesh.roaming.node import Node
from evmesh.store import objects
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx

KIND = "invoicereconciliation"
NAME = "InvoiceReconciliationRecord"


def handlers(node: Node) -> dict[str, Handler]:
    async def get(call: Call) -> Answer:
        return await receive.get(node, call, NAME, KIND, (call.path["id"],))

    async def post(call: Call) -> Answer:
        def run(tx: Tx) -> None:
            accepted = receive.accept(tx, call.partner, call.dialect, KIND, call.body, rule=has_cdrs)
            if accepted.stored:
                incoming.told(tx, call.partner, accepted.held)

        await node.store.write(run)
        return Answer()

    async def put(call: Call) -> Answer:
        def then(tx: Tx, held: Held) -> None:
            incoming.told(tx, call.partner, held)

        return await receive.put(node, call, NAME, KIND, (call.path["id"],), rule=has_cdrs, then=then)

    async def delete(call: Call) -> Answer:
        owner = receive.their_party(call)

        def run(tx: Tx) -> None:
            held = receive.found(tx, call.partner, call.dialect, KIND, owner, (call.path["id"],))
            objects.remove(tx, held.seq)
            incoming.forgotten(tx, call.partner, held)

        await node.store.write(run)
        return Answer()

    return {
        "invoicereconciliation.receiver.get": get,
        "invoicereconciliation.receiver.post": post,
        "invoicereconciliation.receiver.put": put,
        "invoicereconciliation.receiver.delete": delete,
    }


def has_cdrs(tx: Tx, document: Document) -> None:
    """InvalidParameter unless at least one CDR is listed, each by an id."""
    ids = document.get("cdrs")
    if not isinstance(ids, list) or not ids:
        raise InvalidParameter("/cdrs: a record lists at least one CDR")
    for place, id in enumerate(ids):
        if not isinstance(id, str) or not id:
            raise InvalidParameter(f"/cdrs/{place}: not an id")
