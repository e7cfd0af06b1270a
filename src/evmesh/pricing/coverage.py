"""Which situations a tariff forgets, and which of its prices can never count.

A tariff is held against every kind of situation that its own restrictions tell apart: each side of each bound of hour,
weekday, date, energy, duration, power and current. That is a finite grid; where it would be too large to walk, nothing
is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import product
from math import prod

import msgspec

from evmesh.pricing.exact import decimal_text
from evmesh.pricing.plan import DAY, WEEKDAYS, Component, Plan, Restrictions
from evmesh.pricing.policy import STANDARD
from evmesh.pricing.restrictions import holds
from evmesh.pricing.timeline import Band, State

_LARGEST_GRID = 60_000
_MONDAY = date(2026, 1, 12)


class Coverage(msgspec.Struct, frozen=True):
    """For one dimension: the components that never count, and a situation without a price."""

    never: tuple[Component, ...]
    gap: str | None


def coverage(plan: Plan, dimension: str, kind: str = "") -> Coverage | None:
    """What the grid shows for a dimension of the session (or of a kind of reservation). None when it is too large."""
    priced = [
        (element.restrictions, component)
        for element in plan.elements
        if element.restrictions.kind == kind and (component := element.component(dimension)) is not None
    ]
    axes = _axes([restrictions for restrictions, _ in priced])
    if prod(len(axis) for axis in axes) * max(1, len(priced)) > _LARGEST_GRID:
        return None
    used: set[int] = set()
    gap: str | None = None
    for state in _states(axes):
        found = next((n for n, (each, _) in enumerate(priced) if holds(each, state, STANDARD)), None)
        if found is None:
            gap = gap or _described(state, axes)
        else:
            used.add(found)
    return Coverage(tuple(component for n, (_, component) in enumerate(priced) if n not in used), gap)


_Axes = tuple[list[datetime], list[Fraction], list[Fraction], list[Fraction | None], list[Fraction | None]]


def _axes(restrictions: Iterable[Restrictions]) -> _Axes:
    all_ = list(restrictions)
    return (
        _moments(all_),
        _sides(limit for each in all_ for limit in (each.min_kwh, each.max_kwh)),
        _sides(_whole(limit) for each in all_ for limit in (each.min_duration, each.max_duration)),
        _bands(limit for each in all_ for limit in (each.min_power, each.max_power)),
        _bands(limit for each in all_ for limit in (each.min_current, each.max_current)),
    )


def _moments(restrictions: list[Restrictions]) -> list[datetime]:
    """A moment on each side of every bound of the clock, the week and the calendar."""
    minutes = {0} if any(each.local for each in restrictions) else {12 * 60}
    dates: set[date] = set()
    days = any(each.days for each in restrictions)
    for each in restrictions:
        for minute in (each.start_time, each.end_time):
            if minute is not None:
                minutes |= {minute % DAY, (minute - 1) % DAY}
        for day in (each.start_date, each.end_date):
            if day is not None:
                dates |= {day, day - timedelta(days=1)}
    calendar = dates or {_MONDAY}
    if days:
        calendar = {day + timedelta(days=n) for day in calendar for n in range(7)}
    return [
        datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=UTC)
        for day in sorted(calendar)
        for minute in sorted(minutes)
    ]


def _sides(limits: Iterable[Fraction | None]) -> list[Fraction]:
    """Nothing yet, and each limit and the value just below it."""
    found = {Fraction(0)}
    for limit in limits:
        if limit is not None and limit > 0:
            found |= {limit, limit - Fraction(1, 1000)}
    return sorted(found)


def _bands(limits: Iterable[Fraction | None]) -> list[Fraction | None]:
    given = [limit for limit in limits if limit is not None]
    return [*_sides(given)] if given else [None]


def _states(axes: _Axes) -> Iterator[State]:
    for local, energy, seconds, power, current in product(*axes):
        yield State(local, energy, seconds, _band(power), None, _band(current))


def _band(value: Fraction | None) -> Band | None:
    return None if value is None else Band(value, value)


def _described(state: State, axes: _Axes) -> str:
    """A situation in words, as far as the tariff looks at it."""
    moments, energies, durations, _, _ = axes
    said: list[str] = []
    if len(moments) > 1:
        dates = {moment.date() for moment in moments}
        day = f"{WEEKDAYS[state.local.weekday()].value.title()} {state.local:%Y-%m-%d} " if len(dates) > 1 else ""
        said.append(f"{day}{state.local:%H:%M}")
    if len(energies) > 1:
        said.append(f"{decimal_text(state.energy)} kWh so far")
    if len(durations) > 1:
        said.append(f"{decimal_text(state.seconds)} s so far")
    if state.power is not None:
        said.append(f"{decimal_text(state.power.low)} kW")
    if state.current is not None:
        said.append(f"{decimal_text(state.current.low)} A")
    return ", ".join(said) or "always"


def _whole(limit: int | None) -> Fraction | None:
    return None if limit is None else Fraction(limit)
