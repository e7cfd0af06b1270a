"""Our records: which CDRs stand on an invoice between us and a partner. [mod_invoice_reconciliation_module]

Whoever writes the invoice sends the record: a CPO that bills its charges, or an eMSP that writes the CPO's invoice
(reverse billing). The list of CDRs is the whole truth; no date says what stands on an invoice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from evmesh.ocpi import wire
from evmesh.ocpi.types import timestamp
from evmesh.ports import Answer, Call, Document, Handler, Partner, Party
from evmesh.roaming import kinds, lists, publish
from evmesh.roaming.node import Node
from evmesh.store import objects
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx

KIND = "invoicereconciliation"
LONGEST_ID = 36


class NothingInvoiced(ValueError):
    """No CDR stands on the invoice, or one that cannot be there; its text says which."""


def handlers(node: Node) -> dict[str, Handler]:
    async def listed(call: Call) -> Answer:
        return await lists.listing(node, call, KIND)

    return {"invoicereconciliation.sender.list": listed}


def publish_record(tx: Tx, node: Node, invoice_id: str, seqs: Sequence[int], partner: Partner) -> list[Held]:
    """Store the record of an invoice between us and a partner, and note that the partner lacks it.

    `seqs` are the stored CDRs on the invoice: ours, whose tokens are the partner's, or (reverse billing) the partner's
    with tokens of ours. One record for each of our parties that the invoice speaks for; a second call with other CDRs
    changes what was told. Raises NothingInvoiced.
    """
    found: dict[tuple[Party, Party], list[str]] = {}
    for seq in seqs:
        held = objects.by_seq(tx, seq)
        if held is None or held.kind != "cdrs":
            raise NothingInvoiced(f"invoice {invoice_id}: there is no CDR {seq}")
        found.setdefault(_between(node, held, partner, invoice_id), []).append(held.id)
    if not found:
        raise NothingInvoiced(f"invoice {invoice_id}: no CDR stands on it")
    return [_publish(tx, node, invoice_id, ids, partner, *parties) for parties, ids in found.items()]


def retract_record(tx: Tx, node: Node, invoice_id: str) -> int:
    """Take back the records of an invoice that was an error; how many there were."""
    there = objects.find(tx, KIND, record_id(invoice_id), partner_id=OURS)
    for held in there:
        publish.retract(tx, node, held)
    return len(there)


def invoiced_to(tx: Tx, record: Document) -> Party | None:
    """Between whom and us the invoice of a record of ours is, by its CDRs; None when we hold none of them."""
    owner = objects.party(*kinds.owner(record))
    for id in record.get("cdrs") or ():
        for held in objects.find(tx, "cdrs", id):
            if held.partner_id == OURS and held.owner == owner and held.token_party is not None:
                country_code, _, party_id = held.token_party.partition("*")
                return country_code, party_id
            if held.partner_id != OURS and held.token_party == owner:
                return held.country_code, held.party_id
    return None


def record_id(invoice_id: str) -> str:
    """A record is named like its invoice where that fits, and always the same."""
    if len(invoice_id) <= LONGEST_ID and invoice_id.isascii() and invoice_id.isprintable():
        return invoice_id
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:evmesh:invoice:{invoice_id}"))


def _between(node: Node, held: Held, partner: Partner, invoice_id: str) -> tuple[Party, Party]:
    """Our party and the partner's of a CDR. NothingInvoiced when it is not between us and the partner.

    A partner's CDR of no token of ours, for which we write an invoice all the same, is our eMSP's.
    """
    country_code, _, party_id = (held.token_party or "").partition("*")
    owner, driver = (held.country_code, held.party_id), (country_code, party_id)
    ours, theirs = (owner, driver) if held.partner_id == OURS else (driver, owner)
    mine = node.ours(ours)
    if mine is None and held.partner_id != OURS:
        mine = next((party for party in node.parties if party.role == "EMSP"), node.parties[0])
    if mine is None or not partner.owns(theirs) or held.partner_id not in (OURS, partner.id):
        raise NothingInvoiced(f"invoice {invoice_id}: the CDR {held.owner}*{held.id} is not one of {partner.name}")
    return mine.party, theirs


def _publish(
    tx: Tx, node: Node, invoice_id: str, ids: Sequence[str], partner: Partner, ours: Party, theirs: Party
) -> Held:
    id = record_id(invoice_id)
    document: Document = {"country_code": ours[0], "party_id": ours[1], "id": id, "invoice_id": invoice_id}
    document |= {"cdrs": list(ids), "last_updated": timestamp(node.clock())}
    before = objects.get(tx, KIND, kinds.own_key(KIND, document))
    if before is not None and {**wire.decode(before.document), "last_updated": None} == {
        **document,
        "last_updated": None,
    }:
        return before
    return publish.put_own(tx, node, KIND, document, partners=[partner], to=theirs)[1]
