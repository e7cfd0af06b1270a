"""A change of a connector is a change of its EVSE, and that one of its Location. [mod_locations_get_method]

Timestamps are compared as moments and kept as they are written; none ever goes back.
"""

from __future__ import annotations

from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Document


def later(one: str | None, other: str | None) -> str | None:
    """The later of two timestamps; one that is absent is earlier than any."""
    if one is None or other is None or one == other:
        return other if one is None else one
    if len(one) == len(other) and one[-1] == other[-1] == "Z":
        return max(one, other)
    return other if parse_timestamp(other) > parse_timestamp(one) else one


def risen(location: Document) -> Document:
    """The Location with its own and its EVSEs' `last_updated` no earlier than what lies below them."""
    newest = location.get("last_updated")
    evses = []
    for evse in location.get("evses") or ():
        stamp = evse.get("last_updated")
        for connector in evse.get("connectors") or ():
            stamp = later(stamp, connector.get("last_updated"))
        evses.append(evse if stamp == evse.get("last_updated") else {**evse, "last_updated": stamp})
        newest = later(newest, stamp)
    if newest != location.get("last_updated"):
        location = {**location, "last_updated": newest}
    return {**location, "evses": evses} if evses else location
