"""The periods of a charge, in order, each with what was true when it began.

A CDR lists moments and volumes; a tariff asks how much energy had flowed, how long the session had lasted, what the
clock on the wall said, which power was drawn. This file turns the first into the second:

1. Periods are put in ascending order; each ends where the next starts, the last at the end of the CDR.
2. A period is never split or interpolated: its state is that of its first instant. (`closing()` gives that of its last,
   to find out whether the price should have changed in between.)
3. Energy so far is the sum of earlier periods; the session's seconds count from the first period that is not a
   reservation, the reservation's from the first that is.

[mod_cdrs_charging_period_class]
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import msgspec

from evmesh.base.findings import Finding, Severity, pointer
from evmesh.ocpi.cdrs import CdrDimensionType
from evmesh.ocpi.types import parse_timestamp
from evmesh.pricing.exact import NotANumber, number, number_in_text, printed_decimals, shown
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.volumes import HOUR, seconds_meant

Document = Mapping[str, Any]

SESSION_DIMENSIONS = ("ENERGY", "TIME", "PARKING_TIME")
RESERVATION_DIMENSIONS = ("RESERVATION_TIME", "RESERVATION_EXPIRES", "RESERVATION_OVERTIME")
TIMES = frozenset({"TIME", "PARKING_TIME", *RESERVATION_DIMENSIONS})

_KNOWN = frozenset(CdrDimensionType) | {"FLAT"}
_OFFSET = re.compile(r"[+-]\d\d:?\d\d\s*$")
_INSTANT = timedelta(microseconds=1)
# The last digit of an energy as CDRs print it, in kWh.
ENERGY_DIGIT = Fraction(1, 10_000)
# Local clocks and the moments just before must still be in the calendar.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000


class Band(msgspec.Struct, frozen=True):
    """The least and highest power (kW) or current (A) of a period."""

    low: Fraction
    high: Fraction


class State(msgspec.Struct, frozen=True):
    """What a tariff's restrictions are held against: one instant of a charge."""

    local: datetime
    energy: Fraction
    seconds: Fraction
    power: Band | None
    mean_power: Fraction | None
    current: Band | None
    # At the end of a period, figures that rise have just not been reached.
    energy_rises: bool = False
    seconds_rise: bool = False


class Period(msgspec.Struct, frozen=True):
    """One charging period; energy in kWh, every time in seconds. `index` is its place in the document."""

    index: int
    start: datetime
    end: datetime
    volumes: dict[str, Fraction]
    tariff_id: str | None
    reservation: bool
    energy_before: Fraction
    seconds_before: Fraction
    power: Band | None
    current: Band | None

    @property
    def pointer(self) -> str:
        return pointer("charging_periods", self.index)

    @property
    def seconds(self) -> Fraction:
        """Its length by the clock."""
        return exact_seconds(self.end - self.start)

    @property
    def mean_power(self) -> Fraction | None:
        """Energy by time, in kW: the charging time where it is given, else the whole period."""
        seconds = self.volumes.get("TIME") or self.seconds
        energy = self.volumes.get("ENERGY")
        return None if energy is None or seconds <= 0 else energy * HOUR / seconds

    def opening(self, zone: tzinfo) -> State:
        """The state at the first instant."""
        return State(
            self.start.astimezone(zone),
            self.energy_before,
            self.seconds_before,
            self.power,
            self.mean_power,
            self.current,
        )

    def closing(self, zone: tzinfo) -> State:
        """The state at the last instant, in which figures that rise have just not been reached.

        A register that falls says a digit late that it left a tier: 9.9999 kWh close what began at 10.
        """
        used = self.volumes.get("ENERGY", Fraction(0))
        return State(
            (self.end - _INSTANT).astimezone(zone),
            self.energy_before + used + (ENERGY_DIGIT if used < 0 else 0),
            self.seconds_before + self.seconds,
            self.power,
            self.mean_power,
            self.current,
            energy_rises=used > 0,
            seconds_rise=self.seconds > 0,
        )


class Timeline(msgspec.Struct, frozen=True):
    """A charge as the engine reads it."""

    start: datetime
    end: datetime
    currency: str
    periods: tuple[Period, ...]
    booked: bool
    token_type: str
    country: str
    zone_name: str | None

    @property
    def reservation_only(self) -> bool:
        """Whether nothing but a reservation took place. [mod_cdrs_cdr_object]"""
        return all(period.reservation for period in self.periods)

    def total(self, dimension: str) -> Fraction:
        """The sum of a dimension: kWh or seconds."""
        return sum((period.volumes.get(dimension, Fraction(0)) for period in self.periods), Fraction(0))


def exact_seconds(span: timedelta) -> Fraction:
    """A span of time without a float."""
    return Fraction(span.days * 86_400 + span.seconds) + Fraction(span.microseconds, 1_000_000)


def read_timeline(cdr: Document, policy: PricingPolicy) -> tuple[Timeline | None, list[Finding]]:
    """The timeline of a canonical CDR, and what is odd. None, with a fatal finding, when it cannot be priced."""
    reader = _Reader(policy)
    timeline = reader.timeline(cdr)
    refused = any(finding.fatal for finding in reader.findings)
    return (None if refused else timeline), reader.findings


class _Raw(msgspec.Struct, frozen=True):
    """A period before its end is known."""

    index: int
    start: datetime
    dimensions: dict[str, Any]
    tariff_id: str | None


class _Reader:
    """Reads one CDR and remembers what was odd."""

    def __init__(self, policy: PricingPolicy) -> None:
        self.policy = policy
        self.findings: list[Finding] = []

    def say(self, severity: Severity, code: str, at: str, message: str, fatal: bool = False) -> None:
        self.findings.append(Finding(severity, code, at, message, fatal))

    def refuse(self, code: str, at: str, message: str) -> None:
        self.say("error", code, at, message, fatal=True)

    def timeline(self, cdr: Document) -> Timeline | None:
        start = self.moment(cdr.get("start_date_time"), "/start_date_time")
        end = self.moment(cdr.get("end_date_time"), "/end_date_time")
        raw = self.raw_periods(cdr.get("charging_periods"))
        if start is None or end is None or not raw:
            return None
        if end < start:
            self.refuse("ends_before_start", "/end_date_time", "the charge ends before it starts")
            return None
        raw = self.ordered(raw)
        self.outside(raw, start, end)
        currency = cdr.get("currency")
        if not isinstance(currency, str) or not currency:
            self.refuse("currency_missing", "/currency", "a CDR needs a currency")
        token, place = _object(cdr.get("cdr_token")), _object(cdr.get("cdr_location"))
        return Timeline(
            start=start,
            end=end,
            currency=str(currency or "").upper(),
            periods=self.periods(raw, end),
            booked=bool(cdr.get("booking_id")),
            token_type=str(token.get("type") or ""),
            country=str(place.get("country") or ""),
            zone_name=place.get("time_zone"),
        )

    def moment(self, text: Any, at: str) -> datetime | None:
        try:
            moment = parse_timestamp(text)
        except (ValueError, TypeError, AttributeError):
            self.refuse("not_a_timestamp", at, f"{shown(text)} is not a timestamp")
            return None
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            self.refuse("not_a_timestamp", at, f"{text} is beyond the calendar")
            return None
        if _OFFSET.search(text):
            self.say("warning", "timestamp_with_offset", at, "timestamps are UTC; the offset was reckoned with")
        return moment

    def raw_periods(self, given: Any) -> list[_Raw]:
        if not isinstance(given, list) or not given:
            self.refuse("no_periods", "/charging_periods", "a charge without periods cannot be priced")
            return []
        found: list[_Raw] = []
        for index, period in enumerate(given):
            at = pointer("charging_periods", index)
            if not isinstance(period, Mapping):
                self.refuse("not_an_object", at, "a charging period is an object")
                continue
            start = self.moment(period.get("start_date_time"), at + "/start_date_time")
            dimensions = self.dimensions(period.get("dimensions"), at + "/dimensions")
            tariff_id = period.get("tariff_id")
            if start is not None:
                found.append(_Raw(index, start, dimensions, str(tariff_id) if tariff_id else None))
        return found

    def dimensions(self, given: Any, at: str) -> dict[str, Any]:
        """The volumes by type, as the document has them; a type that stands twice is summed."""
        found: dict[str, Any] = {}
        if not isinstance(given, list):
            self.refuse("not_a_list", at, "dimensions are a list")
            return found
        for index, dimension in enumerate(given):
            place = f"{at}/{index}"
            if not isinstance(dimension, Mapping):
                self.refuse("not_an_object", place, "a dimension is an object")
                continue
            kind, volume = dimension.get("type"), dimension.get("volume")
            if not isinstance(kind, str) or kind not in _KNOWN:
                near = difflib.get_close_matches(str(kind).upper(), list(_KNOWN), 1, 0.6)
                hint = f"; did you mean {near[0]}?" if near else ""
                self.say(
                    "error", "unknown_dimension", place + "/type", f"{shown(kind)} is not a dimension{hint}", bool(near)
                )
                continue
            if isinstance(volume, str):
                volume = self.from_text(volume, place + "/volume")
            try:
                value = number(volume)
            except NotANumber as reason:
                self.refuse("not_a_number", place + "/volume", f"volume: {reason}")
                continue
            if kind in TIMES and value < 0:
                self.refuse("negative_time", place + "/volume", f"{kind} cannot be negative")
            if printed_decimals(volume) > 9:
                self.say("warning", "too_many_digits", place + "/volume", f"{volume} has more digits than any meter")
            if kind in found:
                self.say("warning", "duplicate_dimension", place, f"{kind} stands twice in the period; summed")
                volume = found[kind] + volume
            found[kind] = volume
        return found

    def from_text(self, text: str, at: str) -> Any:
        try:
            number_in_text(text)
        except NotANumber:
            return text
        self.say("warning", "number_as_text", at, f"the volume is text, read as {text.strip()}")
        return Decimal(text.strip())

    def ordered(self, raw: list[_Raw]) -> list[_Raw]:
        in_order = sorted(raw, key=lambda period: period.start)
        if in_order != raw:
            late = next(b for a, b in pairwise(raw) if b.start < a.start)
            at = pointer("charging_periods", late.index)
            self.say("warning", "periods_out_of_order", at, "periods are not in ascending order; sorted")
        for before, after in pairwise(in_order):
            if before.start == after.start and before.dimensions and after.dimensions:
                at = pointer("charging_periods", after.index)
                self.say("warning", "periods_start_together", at, f"starts with period {before.index}")
        return in_order

    def outside(self, raw: list[_Raw], start: datetime, end: datetime) -> None:
        for period in raw:
            if not start <= period.start <= end:
                at = pointer("charging_periods", period.index, "start_date_time")
                self.say("warning", "periods_outside_session", at, "the period starts outside the charge")
                return

    def periods(self, raw: list[_Raw], end: datetime) -> tuple[Period, ...]:
        found: list[Period] = []
        energy = Fraction(0)
        charging_from: datetime | None = None
        reserved_from: datetime | None = None
        for each, following in zip(raw, [*raw[1:], None], strict=True):
            until = following.start if following else max(end, each.start)
            length = exact_seconds(until - each.start)
            volumes = self.volumes(each.dimensions, length)
            reservation = any(volumes.get(kind) for kind in RESERVATION_DIMENSIONS[:2]) and not any(
                volumes.get(kind) for kind in SESSION_DIMENSIONS
            )
            if not reservation and charging_from is None:
                charging_from = each.start
            if reservation and reserved_from is None:
                reserved_from = each.start
            origin = reserved_from if reservation else charging_from
            if origin is None or self.policy.duration_from == "reservation":
                origin = raw[0].start
            found.append(
                Period(
                    index=each.index,
                    start=each.start,
                    end=until,
                    volumes=volumes,
                    tariff_id=each.tariff_id,
                    reservation=reservation,
                    energy_before=energy,
                    seconds_before=exact_seconds(each.start - origin),
                    power=_band(each.dimensions, "POWER"),
                    current=_band(each.dimensions, "CURRENT"),
                )
            )
            energy += volumes.get("ENERGY", 0)
        return tuple(found)

    def volumes(self, dimensions: dict[str, Any], length: Fraction) -> dict[str, Fraction]:
        literally = self.policy.hours == "printed"
        found: dict[str, Fraction] = {}
        if "ENERGY" in dimensions:
            found["ENERGY"] = number(dimensions["ENERGY"])
        for kind in TIMES & dimensions.keys():
            found[kind] = seconds_meant(dimensions[kind], length, literally=literally)
        if self.policy.missing_time == "clock" and not TIMES & found.keys():
            found["TIME"] = length
        return found


def _object(given: Any) -> Document:
    return given if isinstance(given, Mapping) else {}


def _band(dimensions: dict[str, Any], kind: str) -> Band | None:
    """The range that a period reports; one bound stands in for the other, the session's mean for both."""
    low = dimensions.get("MIN_" + kind)
    high = dimensions.get("MAX_" + kind)
    mean = dimensions.get(kind)
    low, high = (high if low is None else low), (low if high is None else high)
    if low is None:
        low = high = mean
    return None if low is None else Band(number(low), number(high))
