"""The rows of the French register: its policies, reading single values, and which rows belong to which station."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evmesh.opendata.conversion import (
    SHARED_POLICIES,
    Converted,
    Document,
    Findings,
    Policy,
    derived_id,
    row_pointer,
    sayable_id,
    text,
)

POLICIES: Mapping[str, Policy] = SHARED_POLICIES | {
    "row_without_id": Policy("error", "A row that names no station or no charge point is left out.", fatal=True),
    "duplicate_charge_point": Policy(
        "warning", "Of two rows about one charge point the newer counts, the first when they are of one day."
    ),
    "station_fields_disagree": Policy("warning", "Where rows of a station disagree about it, the newest speaks."),
    "not_a_boolean": Policy("warning", "A flag that is neither true nor false is read as not given."),
    "city_from_address": Policy(
        "info", "The city is taken from the address, which loses it where it stood at the end."
    ),
    "city_of_commune": Policy(
        "info", "The city is what most other addresses of the same INSEE commune in the register call it."
    ),
    "city_from_name": Policy("warning", "The city is guessed from the station's name."),
    "city_unknown": Policy(
        "warning", "Nothing names the city: the commune's INSEE code, else a dash, stands in its place."
    ),
    "commune_disagrees": Policy(
        "warning", "The address names another department than the INSEE code does: the address is believed."
    ),
    "postal_code_unknown": Policy("info", "A postal code that nothing tells is omitted."),
    "address_unknown": Policy("warning", "Without an address, the station's name or else its coordinates are said."),
    "address_over_45": Policy(
        "info", "The address is kept whole; where a release or a partner takes 45 characters, it is cut on the way out."
    ),
    "time_zone_assumed": Policy("warning", "Where neither codes nor coordinates tell, the mainland's zone is said."),
    "phone_unusable": Policy("warning", "A phone number without digits, too long, or a placeholder is omitted."),
    "power_in_watts": Policy("warning", "A power above 1000 kW can only be watts: divided by 1000."),
    "ac_power_assumed": Policy(
        "warning",
        "A power that Type 2 cannot carry is its DC neighbour's: Type 2 is said to have the usual 32 A (22 kW), and "
        "max_electric_power is omitted.",
    ),
    "cable_unknown": Policy("info", "Type 2 without cable_t2_attache is said as a socket up to 32 A, a cable above."),
    "other_plug_left_out": Policy("info", "A plug that is only called `other` is left out, its neighbours are said."),
    "every_plug_claimed": Policy("warning", "Five kinds of plug on one charge point are said as they stand, but one."),
    "two_wheelers_doubted": Policy(
        "warning", "A three-phase or DC charge point is not for two-wheelers alone, whatever the row says: not said."
    ),
    "accessibility_unsaid": Policy(
        "info", "An accessible place that can be reserved is not said: a Parking must tell whether it has to be."
    ),
}
"""What is done about each oddity. `conversion` has the policies that all registers share."""

_BOOLEANS: Mapping[Any, bool | None] = {
    True: True, "True": True, "true": True, "1": True,
    False: False, "False": False, "false": False, "0": False,
    None: None, "": None,
}  # fmt: skip
_WORDS = {
    "true": True,
    "vrai": True,
    "oui": True,
    "yes": True,
    "false": False,
    "faux": False,
    "non": False,
    "no": False,
}
_NO_ROAMING = "non concern"


@dataclass(slots=True)
class Row:
    """A row of the register with its number, counted from 1, and the EVSE uid that it gets."""

    number: int
    values: Mapping[str, Any]
    uid: str

    def text(self, name: str) -> str:
        return text(self.values.get(name))

    def flag(self, name: str, findings: Findings) -> bool | None:
        value = self.values.get(name)
        if value in _BOOLEANS:
            return _BOOLEANS[value]
        word = text(value).casefold()
        if word and word not in _WORDS:
            findings.say("not_a_boolean", self.at(name), f"{value!r} is neither true nor false")
        return _WORDS.get(word)

    def at(self, *parts: str) -> str:
        return row_pointer(self.number, *parts)


@dataclass(slots=True)
class Station:
    """The rows about one station, those that were passed over, and what was odd so far."""

    id: str
    rows: list[Row] = field(default_factory=list)
    passed_over: list[int] = field(default_factory=list)
    findings: Findings = field(default_factory=lambda: Findings(POLICIES))

    def newest(self) -> Row:
        """The row that speaks for the station."""
        return max(self.rows, key=lambda row: row.text("date_maj"))

    def row_numbers(self) -> tuple[int, ...]:
        return tuple(sorted([row.number for row in self.rows] + self.passed_over))


def grouped(rows: Iterable[Any]) -> tuple[list[Station], list[Converted]]:
    """The stations in the order of their first rows, charge points in the order of their uids; and rows of none."""
    stations: dict[str, Station] = {}
    charge_points: dict[str, list[tuple[Station, Row]]] = {}
    strays: list[Converted] = []
    for row_number, values in enumerate(rows, 1):
        findings = Findings(POLICIES)
        read = _read(row_number, values, findings)
        if read is None:
            strays.append(Converted(None, findings.found, (row_number,)))
            continue
        station_id, row = read
        station = stations.setdefault(_key(station_id), Station(station_id))
        station.findings.found.extend(findings.found)
        charge_points.setdefault(_key(row.uid), []).append((station, row))
    for claims in charge_points.values():
        _settle(claims)
    kept = [station for station in stations.values() if station.rows]
    for station in kept:
        station.rows.sort(key=lambda row: row.uid)
    return kept, strays


def _read(row_number: int, values: Any, findings: Findings) -> tuple[str, Row] | None:
    """The row and its station's id. A text in place of a row says what is wrong with it."""
    if not isinstance(values, dict):
        message = values[:200] if isinstance(values, str) else f"a {type(values).__name__} where a row belongs"
        findings.say("not_a_row", row_pointer(row_number), message)
        return None
    row = Row(row_number, _plain(row_number, values, findings), "")
    station_id = _identifier(row, "id_station_itinerance", "id_station_local", findings)
    row.uid = _identifier(row, "id_pdc_itinerance", "id_pdc_local", findings)
    if not station_id or not row.uid:
        findings.say("row_without_id", row.at(), f"the row names no {'charge point' if station_id else 'station'}")
        return None
    return station_id, row


def _plain(row_number: int, values: Document, findings: Findings) -> Document:
    """The row without lists and objects where plain values belong."""
    odd = [name for name, value in values.items() if isinstance(value, list | dict) and name != "coordonneesXY"]
    for name in odd:
        findings.say("wrong_type", row_pointer(row_number, name), f"a {type(values[name]).__name__} is no value here")
    return {name: value for name, value in values.items() if name not in odd} if odd else values


def _identifier(row: Row, name: str, local: str, findings: Findings) -> str:
    """The id in the roaming field, or one made of it or of the local id; "" when there is neither."""
    identifier = row.text(name)
    if sayable_id(identifier):
        return identifier
    if identifier.casefold().startswith(_NO_ROAMING):
        identifier = ""
    names = identifier or row.text(local)
    if not names:
        return ""
    findings.say("id_derived", row.at(name), f"{row.text(name)!r} cannot be the id; one is made of {names!r}")
    return derived_id(row.text("siren_amenageur") or row.text("nom_operateur"), names)


def _key(identifier: str) -> str:
    """What tells ids apart: neither case nor the separators of eMI3 do. [types_cistring_type]"""
    return identifier.replace("*", "").casefold()


def _settle(claims: list[tuple[Station, Row]]) -> None:
    """Gives a charge point to the station of the newest row about it, the first of several from one day."""
    station, newest = max(claims, key=lambda claim: claim[1].text("date_maj"))
    station.rows.append(newest)
    for _, row in claims:
        if row is not newest:
            station.passed_over.append(row.number)
            message = f"row {newest.number} is about the same charge point"
            station.findings.say("duplicate_charge_point", row.at("id_pdc_itinerance"), message)
