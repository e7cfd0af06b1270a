"""Our Locations, as partners pull them: in pages, or one Location, EVSE or connector. [mod_locations_sender_interface]

A single one is cut out of the same wording that the list shows.
"""

from __future__ import annotations

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import Dialect
from evmesh.ocpi.status_codes import NotFound
from evmesh.ports import Answer, Call, Document, Handler
from evmesh.roaming import lists, receive, visibility
from evmesh.roaming.node import Node
from evmesh.roaming.worded import worded
from evmesh.store import objects, wordings
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx


def handlers(node: Node) -> dict[str, Handler]:
    async def listed(call: Call) -> Answer:
        return await lists.listing(node, call, "locations")

    async def location(call: Call) -> Answer:
        return Answer(data=await node.store.read(lambda tx: _text(tx, node, call)))

    async def evse(call: Call) -> Answer:
        return Answer(data=_evse(await _document(call), call))

    async def connector(call: Call) -> Answer:
        return Answer(data=child(call.dialect, _evse(await _document(call), call), "connectors", "id", call.path))

    async def _document(call: Call) -> Document:
        document: Document = wire.decode(await node.store.read(lambda tx: _text(tx, node, call)))
        return document

    return {
        "locations.sender.list": listed,
        "locations.sender.get_location": location,
        "locations.sender.get_evse": evse,
        "locations.sender.get_connector": connector,
    }


def _evse(location: Document, call: Call) -> Document:
    return child(call.dialect, location, "evses", "uid", call.path)


PARAMETERS = {"evses": "evse_uid", "connectors": "connector_id"}


def child(spoken: Dialect, document: Document, field: str, name: str, path: dict[str, str]) -> Document:
    """The EVSE of a Location or the connector of an EVSE that a path names; NotFound when it has none."""
    wanted = path[PARAMETERS[field]]
    for each in document.get(field) or ():
        if spoken.same_id(str(each.get(name)), wanted):
            found: Document = each
            return found
    raise NotFound(f"there is no {wanted} among its {field}")


def _text(tx: Tx, node: Node, call: Call) -> bytes:
    """The Location as the caller's release words it; NotFound when the caller sees none of that id."""
    held = _visible(tx, call)
    if held is None:
        raise NotFound(f"there is no Location {call.path['location_id']}")
    known = wordings.get(tx, held.seq, call.dialect.name)
    wording = known if known is not None and known.change == held.change else worded(tx, node, held, call.dialect.name)
    if wording.text is None:
        raise NotFound(f"Location {held.id} cannot be said in {call.dialect.name}: {wording.reason}")
    return wording.text.encode()


def _visible(tx: Tx, call: Call) -> Held | None:
    wanted = call.path["location_id"]
    found = [
        held
        for held in objects.find(tx, "locations", wanted, partner_id=OURS)
        if call.dialect.same_id(held.id, wanted) and visibility.sees(call.partner, held)
    ]
    if call.to_party is not None and len(found) > 1:
        # Two parties of ours may use the same id; the routing header says which one is asked.
        to = call.to_party
        return next((h for h in found if receive.same_party((h.country_code, h.party_id), to)), found[0])
    return found[0] if found else None
