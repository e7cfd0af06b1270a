"""From meter values to charging periods, and from charging periods to money.

A station tells registers, power and whether the car takes current. A CDR wants charging periods that start at every
moment at which the tariff's price changes. In between lies this file:

1. Between two readings energy flows evenly; status, power and current are those of the first.
2. Each stretch is cut where the tariff's clock, duration or energy limits fall, and at every reading.
3. Stretches in which the same components hold, with the same status, are joined again: a CDR lists no period for
   nothing.
4. Energies are printed at four decimals of the *total so far*, so that no digit is lost or invented by cutting.
5. The time before charging that was reserved is a period of its own kind.

`price()` on the result finds the same component over the whole of every period. [mod_cdrs_charging_period_class]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal

import msgspec

from evmesh.base.findings import Finding, fatal
from evmesh.ocpi.types import timestamp
from evmesh.pricing.bill import FIELDS, Bill, plain
from evmesh.pricing.boundaries import clock_moments, duration_moments, energy_thresholds, evenly
from evmesh.pricing.exact import rounded
from evmesh.pricing.lookup import SESSION, find, preferences
from evmesh.pricing.plan import Plan, read_plan
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.price import price
from evmesh.pricing.timeline import ENERGY_DIGIT, Band, State, exact_seconds
from evmesh.pricing.volumes import HOUR
from evmesh.pricing.zones import time_zone

Document = dict[str, Any]
Status = Literal["charging", "parking"]

PLACES = 4
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST = timedelta(days=400)


class Reading(msgspec.Struct, frozen=True):
    """What the meter said, and what was so from then on: `energy_kwh` is the register, not the difference.

    `parking` means that the car asks for no power; current is the sum over the phases.
    [mod_cdrs_cdr_dimension_type_enum]
    """

    moment: datetime
    energy_kwh: Decimal
    status: Status = "charging"
    power_kw: Decimal | None = None
    current_a: Decimal | None = None


class ImpossibleReadings(ValueError):
    """Meter values from which no charge can be told: out of order, or a register that runs backwards."""


class CannotBePriced(ValueError):
    """No figure can be relied on; `findings` say why."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        reasons = [each for each in self.findings if each.severity == "error"] or list(self.findings)
        super().__init__("; ".join(str(finding) for finding in reasons) or "the amount before taxes is not known")


def charging_periods(
    readings: Sequence[Reading],
    tariff: Mapping[str, Any] | None,
    zone: str,
    *,
    until: datetime | None = None,
    reserved_from: datetime | None = None,
    booked: bool = False,
    feeds_in: bool = False,
    policy: PricingPolicy = STANDARD,
) -> list[Document]:
    """The ChargingPeriods of a charge, as documents, cut where the price of the canonical `tariff` changes.

    `readings` are in order of time; the first is the start of the session. `until` is the end of the charge (or now),
    the last reading's moment when None. `reserved_from` is when a reservation began; without readings it makes the
    periods of one that was never used. `booked` says that it was a booking. `feeds_in` lets the register fall (V2G).
    Without a tariff only the status cuts.

    ImpossibleReadings, CannotBePriced (a tariff that cannot be read) or UnknownZone are raised.
    """
    plan = None
    if tariff is not None:
        plan, findings = read_plan(tariff, place="/tariffs/0")
        if plan is None:
            raise CannotBePriced(findings)
    clock = time_zone(zone)
    readings = _checked(readings, feeds_in)
    until = _whole(until) if until is not None else readings[-1].moment if readings else None
    if until is None or (readings and until < readings[-1].moment):
        raise ImpossibleReadings("the charge must end, and not before its last reading")
    begun = reserved_from or (readings[0].moment if readings else until)
    if until - begun > _LONGEST:
        raise ImpossibleReadings(f"a charge does not last from {timestamp(begun)} until {timestamp(until)}")
    pieces: list[_Piece] = []
    if reserved_from is not None:
        starts = readings[0].moment if readings else until
        lone = not readings
        kinds = preferences("RESERVATION_TIME", booked=booked, lone=lone, cancelled=False, expiry_reported=False)
        pieces += _reserved(_whole(reserved_from), starts, plan, clock, kinds, policy)
    pieces += _charged(readings, until, plan, clock, policy)
    return [piece.document(plan) for piece in _joined(pieces) if piece.end > piece.start]


def cdr_costs(
    cdr: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]] | None,
    zone: str | None,
    policy: PricingPolicy = STANDARD,
    *,
    taxes_known: bool = True,
) -> dict[str, Document]:
    """total_cost and the part costs that apply, as Price documents at four decimals, halves up.

    They are the CDR's own fields: merge them into it. CannotBePriced when any figure would be a guess.
    """
    bill = price(cdr, tariffs, zone, policy, taxes_known=taxes_known)
    return costs_of(bill)


def costs_of(bill: Bill) -> dict[str, Document]:
    """The cost fields of a bill. CannotBePriced when there is an error in it or the amount before taxes is unknown."""
    whole = bill.total_price()
    if whole is None or any(finding.severity == "error" for finding in bill.findings) or fatal(bill.findings):
        raise CannotBePriced(bill.findings)
    costs = {"total_cost": whole}
    for field in FIELDS:
        part = bill.field_price(field)
        if part is not None:
            costs[field] = part
    return costs


def running_cost(
    session: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]] | None,
    zone: str | None,
    policy: PricingPolicy = STANDARD,
    *,
    until: datetime,
    taxes_known: bool = True,
) -> Document:
    """What a canonical Session costs if it ended `until`, as a Price document: the same figure its CDR would carry.

    CannotBePriced when any figure would be a guess; a session without periods costs nothing yet.
    """
    if not session.get("charging_periods"):
        return {"before_taxes": 0, "taxes": []}
    bill = running_bill(session, tariffs, zone, policy, until=until, taxes_known=taxes_known)
    return costs_of(bill)["total_cost"]


def running_bill(
    session: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]] | None,
    zone: str | None,
    policy: PricingPolicy = STANDARD,
    *,
    until: datetime,
    taxes_known: bool = True,
) -> Bill:
    """The bill of a Session as if it ended `until`."""
    so_far = {**session, "end_date_time": session.get("end_date_time") or timestamp(until)}
    return price(so_far, tariffs, zone, policy, taxes_known=taxes_known)


class _Piece(msgspec.Struct, frozen=True):
    """A stretch of time in which nothing changes; energies are totals so far."""

    start: datetime
    end: datetime
    energy_from: Fraction
    energy_to: Fraction
    dimension: str
    signature: tuple[object, ...]
    power: tuple[Fraction, Fraction] | None
    current: tuple[Fraction, Fraction] | None

    def document(self, plan: Plan | None) -> Document:
        """The piece as a ChargingPeriod."""
        hours = rounded(exact_seconds(self.end - self.start) / HOUR, PLACES)
        used = rounded(self.energy_to, PLACES) - rounded(self.energy_from, PLACES)
        dimensions = [{"type": "ENERGY", "volume": plain(used)}] if used or self.dimension == "TIME" else []
        dimensions.append({"type": self.dimension, "volume": plain(hours)})
        for kind, band in (("POWER", self.power), ("CURRENT", self.current)):
            if band is not None:
                for name, figure in zip(("MIN_", "MAX_"), band, strict=True):
                    dimensions.append({"type": name + kind, "volume": plain(rounded(figure, PLACES))})
        period: Document = {"start_date_time": timestamp(self.start), "dimensions": dimensions}
        return period | ({"tariff_id": plan.id} if plan is not None and plan.id else {})


def _checked(readings: Sequence[Reading], feeds_in: bool) -> list[Reading]:
    found = [msgspec.structs.replace(reading, moment=_whole(reading.moment)) for reading in readings]
    for reading in found:
        if not reading.energy_kwh.is_finite() or abs(reading.energy_kwh) > 10**10:
            raise ImpossibleReadings(f"{reading.energy_kwh} is no register")
    for before, after in pairwise(found):
        if after.moment < before.moment:
            raise ImpossibleReadings(f"the reading of {timestamp(after.moment)} comes after a later one")
        if after.energy_kwh < before.energy_kwh and not feeds_in:
            text = f"the register fell from {before.energy_kwh} to {after.energy_kwh} kWh at {timestamp(after.moment)}"
            raise ImpossibleReadings(text)
    return found


def _whole(moment: datetime) -> datetime:
    """The moment as timestamps can say it: UTC, whole milliseconds."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _reserved(
    start: datetime, end: datetime, plan: Plan | None, zone: tzinfo, kinds: Sequence[str], policy: PricingPolicy
) -> list[_Piece]:
    plans = [plan] if plan is not None else []
    cuts = clock_moments(plans, start, end, zone) | duration_moments(plans, start, start, end)
    found = []
    for one, other in pairwise([start, *sorted(cuts), end]):
        state = State(one.astimezone(zone), Fraction(0), exact_seconds(one - start), None, None, None)
        signature = _signature(plan, ("TIME", "FLAT"), state, policy, kinds)
        found.append(_Piece(one, other, Fraction(0), Fraction(0), "RESERVATION_TIME", signature, None, None))
    return found


def _charged(
    readings: Sequence[Reading], until: datetime, plan: Plan | None, zone: tzinfo, policy: PricingPolicy
) -> list[_Piece]:
    if not readings:
        return []
    plans = [plan] if plan is not None else []
    limits = [_sayable(kwh) for kwh in energy_thresholds(plans)]
    origin, register = readings[0].moment, Fraction(readings[0].energy_kwh)
    last = msgspec.structs.replace(readings[-1], moment=until)
    found: list[_Piece] = []
    for reading, following in pairwise([*readings, last]):
        start, end = reading.moment, following.moment
        if start == end:
            continue
        before, after = Fraction(reading.energy_kwh) - register, Fraction(following.energy_kwh) - register
        energies = {start: before, end: after}
        if after != before:
            reached = evenly(start, end, before, after - before)
            low, high = sorted((before, after))
            # What falls has left a tier only below its bound.
            for kwh in limits if after > before else [limit - ENERGY_DIGIT for limit in limits]:
                if low < kwh < high and start < (moment := _later(reached(kwh))) < end:
                    energies[moment] = kwh
        cuts = clock_moments(plans, start, end, zone) | duration_moments(plans, origin, start, end)
        for moment in cuts - energies.keys():
            energies[moment] = before + (after - before) * exact_seconds(moment - start) / exact_seconds(end - start)
        for one, other in pairwise(sorted(energies)):
            found.append(_stretch(one, other, energies, reading, origin, plan, zone, policy))
    return found


def _stretch(
    start: datetime,
    end: datetime,
    energies: Mapping[datetime, Fraction],
    reading: Reading,
    origin: datetime,
    plan: Plan | None,
    zone: tzinfo,
    policy: PricingPolicy,
) -> _Piece:
    dimension = "TIME" if reading.status == "charging" else "PARKING_TIME"
    power = _reported(reading.power_kw)
    if power is None and plan is not None and _limits_power(plan):
        mean = (energies[end] - energies[start]) * HOUR / exact_seconds(end - start)
        power = Fraction(rounded(mean, PLACES))
    current = _reported(reading.current_a)
    band = None if power is None else Band(power, power)
    ampere = None if current is None else Band(current, current)
    so_far = Fraction(rounded(energies[start], PLACES))
    state = State(start.astimezone(zone), so_far, exact_seconds(start - origin), band, None, ampere)
    # What flows back is told apart from what was drawn, whatever either costs.
    back = energies[end] < energies[start]
    met = _signature(plan, ("ENERGY", dimension, "FLAT"), state, policy, SESSION)
    signature = (back, *_sides(plan, power, current), *met)
    return _Piece(
        start,
        end,
        energies[start],
        energies[end],
        dimension,
        signature,
        None if power is None else (power, power),
        None if current is None else (current, current),
    )


def _signature(
    plan: Plan | None, dimensions: Sequence[str], state: State, policy: PricingPolicy, kinds: Sequence[str]
) -> tuple[object, ...]:
    """Which component each dimension meets."""
    if plan is None:
        return ()
    matches = [find(plan, dimension, state, policy, kinds) for dimension in dimensions]
    return tuple(None if match is None else (match[1].element, match[1].index) for match in matches)


def _sides(plan: Plan | None, power: Fraction | None, current: Fraction | None) -> tuple[object, ...]:
    """On which side of each limit they lie: a period that crosses one is read in two ways by those who price it."""
    return tuple(
        value >= limit
        for element in (plan.elements if plan is not None else ())
        for value, limits in (
            (power, (element.restrictions.min_power, element.restrictions.max_power)),
            (current, (element.restrictions.min_current, element.restrictions.max_current)),
        )
        for limit in limits
        if value is not None and limit is not None
    )


def _joined(pieces: Sequence[_Piece]) -> list[_Piece]:
    found: list[_Piece] = []
    for piece in pieces:
        before = found[-1] if found else None
        same = before is not None and (before.dimension, before.signature, before.power is None, before.current is None)
        if before is not None and same == (
            piece.dimension,
            piece.signature,
            piece.power is None,
            piece.current is None,
        ):
            found[-1] = msgspec.structs.replace(
                before,
                end=piece.end,
                energy_to=piece.energy_to,
                power=_wider(before.power, piece.power),
                current=_wider(before.current, piece.current),
            )
        else:
            found.append(piece)
    return found


def _wider(
    one: tuple[Fraction, Fraction] | None, other: tuple[Fraction, Fraction] | None
) -> tuple[Fraction, Fraction] | None:
    return None if one is None or other is None else (min(one[0], other[0]), max(one[1], other[1]))


def _reported(figure: Decimal | None) -> Fraction | None:
    return None if figure is None else Fraction(rounded(Fraction(figure), PLACES))


def _limits_power(plan: Plan) -> bool:
    return any(
        element.restrictions.min_power is not None or element.restrictions.max_power is not None
        for element in plan.elements
    )


def _later(moment: datetime) -> datetime:
    """The same moment or the next whole millisecond."""
    whole = _whole(moment)
    return whole if whole == moment else whole + _MILLISECOND


def _sayable(kwh: Fraction) -> Fraction:
    """The energy, or the next one that four decimals can say."""
    return Fraction(rounded(kwh, PLACES, "up"))
