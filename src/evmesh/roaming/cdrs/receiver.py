"""Partners' CDRs: what we shall pay for. [mod_cdrs_receiver_interface]

A CDR is posted once and never changes:

    what comes                                      what is answered
    a CDR that we do not have                       1000, and where it can be read (Location)
    the same again, whatever its `last_updated`     1000, and the same Location: the first answer may have been lost
    another one with the id of one that we have     2001; a correction is a credit CDR with an id of its own
    a CDR of a party that is not the caller's       2001

A CDR of a token that we do not know, or a credit for a CDR that we never got, is kept, since somebody claims money,
and opens a fault, since somebody should look at it.
"""

from __future__ import annotations

from evmesh.ocpi import wire
from evmesh.ocpi.cdrs import OPERATIONS
from evmesh.ports import Answer, Call, Document, Handler
from evmesh.roaming import kinds, receive
from evmesh.roaming.node import Node
from evmesh.store import faults, objects
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx

READ = next(each for each in OPERATIONS if each.id == "cdrs.receiver.get")

UNKNOWN_TOKEN = "cdr_of_unknown_token"
UNKNOWN_ORIGINAL = "credit_of_unknown_cdr"
"""Kinds of faults; the subject is the CDR."""


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
            _look_at(tx, node, call, accepted.held)
        return accepted.held

    return Answer(headers={"Location": address(node, call, await node.store.write(run))})


def address(node: Node, call: Call, held: Held) -> str:
    """Where the partner can read a CDR of its own."""
    path = {"country_code": held.country_code, "party_id": held.party_id, "cdr_id": held.id}
    return READ.url(node.endpoint(call.dialect.name, "cdrs", "RECEIVER"), path)


def _look_at(tx: Tx, node: Node, call: Call, held: Held) -> None:
    cdr = wire.decode(held.document)
    subject = f"cdrs {held.owner}*{held.id}"
    token = cdr.get("cdr_token") or {}
    if not _known(tx, node, token):
        who = token.get("uid") or token.get("contract_id")
        detail = f"{call.partner.name} charges us for a token that we do not know: {who}"
        faults.open_fault(tx, UNKNOWN_TOKEN, subject, detail, partner_id=call.partner.id)
    original = cdr.get("credit_reference_id")
    if cdr.get("credit") and original is not None:
        owner = kinds.owner(cdr)
        if receive.theirs(tx, call.partner, call.dialect, "cdrs", owner, (original,)) is None:
            detail = f"{call.partner.name} credits the CDR {original}, which we do not have"
            faults.open_fault(tx, UNKNOWN_ORIGINAL, subject, detail, partner_id=call.partner.id)


def _known(tx: Tx, node: Node, token: Document) -> bool:
    """Whether it is a token of ours. 2.1.1 names the contract only."""
    if token.get("party_id") and node.ours((token.get("country_code", ""), token["party_id"])) is None:
        return False
    if not token.get("uid"):
        held = objects.token_of_contract(tx, token.get("contract_id", ""))
        return held is not None and held.partner_id == OURS
    return any(held.partner_id == OURS for held in objects.find(tx, "tokens", token["uid"], absent=True))
