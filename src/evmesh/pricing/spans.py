"""A period in which the price changed: it should have been two.

A CDR's period is priced by the state in which it began and never split. But when another price held at its last
instant, the reader is told, with what the period would cost if all had flowed evenly and it had been cut at the change.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from fractions import Fraction
from itertools import pairwise

from evmesh.pricing.boundaries import clock_moments, duration_moments, energy_thresholds, evenly
from evmesh.pricing.exact import decimal_text, rounded
from evmesh.pricing.lookup import Match, find
from evmesh.pricing.plan import Plan
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.timeline import Period, State, exact_seconds
from evmesh.pricing.volumes import HOUR

# Years of cuts would take longer than the estimate is worth.
_LONGEST = timedelta(days=400)


def span(plan: Plan, period: Period, dimension: str, opened: Match, zone: tzinfo, policy: PricingPolicy) -> str | None:
    """What to say of a period whose price at the end is another than at the start; None when it is the same."""
    if period.seconds <= 0:
        return None
    closed = find(plan, dimension, period.closing(zone), policy)
    if closed is not None and (opened[1].price, opened[1].vat) == (closed[1].price, closed[1].vat):
        return None
    volume = period.volumes[dimension] / (1 if dimension == "ENERGY" else HOUR)
    text = (
        f"{dimension} costs {decimal_text(opened[1].price)} at the start of the period and"
        f" {decimal_text(closed[1].price) if closed else 'nothing'} at its end; priced as"
        f" {rounded(volume * opened[1].price, 4)}"
    )
    if period.end - period.start > _LONGEST:
        return text
    even = volume * _mean_price(plan, period, dimension, zone, policy)
    return f"{text}, evenly spread it would be {rounded(even, 4)}"


def _mean_price(plan: Plan, period: Period, dimension: str, zone: tzinfo, policy: PricingPolicy) -> Fraction:
    """The prices of the period, each weighted with its part of the time."""
    mean = Fraction(0)
    for start, end in pairwise([period.start, *sorted(_cuts(plan, period, zone)), period.end]):
        match = find(plan, dimension, _within(period, start + (end - start) / 2, zone), policy)
        if match is not None:
            mean += match[1].price * exact_seconds(end - start) / period.seconds
    return mean


def _cuts(plan: Plan, period: Period, zone: tzinfo) -> set[datetime]:
    cuts = clock_moments([plan], period.start, period.end, zone)
    origin = period.start - timedelta(microseconds=int(period.seconds_before * 1_000_000))
    cuts |= duration_moments([plan], origin, period.start, period.end)
    energy = period.volumes.get("ENERGY", Fraction(0))
    if energy:
        reached = evenly(period.start, period.end, period.energy_before, energy)
        low, high = sorted((period.energy_before, period.energy_before + energy))
        moments = {reached(kwh) for kwh in energy_thresholds([plan]) if low < kwh < high}
        cuts |= {moment for moment in moments if period.start < moment < period.end}
    return cuts


def _within(period: Period, moment: datetime, zone: tzinfo) -> State:
    """The state at a moment inside a period, if all flowed evenly."""
    passed = exact_seconds(moment - period.start)
    energy = period.energy_before + period.volumes.get("ENERGY", 0) * passed / period.seconds
    local = moment.astimezone(zone)
    return State(local, energy, period.seconds_before + passed, period.power, period.mean_power, period.current)
