"""Where a charge takes place: our Location, EVSE and Connector, and the tariff that holds there.

The tariff is chosen among those that the connector names, once, when a charge begins: of those that are valid then,
the one made for what is asked (an ad hoc payment, a charging profile), else the regular one, else one without a type,
else any. [mod_tariffs_tariff_type_enum]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from evmesh.ocpi import wire
from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Document, Party, Place
from evmesh.pricing.currencies import CURRENCY_OF_COUNTRY
from evmesh.pricing.zones import UnknownZone, time_zone, zone_of_country
from evmesh.roaming import kinds
from evmesh.store import objects
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx

USUAL_CURRENCY = "EUR"
TYPE_OF_TOKEN = {"AD_HOC_USER": "AD_HOC_PAYMENT"}


@dataclass(frozen=True, slots=True)
class Site:
    """A connector of ours, with its EVSE and Location, canonical."""

    location: Document
    evse: Document
    connector: Document

    @property
    def owner(self) -> Party:
        return kinds.owner(self.location)

    @property
    def place(self) -> Place:
        """The place, spelled as in our own documents."""
        return Place(*self.owner, self.location["id"], self.evse["uid"], self.connector["id"])

    @property
    def zone(self) -> str:
        """Whose clock the tariff's hours mean; UTC where nobody can tell."""
        for name in (self.location.get("time_zone"), zone_of_country(self.location.get("country") or "")):
            if name:
                try:
                    time_zone(name)
                except UnknownZone:
                    continue
                return str(name)
        return "UTC"

    def currency(self, tariffs: list[Document]) -> str:
        if tariffs:
            return str(tariffs[0]["currency"])
        return CURRENCY_OF_COUNTRY.get(self.location.get("country") or "", USUAL_CURRENCY)

    def can(self, capability: str) -> bool:
        return capability in (self.evse.get("capabilities") or ())


def site(tx: Tx, place: Place) -> Site | None:
    """Our connector at a place, the EVSE's first where none is named; None when it is not ours, or was removed."""
    held = objects.get(
        tx, "locations", kinds.CANONICAL.key(place.country_code, place.party_id, place.location_id), OURS
    )
    if held is None:
        return None
    location = wire.decode(held.document)
    for evse in evses(location):
        if kinds.CANONICAL.same_id(evse["uid"], place.evse_uid):
            for connector in evse["connectors"]:
                if place.connector_id is None or kinds.CANONICAL.same_id(connector["id"], place.connector_id):
                    return Site(location, evse, connector)
    return None


def evses(location: Document) -> Iterator[Document]:
    """The EVSEs that are still there."""
    for evse in location.get("evses") or ():
        if evse.get("status") != "REMOVED":
            yield evse


def tariffs_at(tx: Tx, site: Site, at: datetime, token_type: str | None = None) -> list[Document]:
    """The tariff that prices what begins there at that moment; none, or one."""
    asked = TYPE_OF_TOKEN.get(token_type or "", "REGULAR")
    valid = [tariff for tariff in tariffs_of(tx, site) if holds(tariff, at)]
    for kind in (asked, "REGULAR", None):
        for tariff in valid:
            if tariff.get("type") == kind:
                return [tariff]
    return valid[:1]


def tariffs_of(tx: Tx, site: Site) -> list[Document]:
    """All tariffs that the connector names and that we have."""
    found = []
    for tariff_id in site.connector.get("tariff_ids") or ():
        held = objects.get(tx, "tariffs", kinds.CANONICAL.key(*site.owner, tariff_id), OURS)
        if held is not None:
            found.append(wire.decode(held.document))
    return found


def holds(tariff: Document, at: datetime) -> bool:
    start, end = tariff.get("start_date_time"), tariff.get("end_date_time")
    return (start is None or parse_timestamp(start) <= at) and (end is None or at < parse_timestamp(end))
