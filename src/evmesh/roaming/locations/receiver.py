"""Partners' Locations, EVSEs and connectors, as they push them. [mod_locations_receiver_interface]

An EVSE or connector is kept inside its Location, in the document as the partner said it. Its `last_updated` rises to
the EVSE and the Location; none ever goes back, and what is older than what we have changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from evmesh.ocpi import wire
from evmesh.ocpi.status_codes import InvalidParameter, NotFound
from evmesh.ports import Answer, Call, Document, Handler, Party
from evmesh.roaming import receive
from evmesh.roaming.locations.last_updated import later
from evmesh.roaming.node import Node
from evmesh.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Level:
    """Where something stands in the document above it."""

    name: str
    field: str
    id_field: str
    parameter: str


EVSE = Level("EVSE", "evses", "uid", "evse_uid")
CONNECTOR = Level("Connector", "connectors", "id", "connector_id")


def handlers(node: Node) -> dict[str, Handler]:
    def named(call: Call) -> tuple[str, str, tuple[str, ...]]:
        return "Location", "locations", (call.path["location_id"],)

    async def get_location(call: Call) -> Answer:
        return await receive.get(node, call, *named(call))

    async def put_location(call: Call) -> Answer:
        return await receive.put(node, call, *named(call))

    async def patch_location(call: Call) -> Answer:
        return await receive.patch(node, call, *named(call))

    def get(*levels: Level) -> Handler:
        async def handle(call: Call) -> Answer:
            owner = receive.their_party(call)

            def run(tx: Tx) -> Document:
                held = receive.found(tx, call.partner, call.dialect, "locations", owner, (call.path["location_id"],))
                return _path(call, receive.stored(tx, call.partner, call.dialect, held), levels)[-1]

            return Answer(data=await node.store.read(run))

        return handle

    def put(*levels: Level) -> Handler:
        async def handle(call: Call) -> Answer:
            owner = receive.their_party(call)
            read = wire.read(levels[-1].name, call.body, call.dialect)
            if read.document is None:
                raise receive.Unusable(read.why(), read.findings)
            await node.store.write(lambda tx: _put(tx, call, owner, levels, read.wire))
            return Answer()

        return handle

    def patch(*levels: Level) -> Handler:
        async def handle(call: Call) -> Answer:
            owner = receive.their_party(call)
            change = receive.patch_of(call)
            await node.store.write(lambda tx: _patch(tx, call, owner, levels, change))
            return Answer()

        return handle

    return {
        "locations.receiver.get_location": get_location,
        "locations.receiver.put_location": put_location,
        "locations.receiver.patch_location": patch_location,
        "locations.receiver.get_evse": get(EVSE),
        "locations.receiver.put_evse": put(EVSE),
        "locations.receiver.patch_evse": patch(EVSE),
        "locations.receiver.get_connector": get(EVSE, CONNECTOR),
        "locations.receiver.put_connector": put(EVSE, CONNECTOR),
        "locations.receiver.patch_connector": patch(EVSE, CONNECTOR),
    }


def _path(call: Call, location: Document, levels: tuple[Level, ...]) -> list[Document]:
    """The documents from the Location down to what the path names; NotFound when one is not there."""
    documents = [location]
    for level in levels:
        place = _place(call, documents[-1], level)
        if place is None:
            raise NotFound(f"no {level.name} {call.path[level.parameter]} is known there")
        documents.append(documents[-1][level.field][place])
    return documents


def _place(call: Call, above: Document, level: Level) -> int | None:
    wanted = call.path[level.parameter]
    for index, each in enumerate(above.get(level.field) or ()):
        if call.dialect.same_id(str(each.get(level.id_field)), wanted):
            return index
    return None


def _put(tx: Tx, call: Call, owner: Party, levels: tuple[Level, ...], new: Document) -> None:
    held = receive.found(tx, call.partner, call.dialect, "locations", owner, (call.path["location_id"],))
    location = receive.stored(tx, call.partner, call.dialect, held)
    above = _path(call, location, levels[:-1])
    _same(call, levels[-1], new)
    place = _place(call, above[-1], levels[-1])
    if place is not None:
        former = above[-1][levels[-1].field][place].get("last_updated")
        if later(former, new["last_updated"]) != new["last_updated"]:
            return
    _accept(tx, call, owner, _with(call, above, levels, new))


def _patch(tx: Tx, call: Call, owner: Party, levels: tuple[Level, ...], change: Document) -> None:
    held = receive.found(tx, call.partner, call.dialect, "locations", owner, (call.path["location_id"],))
    documents = _path(call, receive.stored(tx, call.partner, call.dialect, held), levels)
    former = documents.pop()
    stamp = change.get("last_updated")
    if stamp is not None and later(former.get("last_updated"), stamp) != stamp:
        return
    new = {**former, **change}
    _same(call, levels[-1], new)
    _accept(tx, call, owner, _with(call, documents, levels, new))


def _same(call: Call, level: Level, document: Document) -> None:
    said, wanted = str(document.get(level.id_field)), call.path[level.parameter]
    if not call.dialect.same_id(said, wanted):
        raise InvalidParameter(f"/{level.id_field}: the {level.name} is {said}, the path says {wanted}")


def _with(call: Call, above: list[Document], levels: tuple[Level, ...], new: Document) -> Document:
    """The Location with the new document in its place, and its stamp risen through all above it."""
    stamp = new.get("last_updated")
    for document, level in zip(reversed(above), reversed(levels), strict=True):
        items = list(document.get(level.field) or ())
        place = _place(call, document, level)
        if place is None:
            items.append(new)
        else:
            items[place] = new
        new = {**document, level.field: items, "last_updated": later(document.get("last_updated"), stamp)}
    return new


def _accept(tx: Tx, call: Call, owner: Party, location: Document) -> None:
    receive.accept(
        tx, call.partner, call.dialect, "locations", location, owner=owner, key_ids=(call.path["location_id"],)
    )
