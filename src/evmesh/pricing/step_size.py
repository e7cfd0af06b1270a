"""step_size: what is used is billed in whole steps, rounded up once, after the session.

1. ENERGY: the total of all priced periods is rounded up to a multiple of the step of the *last* priced component (in
   Wh), and the surplus is added to that last period at its price. Switching prices on the way rounds nothing.
2. Time (steps in seconds): when any PARKING_TIME was priced, only the parking total is rounded, whatever came last;
   else the TIME total. Charging time before priced parking is billed as it was.
3. The time of a reservation has a budget of its own.
4. Step 0 rounds nothing; 1 rounds to whole Wh or seconds; exact multiples stay; totals of zero or less are left alone.
5. What no component priced does not count; a component with price 0 does. Several tariffs share the one budget.

[mod_cdrs_step_size]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from evmesh.pricing.plan import Component
from evmesh.pricing.policy import PricingPolicy

WATT_HOURS = 1000


class Use(msgspec.Struct, frozen=True):
    """A priced volume: kWh of ENERGY, seconds of anything else."""

    dimension: str
    volume: Fraction
    component: Component


_BUDGETS: tuple[tuple[str, ...], ...] = (
    ("ENERGY",),
    ("TIME",),
    ("PARKING_TIME",),
    ("RESERVATION_TIME", "RESERVATION_EXPIRES", "RESERVATION_OVERTIME"),
)


def surpluses(uses: Sequence[Use], unpriced: Mapping[str, Fraction], policy: PricingPolicy) -> list[Fraction]:
    """What each use is billed beyond its volume, in its own unit. `unpriced` is what each dimension used for free."""
    found = [Fraction(0)] * len(uses)
    if policy.step_size == "none":
        return found
    if policy.step_size == "period":
        return [_surplus(use.volume, use) for use in uses]
    if policy.step_size == "price":
        by_price: dict[tuple[str, Fraction, int], list[int]] = {}
        for index, use in enumerate(uses):
            by_price.setdefault((use.dimension, use.component.price, use.component.step_size), []).append(index)
        for members in by_price.values():
            found[members[-1]] = _surplus(_total(uses, members), uses[members[-1]])
        return found
    for budget in _BUDGETS:
        members = [index for index, use in enumerate(uses) if use.dimension in budget]
        if not members or budget[0] in _left_alone(uses, policy):
            continue
        total = _total(uses, members)
        if policy.step_volume == "all":
            total += sum((unpriced.get(dimension, Fraction(0)) for dimension in budget), Fraction(0))
        found[members[-1]] = _surplus(total, uses[members[-1]])
    return found


def _total(uses: Sequence[Use], members: Sequence[int]) -> Fraction:
    return sum((uses[index].volume for index in members), Fraction(0))


def _left_alone(uses: Sequence[Use], policy: PricingPolicy) -> frozenset[str]:
    """The time dimension that is not rounded."""
    used = [use.dimension for use in uses if use.dimension in ("TIME", "PARKING_TIME")]
    if policy.step_time == "both" or not used:
        return frozenset()
    rounds = "PARKING_TIME" if "PARKING_TIME" in used else "TIME"
    if policy.step_time == "last":
        rounds = used[-1]
    return frozenset({"TIME", "PARKING_TIME"} - {rounds})


def _surplus(total: Fraction, last: Use) -> Fraction:
    step = Fraction(last.component.step_size)
    if last.dimension == "ENERGY":
        step /= WATT_HOURS
    if step == 0 or total <= 0:
        return Fraction(0)
    return -(-total // step) * step - total
