"""When a tariff element counts. [mod_tariffs_tariff_restrictions_class]

All restrictions of an element must hold at once, at one instant of the charge:

1. `start_time <= t < end_time` on the local clock. An end before the start wraps over midnight; 00:00 as an end is
   midnight; a missing bound is midnight on its side; equal bounds are the whole day.
2. `start_date <= d < end_date`, and the weekday, of the local date of the instant (of the window's evening, when the
   policy says so and the window is past midnight).
3. `min_kwh <= energy so far < max_kwh`; `min_duration <= seconds so far < max_duration`.
4. Power and current: the whole range of the period lies in the band, its least value at or above the minimum and its
   highest below the maximum. Power that was not reported is the mean of energy by time; where even that is missing, and
   for current, the restriction does not hold.
5. `reservation` and `booking` say what an element prices; that is looked at by `lookup.py`, not here.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Literal

import msgspec

from evmesh.pricing.exact import decimal_text
from evmesh.pricing.plan import DAY, Restrictions
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.timeline import Band, State

Oddity = Literal[
    "power_from_energy_and_time", "power_not_reported", "current_not_reported", "period_spans_power_band",
    "period_spans_current_band",
]  # fmt: skip


def holds(restrictions: Restrictions, state: State, policy: PricingPolicy) -> bool:
    """Whether all of them hold in that state."""
    return (
        _clock(restrictions, state, policy)
        and _figure(restrictions.min_kwh, state.energy, restrictions.max_kwh, state.energy_rises)
        and _figure(restrictions.min_duration, state.seconds, restrictions.max_duration, state.seconds_rise)
        and _band(restrictions.min_power, power(state, policy), restrictions.max_power, policy)
        and _band(restrictions.min_current, state.current, restrictions.max_current, policy)
    )


def oddities(restrictions: Restrictions, state: State, policy: PricingPolicy) -> list[Oddity]:
    """What was not plain when power and current were looked at, provided that all else held."""
    found: list[Oddity] = []
    limits = (restrictions.min_power, restrictions.max_power)
    if limits != (None, None) and _apart_from_bands(restrictions, state, policy):
        band = power(state, policy)
        if state.power is None:
            found.append("power_not_reported" if band is None else "power_from_energy_and_time")
        elif _crosses(limits, state.power):
            found.append("period_spans_power_band")
    limits = (restrictions.min_current, restrictions.max_current)
    if limits != (None, None) and _apart_from_bands(restrictions, state, policy):
        if state.current is None:
            found.append("current_not_reported")
        elif _crosses(limits, state.current):
            found.append("period_spans_current_band")
    return found


def in_window(restrictions: Restrictions, minute: Fraction | int, policy: PricingPolicy) -> bool:
    """Whether a minute of the day lies between start_time and end_time."""
    start, end = restrictions.start_time, restrictions.end_time
    if start is None and end is None:
        return True
    if start == end:
        return policy.equal_window == "whole_day"
    start, end = start or 0, end or DAY
    if start < end:
        return start <= minute < end
    return minute >= start or minute < end


def power(state: State, policy: PricingPolicy) -> Band | None:
    """The power that limits are held against: reported, or the mean where the policy derives it."""
    if state.power is None and state.mean_power is not None and policy.missing_power == "derive":
        return Band(state.mean_power, state.mean_power)
    return state.power


def _clock(restrictions: Restrictions, state: State, policy: PricingPolicy) -> bool:
    if not restrictions.local:
        return True
    local = state.local
    minute = local.hour * 60 + local.minute
    if not in_window(restrictions, minute, policy):
        return False
    day = local.date()
    if restrictions.start_date is not None and day < restrictions.start_date:
        return False
    if restrictions.end_date is not None and day >= restrictions.end_date:
        return False
    if not restrictions.days:
        return True
    start, end = restrictions.start_time or 0, restrictions.end_time or DAY
    if policy.window_day == "start" and end < start and minute < end:
        day -= timedelta(days=1)
    return day.weekday() in restrictions.days


def _figure(least: Fraction | int | None, value: Fraction, most: Fraction | int | None, rises: bool) -> bool:
    """least <= value < most; a value that rises has just not been reached."""
    if rises:
        return (least is None or least < value) and (most is None or value <= most)
    return (least is None or least <= value) and (most is None or value < most)


def _band(least: Fraction | None, band: Band | None, most: Fraction | None, policy: PricingPolicy) -> bool:
    if least is None and most is None:
        return True
    if band is None:
        return policy.missing_power == "match"
    low, high = band.low, band.high
    if policy.band == "any_moment":
        low, high = high, low
    return (least is None or least <= low) and (most is None or high < most)


def _apart_from_bands(restrictions: Restrictions, state: State, policy: PricingPolicy) -> bool:
    return (
        _clock(restrictions, state, policy)
        and _figure(restrictions.min_kwh, state.energy, restrictions.max_kwh, state.energy_rises)
        and _figure(restrictions.min_duration, state.seconds, restrictions.max_duration, state.seconds_rise)
    )


def _crosses(limits: tuple[Fraction | None, Fraction | None], band: Band) -> bool:
    return any(limit is not None and band.low < limit <= band.high for limit in limits)


class Because(msgspec.Struct, frozen=True):
    """One ground on which an element matched: a key into the words of a language, and what goes into them."""

    key: str
    values: dict[str, str] = {}


ALWAYS = (Because("always"),)


def reason(restrictions: Restrictions, state: State, policy: PricingPolicy) -> tuple[Because, ...]:
    """Why an element matched, for the line of a bill."""
    said: list[Because] = []
    if restrictions.kind:
        said.append(Because("kind", {"kind": restrictions.kind}))
    local = state.local
    if restrictions.start_time is not None or restrictions.end_time is not None:
        start, end = _hhmm(restrictions.start_time or 0), _hhmm(restrictions.end_time or 0)
        said.append(Because("window", {"now": f"{local:%H:%M}", "start": start, "end": end}))
    if restrictions.start_date is not None or restrictions.end_date is not None:
        start, end = str(restrictions.start_date or "…"), str(restrictions.end_date or "…")
        said.append(Because("dates", {"now": f"{local:%Y-%m-%d}", "start": start, "end": end}))
    if restrictions.days:
        said.append(Because(f"day_{local.weekday()}"))
    said += _range("energy", restrictions.min_kwh, state.energy, restrictions.max_kwh)
    said += _range("duration", restrictions.min_duration, state.seconds, restrictions.max_duration)
    if (band := power(state, policy)) is not None:
        said += _range("power", restrictions.min_power, band.low, restrictions.max_power, band.high)
    if (band := state.current) is not None:
        said += _range("current", restrictions.min_current, band.low, restrictions.max_current, band.high)
    return tuple(said) or ALWAYS


def _range(
    what: str, least: Fraction | int | None, low: Fraction, most: Fraction | int | None, high: Fraction | None = None
) -> list[Because]:
    if least is None and most is None:
        return []
    values = {"now": decimal_text(low) if high in (None, low) else f"{decimal_text(low)}-{decimal_text(high or low)}"}
    found = [Because(what, values)]
    if least is not None:
        found.append(Because("at_least", {"limit": decimal_text(Fraction(least))}))
    if most is not None:
        found.append(Because("below", {"limit": decimal_text(Fraction(most))}))
    return found


def _hhmm(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
