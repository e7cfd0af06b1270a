"""The moments at which a tariff's price may change.

Candidates only: a candidate at which nothing changes does no harm, one that is missing would hide a change. They come
from the local clock (window ends, midnights where days or dates matter, and the instants when the zone's offset jumps),
from the session's seconds and from the energy that had flowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta, tzinfo
from fractions import Fraction

from evmesh.pricing.plan import Plan

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def clock_moments(plans: Iterable[Plan], start: datetime, end: datetime, zone: tzinfo) -> set[datetime]:
    """The instants strictly between start and end at which a restriction on the local clock may begin or end."""
    minutes = _minutes(plans)
    if not minutes:
        return set()
    found: set[datetime] = set()
    day = start.astimezone(zone).date() - _DAY
    last = end.astimezone(zone).date() + _DAY
    while day <= last:
        for minute in minutes:
            wall = datetime.combine(day, time(minute // 60, minute % 60), zone)
            # An hour that comes twice has both; one that does not come at all is covered by the jump itself.
            found |= {wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
        found |= _jump(datetime.combine(day, time(), zone), zone)
        day += _DAY
    return {moment for moment in found if start < moment < end}


def duration_moments(plans: Iterable[Plan], origin: datetime, start: datetime, end: datetime) -> set[datetime]:
    """The instants at which min_duration or max_duration is reached."""
    found = {
        origin + timedelta(seconds=seconds)
        for plan in plans
        for element in plan.elements
        for seconds in (element.restrictions.min_duration, element.restrictions.max_duration)
        if seconds is not None and seconds < 10**9
    }
    return {moment for moment in found if start < moment < end}


def energy_thresholds(plans: Iterable[Plan]) -> list[Fraction]:
    """The energies, in kWh since the start, at which a price may change."""
    found = {
        kwh
        for plan in plans
        for element in plan.elements
        for kwh in (element.restrictions.min_kwh, element.restrictions.max_kwh)
        if kwh is not None
    }
    return sorted(found)


def evenly(start: datetime, end: datetime, before: Fraction, used: Fraction) -> Callable[[Fraction], datetime]:
    """When an energy is reached if `used` kWh flow evenly from start to end, to the microsecond."""

    def reached(kwh: Fraction) -> datetime:
        span = end - start
        micros = Fraction(span // timedelta(microseconds=1))
        return start + timedelta(microseconds=round(micros * (kwh - before) / used))

    return reached


def _minutes(plans: Iterable[Plan]) -> set[int]:
    found: set[int] = set()
    for plan in plans:
        for element in plan.elements:
            restrictions = element.restrictions
            if not restrictions.local:
                continue
            found |= {minute for minute in (restrictions.start_time, restrictions.end_time) if minute is not None}
            found.add(0)
    return found


def _jump(midnight: datetime, zone: tzinfo) -> set[datetime]:
    """The instant in that local day at which the clock jumps, if it does."""
    low, high = midnight.astimezone(UTC), (midnight + _DAY).astimezone(UTC)
    before, after = _offset(low, zone), _offset(high, zone)
    if before == after:
        return set()
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return {high}


def _offset(moment: datetime, zone: tzinfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
