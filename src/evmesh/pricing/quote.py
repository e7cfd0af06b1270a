"""What a charge will cost: a price before there is anything to price.

"20 kWh now, two hours' stay" is turned into the meter values that such a charge would give, those into the periods of a
CDR, and that is priced by the same engine as any CDR. What a driver is told and what a bill says differ only where the
charge did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from evmesh.ocpi.types import timestamp
from evmesh.pricing.bill import Bill
from evmesh.pricing.exact import rounded
from evmesh.pricing.generation import Reading, charging_periods
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.price import price
from evmesh.pricing.taxes import Amount
from evmesh.pricing.volumes import HOUR

PowerCurve = Sequence[tuple[timedelta, Decimal]]

_REGISTER_PLACES = 9
_LONGEST = timedelta(days=31)


class Point(msgspec.Struct, frozen=True):
    """What has been used and what it costs if the charge ends then."""

    moment: datetime
    energy_kwh: Decimal
    cost: Amount


def quote(
    tariff: Mapping[str, Any],
    start: datetime,
    energy_kwh: Decimal | int,
    zone: str,
    *,
    duration: timedelta | None = None,
    power_kw: Decimal | int | PowerCurve | None = None,
    current_a: Decimal | int | None = None,
    stay: timedelta | None = None,
    policy: PricingPolicy = STANDARD,
    taxes_known: bool = True,
) -> Bill:
    """The bill of a charge that begins at `start` and takes `energy_kwh` under a canonical tariff.

    Either `duration`, over which the energy flows evenly, or `power_kw`: one figure, or a curve of (time since the
    start, kW from then on), says how long it takes. `current_a` is the current while it charges, summed over the
    phases, for tariffs that ask for it. `stay` is how long the car remains plugged in, parked when the energy is in.
    ValueError when the energy cannot be delivered so.
    """
    readings, end = _planned(start, energy_kwh, duration, power_kw, current_a, stay)
    return _bill(tariff, readings, end, zone, policy, taxes_known)


def cost_curve(
    tariff: Mapping[str, Any],
    start: datetime,
    energy_kwh: Decimal | int,
    zone: str,
    *,
    every: timedelta,
    duration: timedelta | None = None,
    power_kw: Decimal | int | PowerCurve | None = None,
    current_a: Decimal | int | None = None,
    stay: timedelta | None = None,
    policy: PricingPolicy = STANDARD,
    taxes_known: bool = True,
) -> list[Point]:
    """What the same charge costs if it is broken off `every` so often: when fees begin, when a cap is reached."""
    readings, end = _planned(start, energy_kwh, duration, power_kw, current_a, stay)
    begins = readings[0].moment
    if every <= timedelta(0) or (end - begins) / every > 10_000:
        raise ValueError("the steps of a cost curve are too small")
    points: list[Point] = []
    moment = begins + every
    while moment < end + every:
        until = min(moment, end)
        so_far = _until(readings, until)
        bill = _bill(tariff, so_far, until, zone, policy, taxes_known)
        points.append(Point(until, so_far[-1].energy_kwh, bill.total))
        moment += every
    return points


def _bill(
    tariff: Mapping[str, Any],
    readings: Sequence[Reading],
    end: datetime,
    zone: str,
    policy: PricingPolicy,
    taxes_known: bool,
) -> Bill:
    periods = charging_periods(readings, tariff, zone, until=end, policy=policy)
    charge = {
        "start_date_time": timestamp(readings[0].moment),
        "end_date_time": timestamp(end),
        "currency": tariff.get("currency"),
        "charging_periods": periods,
    }
    # A quote is asked under this tariff, whether it is valid yet or not.
    return price(charge, [tariff], zone, policy.changed(validity="ignore"), taxes_known=taxes_known)


def _planned(
    start: datetime,
    energy_kwh: Decimal | int,
    duration: timedelta | None,
    power_kw: Decimal | int | PowerCurve | None,
    current_a: Decimal | int | None,
    stay: timedelta | None,
) -> tuple[list[Reading], datetime]:
    """The readings of such a charge, and its end; in UTC, for hours pass alike whatever the clocks do."""
    start = start.astimezone(UTC)
    energy = Decimal(energy_kwh)
    if not energy.is_finite() or not 0 <= energy <= 10_000:
        raise ValueError(f"{energy_kwh} kWh is no charge")
    if (duration is None) == (power_kw is None):
        raise ValueError("a quote needs either a duration or a power")
    if duration is not None:
        if not timedelta(0) < duration <= _LONGEST:
            raise ValueError(f"{duration} is no duration of a charge")
        hours = Fraction(duration // timedelta(microseconds=1), HOUR * 1_000_000)
        curve: PowerCurve = [(timedelta(0), rounded(Fraction(energy) / hours, _REGISTER_PLACES))]
        ends = [start + duration]
    else:
        assert power_kw is not None
        curve = [(timedelta(0), Decimal(power_kw))] if isinstance(power_kw, Decimal | int) else list(power_kw)
        ends = []
    readings = _along(curve, start, energy, ends)
    if current_a is not None:
        amperes = Decimal(current_a)
        if not amperes.is_finite() or not 0 <= amperes <= 10_000:
            raise ValueError(f"{current_a} A is no current of a charge")
        readings = [
            msgspec.structs.replace(each, current_a=amperes if each.status == "charging" else Decimal(0))
            for each in readings
        ]
    full = readings[-1].moment
    end = full if stay is None else start + stay
    if end <= start:
        raise ValueError("without energy and without a stay there is no charge")
    if end - start > _LONGEST:
        raise ValueError("a charge does not last longer than a month")
    if end < full:
        readings = _until(readings, end)
    return readings, end


def _along(curve: PowerCurve, start: datetime, energy: Decimal, ends: list[datetime]) -> list[Reading]:
    """Readings at each step of the curve until the energy is in; then the car is parked."""
    if not curve or curve[0][0] != timedelta(0) or any(power < 0 or not power.is_finite() for _, power in curve):
        raise ValueError("a power curve begins at 0 and never falls below 0 kW")
    readings: list[Reading] = []
    before = Fraction(0)
    for number, (offset, power) in enumerate(curve):
        moment = start + offset
        readings.append(Reading(moment, rounded(before, _REGISTER_PLACES), "charging", power))
        following = start + curve[number + 1][0] if number + 1 < len(curve) else None
        missing = Fraction(energy) - before
        if following is not None and following <= moment:
            raise ValueError("the steps of a power curve ascend")
        full = _full_at(moment, missing, power, ends)
        if full is not None and (following is None or full <= following):
            return [*readings, Reading(full, energy, "parking", Decimal(0))]
        if following is not None:
            before += Fraction(power) * Fraction((following - moment) // timedelta(microseconds=1), HOUR * 1_000_000)
    raise ValueError(f"with that power {energy} kWh are never reached")


def _full_at(moment: datetime, missing: Fraction, power: Decimal, ends: list[datetime]) -> datetime | None:
    if ends:
        return ends[0]
    if missing <= 0:
        return moment
    if power == 0:
        return None
    seconds = missing * HOUR / Fraction(power)
    return None if seconds > _LONGEST.days * 86_400 else moment + timedelta(microseconds=round(seconds * 1_000_000))


def _until(readings: Sequence[Reading], end: datetime) -> list[Reading]:
    """The readings of the same charge when it is broken off."""
    kept = [reading for reading in readings if reading.moment < end]
    following = readings[len(kept)] if len(kept) < len(readings) else None
    last = kept[-1]
    if following is None:
        return kept
    share = Fraction(
        (end - last.moment) // timedelta(microseconds=1), (following.moment - last.moment) // timedelta(microseconds=1)
    )
    register = Fraction(last.energy_kwh) + (Fraction(following.energy_kwh) - Fraction(last.energy_kwh)) * share
    return [*kept, msgspec.structs.replace(last, moment=end, energy_kwh=rounded(register, _REGISTER_PLACES))]
