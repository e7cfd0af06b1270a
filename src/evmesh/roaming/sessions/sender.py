"""Our sessions, as partners pull them, and what a driver wishes of a charge. [mod_sessions_sender_interface]"""

from __future__ import annotations

from evmesh.ocpi import wire
from evmesh.ocpi.status_codes import InvalidParameter, NotCapable, NotFound
from evmesh.ports import Answer, Call, Document, Handler
from evmesh.roaming import lists, visibility
from evmesh.roaming.node import Node
from evmesh.roaming.sessions.charge import OPEN, changed
from evmesh.roaming.sessions.preferences import respond
from evmesh.roaming.sessions.reservation import place_of
from evmesh.roaming.sessions.site import site, tariffs_of
from evmesh.store import charges, objects
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx


def handlers(node: Node) -> dict[str, Handler]:
    async def listed(call: Call) -> Answer:
        return await lists.listing(node, call, "sessions")

    async def preferences(call: Call) -> Answer:
        return await put_preferences(node, call)

    return {"sessions.sender.list": listed, "sessions.sender.put_charging_preferences": preferences}


async def put_preferences(node: Node, call: Call) -> Answer:
    """Take a driver's wishes for a charge that goes on, and say what comes of them, as a bare string.

    NotFound when it is no Session of the caller's drivers, NotCapable when the EVSE takes no wishes.
    [mod_sessions_set_charging_preferences]
    """
    read = wire.read("ChargingPreferences", call.body, call.dialect)
    if read.document is None:
        raise InvalidParameter(read.why())
    wishes = read.document
    return Answer(await node.store.write(lambda tx: _take(tx, node, call, wishes)))


def _take(tx: Tx, node: Node, call: Call, wishes: Document) -> str:
    held = theirs(tx, call, call.path["session_id"])
    if held is None:
        raise NotFound(f"no Session {call.path['session_id'][:40]} of yours is known")
    charge = charges.get(tx, held.id)
    where = None if charge is None else site(tx, place_of(charge))
    if charge is None or where is None or not where.can("CHARGING_PREFERENCES_CAPABLE"):
        raise NotCapable("the EVSE of this Session takes no charging preferences")
    if charge.state not in OPEN:
        return "NOT_POSSIBLE"
    response = respond(wishes, where.connector, tariffs_of(tx, where), node.clock())
    if response == "ACCEPTED":
        charges.put(tx, changed(charge, preferences=wishes))
    return response


def theirs(tx: Tx, call: Call, session_id: str) -> Held | None:
    """Our Session of that id, if the caller may see it."""
    for held in objects.find(tx, "sessions", session_id):
        ours = held.partner_id == OURS and call.dialect.same_id(held.id, session_id)
        if ours and visibility.sees(call.partner, held):
            return held
    return None
