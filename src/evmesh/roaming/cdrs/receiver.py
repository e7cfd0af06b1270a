"""Partners' CDRs: what we shall pay for. [mod_cdrs_receiver_interface]

A CDR is posted once and never changes:

    what comes                                      what is answered
    a CDR that we do not have                       1000, and where it can be read (Location)
    the same again, whatever its `last_updated`     1000, and the same Location: the first answer may have been lost
    another one with the id of one that we have     2001; a correction is a credit CDR with an id of its own
    a CDR of a party that is not the caller's       2001

A CDR of a token that we do not know, or a credit for a CDR that we never got, is kept, since somebody claims money,
and opens a fault, since somebody should look at it. Every CDR that is kept is judged (`check`); no verdict refuses one.
"""

from __future__ import annotations

from evmesh.ocpi.cdrs import OPERATIONS
from evmesh.ports import Answer, Call, Handler
from evmesh.roaming import receive
from evmesh.roaming.cdrs import check
from evmesh.roaming.node import Node
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx

READ = next(each for each in OPERATIONS if each.id == "cdrs.receiver.get")


def handlers(node: Node) -> dict[str, Handler]:
    async def get(call: Call) -> Answer:
        return await receive.get(node, call, "CDR", "cdrs", (call.path["cdr_id"],))

    async def post(call: Call) -> Answer:
        return await take(node, call)

    return {"cdrs.receiver.get": get, "cdrs.receiver.post": post}


async def take(node: Node, call: Call) -> Answer:
    """Store a CDR, or recognise it. The Location is the URL of our GET. [mod_cdrs_post_method]"""

    def run(tx: Tx) -> Held:
        accepted = receive.accept(tx, call.partner, call.dialect, "cdrs", call.body)
        if accepted.stored:
            check.received(tx, node, call.partner, call.dialect, accepted.held, accepted.findings)
        return accepted.held

    return Answer(headers={"Location": address(node, call, await node.store.write(run))})


def address(node: Node, call: Call, held: Held) -> str:
    """Where the partner can read a CDR of its own."""
    path = {"country_code": held.country_code, "party_id": held.party_id, "cdr_id": held.id}
    return READ.url(node.endpoint(call.dialect.name, "cdrs", "RECEIVER"), path)
