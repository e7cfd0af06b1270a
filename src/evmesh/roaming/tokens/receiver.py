"""Partners' tokens, as they push them. [mod_tokens_receiver_interface]

A token is told apart by uid and type together. The path has the uid; `?type=` says which one, RFID unless it is
given. Two things are kinder than that: a PUT without `?type=` is taken by what its body says, and a GET or PATCH
without it finds the only token of that uid. 2.1.1 has no `?type=`. [mod_tokens_token_object]
"""

from __future__ import annotations

from evmesh.ocpi import wire
from evmesh.ports import Answer, Call, Handler
from evmesh.roaming import kinds, receive
from evmesh.roaming.node import Node
from evmesh.store import objects
from evmesh.store.transaction import Tx

USUAL_TYPE = "RFID"


def handlers(node: Node) -> dict[str, Handler]:
    async def get(call: Call) -> Answer:
        return await receive.get(node, call, "Token", "tokens", await named(call))

    async def put(call: Call) -> Answer:
        given = _given_type(call)
        ids = (call.path["token_uid"],) if given is None else (call.path["token_uid"], given)
        return await receive.put(node, call, "Token", "tokens", ids)

    async def patch(call: Call) -> Answer:
        return await receive.patch(node, call, "Token", "tokens", await named(call))

    async def named(call: Call) -> tuple[str, str]:
        uid, given = call.path["token_uid"], _given_type(call)
        if given is not None:
            return uid, given
        types = await node.store.read(lambda tx: _types(tx, call))
        return uid, types[0] if len(types) == 1 else USUAL_TYPE

    return {"tokens.receiver.get": get, "tokens.receiver.put": put, "tokens.receiver.patch": patch}


def _given_type(call: Call) -> str | None:
    return (call.query.get("type") or None) if call.dialect.release.has_token_type else None


def _types(tx: Tx, call: Call) -> list[str]:
    """The types of the tokens that the caller's party has under that uid."""
    return [
        kinds.ids("tokens", wire.decode(held.document))[1]
        for held in objects.find(tx, "tokens", call.path["token_uid"], partner_id=call.partner.id)
        if receive.same_party((held.country_code, held.party_id), call.owner)
        and call.dialect.same_id(held.id, call.path["token_uid"])
    ]
