"""What the Nordic register answers: its policies, stations, and attributes by their codes."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evmesh.opendata.conversion import SHARED_POLICIES, Findings, Policy, row_pointer, text

POLICIES: Mapping[str, Policy] = SHARED_POLICIES | {
    "no_stations": Policy("error", "An answer without a list of stations gives no Locations.", fatal=True),
    "station_without_id": Policy("error", "A station without an id is left out.", fatal=True),
    "duplicate_station": Policy("error", "Of two stations with one id the first counts.", fatal=True),
    "country_unknown": Policy("error", "A country that the register does not cover gives no time zone.", fatal=True),
    "city_unknown": Policy("warning", "Without a city the municipality, else a dash, stands in its place."),
    "address_unknown": Policy("warning", "Without a street, the station's name or else its coordinates are said."),
    "capacity_disagrees": Policy(
        "warning", "A capacity of the other kind of current is not the plug's: its usual rating is said instead."
    ),
    "cable_unknown": Policy("info", "Type 2 without attribute 25 is said as a socket up to 32 A, a cable above."),
    "stale_status": Policy("info", "A status older than an hour, or without a time, is said as UNKNOWN."),
    "station_status_odd": Policy("warning", "The charge points of a station whose status is not 1 are UNKNOWN."),
    "parking_fee_unsaid": Policy("info", "That parking costs a fee is not said: a Location has no field for it."),
    "several_phones": Policy("info", "Of several phone numbers the first is said."),
}
"""What is done about each oddity. `conversion` has the policies that all registers share."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """Coded attributes by their types, whatever was between the braces."""

    by_type: Mapping[str, Mapping[str, Any]]

    def code(self, attribute: int) -> str:
        return text(self.by_type.get(str(attribute), {}).get("attrvalid"))

    def value(self, attribute: int) -> str:
        return text(self.by_type.get(str(attribute), {}).get("attrval"))


def attributes_of(raw: Any) -> Attributes:
    # The register's PHP writes an empty object as an empty list.
    items = raw.items() if isinstance(raw, dict) else ()
    return Attributes({str(key): value for key, value in items if isinstance(value, dict)})


@dataclass(frozen=True, slots=True)
class Station:
    """A station of the register, its number in the answer (from 1), and its findings so far."""

    number: int
    fields: Mapping[str, Any]
    attributes: Attributes
    connectors: Mapping[str, Attributes]
    findings: Findings

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        return text(html.unescape(value) if isinstance(value, str) else value)

    def at(self, *parts: str) -> str:
        return row_pointer(self.number, *parts)
