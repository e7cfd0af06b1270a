"""Rules that span fields: what the specification asks for in prose, one row each.

Each row says which object it is about and yields what is broken: (code, place below the object, message). They make
findings, not refusals: what they protect can usually still be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from evmesh.base.findings import Severity
from evmesh.ocpi.schema import SESSION_ONLY, Rules

Document = dict[str, Any]
Broken = Iterable[tuple[str, tuple[str | int, ...], str]]


@dataclass(frozen=True, slots=True)
class Constraint:
    """`on_parts`: also judged on a PATCH, which shows only some fields. `words`: one of them stands in
    the text of a document that has such an object with something to judge, so that most need not be looked through."""

    broken: Callable[[Document, Rules], Broken]
    severity: Severity = "error"
    on_parts: bool = False
    words: tuple[bytes, ...] = ()


def _publish_token(token: Document, rules: Rules) -> Broken:
    """[mod_locations_publish_token_class]"""
    if not any(token.get(name) for name in ("uid", "visual_number", "group_id")):
        yield "publish_token", (), "one of uid, visual_number, group_id is needed"
    if token.get("uid") and not token.get("type"):
        yield "publish_token", ("type",), "a uid needs a type"
    if token.get("visual_number") and not token.get("issuer"):
        yield "publish_token", ("issuer",), "a visual_number needs an issuer"


def _publish(location: Document, rules: Rules) -> Broken:
    if location.get("publish") is True and location.get("publish_allowed_to"):
        yield (
            "publish_allowed_to",
            ("publish_allowed_to",),
            "only a Location with publish false may name tokens",
        )


def _hours(hours: Document, rules: Rules) -> Broken:
    """[mod_locations_hours_class]"""
    if rules.objects["Hours"].one_of:
        return
    if hours.get("twentyfourseven") is False and not hours.get("regular_hours"):
        yield "hours", ("regular_hours",), "regular_hours are needed when it is not open day and night"
    if hours.get("twentyfourseven") is True and hours.get("regular_hours"):
        yield "hours", ("regular_hours",), "regular_hours beside twentyfourseven true"


def _hours_missing(hours: Document, rules: Rules) -> Broken:
    for group in rules.objects["Hours"].one_of:
        if not any(hours.get(part) is not None for part in group):
            yield "missing", (), f"one of {', '.join(group)} is required"


def _hours_choice(hours: Document, rules: Rules) -> Broken:
    """In 2.1.1 the two exclude each other, though its own example shows both."""
    if rules.objects["Hours"].one_of and hours.get("twentyfourseven") is not None and hours.get("regular_hours"):
        yield "hours", ("regular_hours",), "only one of regular_hours and twentyfourseven may stand"


def _weekday(hours: Document, rules: Rules) -> Broken:
    weekday = hours.get("weekday")
    if isinstance(weekday, int) and not 1 <= weekday <= 7:
        yield "weekday", ("weekday",), "a weekday is 1 (Monday) to 7 (Sunday)"
    begin, end = hours.get("period_begin"), hours.get("period_end")
    if isinstance(begin, str) and isinstance(end, str) and end <= begin:
        yield "period_order", ("period_end",), "a period ends after it begins"


def _cdr(cdr: Document, rules: Rules) -> Broken:
    """[mod_cdrs_credit_cdrs]"""
    if "credit" not in rules.objects["CDR"].fields:
        return
    if cdr.get("credit") and not cdr.get("credit_reference_id"):
        yield "credit", ("credit_reference_id",), "a credit CDR names the CDR that it credits"
    if isinstance(cdr.get("id"), str) and len(cdr["id"]) > 36 and not cdr.get("credit"):
        yield "too_long", ("id",), "only the id of a credit CDR may exceed 36 characters"
    for index, period in enumerate(cdr.get("charging_periods") or ()):
        for place, dimension in enumerate(period.get("dimensions") or ()):
            if dimension.get("type") in SESSION_ONLY:
                where = ("charging_periods", index, "dimensions", place, "type")
                yield "session_only", where, f"{dimension['type']} belongs to Sessions only"


def _energy_mix(mix: Document, rules: Rules) -> Broken:
    shares = [source.get("percentage") for source in mix.get("energy_sources") or ()]
    if shares and all(isinstance(share, int | Decimal) for share in shares):
        total = sum(shares, Decimal(0))
        if abs(total - 100) > Decimal("0.01"):
            yield "energy_mix", ("energy_sources",), f"the shares add up to {total}, not to 100"


def _start_session(start: Document, rules: Rules) -> Broken:
    if start.get("connector_id") and not start.get("evse_uid"):
        yield "connector_without_evse", ("connector_id",), "a connector_id needs an evse_uid"


def _tariff_element(element: Document, rules: Rules) -> Broken:
    restrictions = element.get("restrictions") or {}
    if restrictions.get("reservation") or restrictions.get("booking"):
        for index, component in enumerate(element.get("price_components") or ()):
            if component.get("type") not in ("FLAT", "TIME"):
                where = ("price_components", index, "type")
                yield "reservation_dimension", where, "a reservation is priced by FLAT and TIME only"


def _parking(location: Document, rules: Rules) -> Broken:
    """[mod_locations_parking_class]"""
    if not location.get("parking_places"):
        return
    known: set[Any] = set()
    for index, place in enumerate(location["parking_places"]):
        if place.get("id") in known:
            yield "parking_id", ("parking_places", index, "id"), "the id stands twice in this Location"
        known.add(place.get("id"))
    for index, evse in enumerate(location.get("evses") or ()):
        for number, parking in enumerate(evse.get("parking") or ()):
            if parking.get("parking_id") not in known:
                where = ("evses", index, "parking", number, "parking_id")
                yield "parking_id", where, f"this Location has no parking place {parking.get('parking_id')}"


def _roles(credentials: Document, rules: Rules) -> Broken:
    seen = set()
    for index, role in enumerate(credentials.get("roles") or ()):
        key = tuple(str(role.get(name, "")).casefold() for name in ("role", "party_id", "country_code"))
        if key in seen:
            yield "role_twice", ("roles", index), "the same party stands twice in the same role"
        seen.add(key)


def _charge_state(dimension: Document, rules: Rules) -> Broken:
    volume = dimension.get("volume")
    if dimension.get("type") == "STATE_OF_CHARGE" and isinstance(volume, int | Decimal) and not 0 <= volume <= 100:
        yield "out_of_range", ("volume",), "a state of charge is 0 to 100 percent"


def _profile_result(result: Document, rules: Rules) -> Broken:
    if (result.get("result") == "ACCEPTED") != (result.get("profile") is not None):
        yield "profile_result", ("profile",), "a profile stands exactly when the result is ACCEPTED"


def _booking_location(place: Document, rules: Rules) -> Broken:
    if not place.get("booking_option") and not place.get("evse_uid"):
        yield "booking_option", ("booking_option",), "what can be booked must be said"


CONSTRAINTS: dict[str, tuple[Constraint, ...]] = {
    "PublishTokenType": (Constraint(_publish_token, words=(b'"publish_allowed_to"',)),),
    "Location": (Constraint(_publish, on_parts=True), Constraint(_parking)),
    "Hours": (Constraint(_hours), Constraint(_hours_missing), Constraint(_hours_choice, "warning")),
    "RegularHours": (Constraint(_weekday, words=(b'"regular_hours"',)),),
    "CDR": (Constraint(_cdr),),
    "EnergyMix": (Constraint(_energy_mix, "warning", words=(b'"energy_sources"',)),),
    "StartSession": (Constraint(_start_session),),
    "TariffElement": (Constraint(_tariff_element, words=(b'"reservation"', b'"booking"')),),
    "Credentials": (Constraint(_roles),),
    "CdrDimension": (Constraint(_charge_state, words=(b'"STATE_OF_CHARGE"',)),),
    "ActiveChargingProfileResult": (Constraint(_profile_result),),
    "BookingLocation": (Constraint(_booking_location, "warning"),),
}
