"""What the readers of registers share: the result of a conversion, and how raw values become OCPI's.

A register is people's typing: a value may be missing, of the wrong type, too long or nonsense. So every rule that
decides for a value is a *policy* with a code; a reader lists its policies in one table, and `Findings.say` accepts no
other code. What a register says well is converted without a word.

Pointers of findings: one that begins with `/rows/` is into the register (`/rows/17/horaires`: the field `horaires` of
row 17, counted from 1); every other one is into the document that came out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from evmesh.base.findings import Finding, Severity, pointer

Document = dict[str, Any]


class Policy(NamedTuple):
    """What is done about something odd. A *fatal* one costs the whole Location."""

    severity: Severity
    does: str
    fatal: bool = False


class Converted(msgspec.Struct, frozen=True):
    """A Location in canonical words, or None when it cannot be said; what was odd; the rows that it came from."""

    document: Document | None
    findings: list[Finding]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings about one Location, each under a policy of the reader's table (KeyError for any other code)."""

    policies: Mapping[str, Policy]
    found: list[Finding] = field(default_factory=list)

    def say(self, code: str, place: str, message: str) -> None:
        policy = self.policies[code]
        self.found.append(Finding(policy.severity, code, place, message, policy.fatal))


SHARED_POLICIES = {
    "not_a_row": Policy("error", "The row is left out: it is no JSON object.", fatal=True),
    "wrong_type": Policy("warning", "A list or an object where a plain value belongs is read as no value."),
    "text_cut": Policy("warning", "A text that is too long for its field is cut at the field's length."),
    "id_derived": Policy(
        "info",
        "An id that is missing or cannot be said (too long, not ASCII) is replaced by a digest of what names the "
        "thing in the register, the same at every import.",
    ),
    "evse_id_form": Policy("info", "An id that is no eMI3 EVSE ID stays the uid; evse_id is omitted."),
    "coordinates_unusable": Policy(
        "error", "Without a place on earth (unreadable, out of range, 0,0) there is no Location.", fatal=True
    ),
    "coordinates_swapped": Policy(
        "warning", "Latitude and longitude that lie in the country only when swapped are swapped."
    ),
    "coordinates_elsewhere": Policy("warning", "Coordinates outside the country they should be in are kept."),
    "hours_absent": Policy("info", "Opening times that the register does not tell are omitted."),
    "hours_unreadable": Policy("warning", "Opening times in words that no rule reads are omitted."),
    "hours_implausible": Policy("warning", "Less than an hour a week is a form's default, not opening times: omitted."),
    "date_unreadable": Policy("warning", "A missing or unreadable date of change becomes the moment of the import."),
    "date_in_future": Policy("warning", "A date of change that lies ahead becomes the moment of the import."),
    "no_sayable_plug": Policy(
        "warning",
        "The charge point is left out: an EVSE needs a connector, and no plug is named that ConnectorType can say "
        "in every release.",
    ),
    "power_unknown": Policy(
        "warning",
        "Without a readable power the plug's ordinary least rating is said, and max_electric_power is omitted.",
    ),
    "power_above_plug": Policy(
        "info", "A power above what the plug can carry is the charge point's: the connector says the plug's limit."
    ),
    "no_charge_point_left": Policy("error", "A place without any sayable charge point is left out.", fatal=True),
    "count_disagrees": Policy("info", "The announced number of charge points is not the number found: rows count."),
    "access_reserved": Policy("info", "Access for some only has no field that all releases share: not said."),
}


_PLAIN = (str, int, float, Decimal)
_NO_TEXT = {"", "-", "null", "none", "n/a", "na", "nan"}


def text(value: Any) -> str:
    """The value as one line of printable text, outer and repeated spaces gone; "" when it holds nothing."""
    if not isinstance(value, _PLAIN) or isinstance(value, bool):
        return ""
    line = " ".join(str(value).split())
    if not line.isprintable():
        line = " ".join("".join(c if c.isprintable() else " " for c in line).split())
    return "" if line.casefold() in _NO_TEXT else line


def cut(line: str, limit: int, place: str, findings: Findings) -> str:
    """The line, at most `limit` characters of it."""
    if len(line) <= limit:
        return line
    findings.say("text_cut", place, f"{len(line)} characters, {limit} at most: {line!r}")
    return line[:limit].rstrip()


def number(value: Any) -> Decimal | None:
    """The exact number that a JSON number or a text in digits says ("3,6" too); None for all else.

    Nothing in a register has more than thirty digits before or after the point; what has would only cost time.
    """
    if isinstance(value, bool) or not isinstance(value, _PLAIN):
        return None
    try:
        result = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation:
        return None
    return result if result.is_finite() and abs(result.adjusted()) <= 30 else None


_SAYABLE_ID = re.compile(r"[!-~]{1,36}")
_EVSE_ID = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9*]{1,31}", re.IGNORECASE)


def sayable_id(identifier: str) -> bool:
    """Whether an OCPI id can be it: printable ASCII without spaces, at most 36 characters. [types_cistring_type]"""
    return _SAYABLE_ID.fullmatch(identifier) is not None


def emi3(identifier: str) -> bool:
    """Whether it has the form of an EVSE ID, `SE*VLT*E1234`, separators optional. [mod_locations_evse_object]"""
    return _EVSE_ID.fullmatch(identifier) is not None


def derived_id(*names: str) -> str:
    """An id for what has no usable one: 32 hexadecimal digits that depend on the names alone."""
    return hashlib.sha256("\x1f".join(names).casefold().encode()).hexdigest()[:32]


def coordinates(where: Place) -> Document:
    """A GeoLocation: five to seven decimals, as many as the register gives. [mod_locations_geolocation_class]"""
    return {"latitude": _degrees(where.latitude, 10), "longitude": _degrees(where.longitude, 11)}


def _degrees(value: Decimal, longest: int) -> str:
    places = min(max(-int(value.as_tuple().exponent), 5), 7)
    written = f"{value:.{places}f}"
    # The field is one character short for the seventh decimal of -21.1234567.
    return written if len(written) <= longest else f"{value:.6f}"


class Box(NamedTuple):
    """A territory, roughly, and its time zone."""

    south: Decimal
    north: Decimal
    west: Decimal
    east: Decimal
    time_zone: str

    def holds(self, latitude: Decimal, longitude: Decimal) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


def box(south: str, north: str, west: str, east: str, time_zone: str) -> Box:
    return Box(Decimal(south), Decimal(north), Decimal(west), Decimal(east), time_zone)


class Place(NamedTuple):
    """Where something is: within one of the expected territories, or in none of them."""

    latitude: Decimal
    longitude: Decimal
    territory: Box | None


def place(
    latitude: Decimal | None, longitude: Decimal | None, territories: tuple[Box, ...], where: str, findings: Findings
) -> Place | None:
    """The place on earth, latitude and longitude put right; None, with its finding, when there is none."""
    if latitude is None or longitude is None:
        findings.say("coordinates_unusable", where, "no readable coordinates")
        return None
    for territory in territories:
        if territory.holds(latitude, longitude):
            return Place(latitude, longitude, territory)
    for territory in territories:
        if territory.holds(longitude, latitude):
            message = f"{latitude}, {longitude} lies in the country the other way round"
            findings.say("coordinates_swapped", "/coordinates", message)
            return Place(longitude, latitude, territory)
    if abs(latitude) > 90 or abs(longitude) > 180 or (abs(latitude) < 1 and abs(longitude) < 1):
        findings.say("coordinates_unusable", where, f"{latitude}, {longitude} is no place of a charge point")
        return None
    findings.say("coordinates_elsewhere", "/coordinates", f"{latitude}, {longitude} lies outside the country")
    return Place(latitude, longitude, None)


def changed_at(value: str, now: datetime, where: str, findings: Findings) -> datetime:
    """The moment of the last change: a day means its midnight in UTC, a time of day without zone is UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        findings.say("date_unreadable", where, f"{value!r} is no date" if value else "no date of change")
        return now
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if moment > now:
        findings.say("date_in_future", where, f"changed at {value}, which is after the import")
        return now
    return moment


def day(value: str) -> date | None:
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        return None


def row_pointer(row: int, *parts: str | int) -> str:
    """A place in the register."""
    return pointer("rows", row, *parts)


def business(name: str, where: str, findings: Findings) -> Document:
    """A company as BusinessDetails, its name within 100 characters."""
    return {"name": cut(name, 100, where, findings)}
