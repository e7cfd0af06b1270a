"""Whether a field of a pricing policy can matter for a charge.

Most readings of the rules change nothing for most charges: a tariff without a window has no weekday to get wrong. What
is told here is told from the tariffs and the charge alone, whatever the field's values are. In doubt it matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from evmesh.pricing.plan import DAY, Component, Plan, Restrictions
from evmesh.pricing.timeline import RESERVATION_DIMENSIONS, Timeline

Plans = Sequence[Plan]


def matters(field: str, plans: Plans, timeline: Timeline) -> bool:
    """False only where the charge surely costs the same with any value of the policy's field."""
    ask = _MATTERS.get(field)
    return ask is None or ask(plans, timeline)


def zone_matters(plans: Plans) -> bool:
    """Whether any price depends on local time."""
    return any(plan.local for plan in plans)


def _components(plans: Plans) -> Iterator[Component]:
    return (component for plan in plans for element in plan.elements for component in element.components)


def _restrictions(plans: Plans) -> Iterator[Restrictions]:
    return (element.restrictions for plan in plans for element in plan.elements)


def _timed(plans: Plans, timeline: Timeline) -> bool:
    """Hours are priced, or make the mean power that a limit is held against."""
    priced = any(component.type in ("TIME", "PARKING_TIME") for component in _components(plans))
    return priced or _in_bands(plans, timeline) or _reserved(plans, timeline)


def _in_steps(plans: Plans, timeline: Timeline) -> bool:
    """Steps of one Wh or one second round nothing where all volumes are whole."""
    steps = {component.step_size for component in _components(plans)}
    if max(steps, default=0) > 1:
        return True
    return 1 in steps and any(
        (volume * 1000 if dimension == "ENERGY" else volume).denominator != 1
        for period in timeline.periods
        for dimension, volume in period.volumes.items()
    )


def _both_times(timeline: Timeline) -> bool:
    return {"TIME", "PARKING_TIME"} <= {dimension for period in timeline.periods for dimension in period.volumes}


def _in_bands(plans: Plans, timeline: Timeline) -> bool:
    return any(
        (each.min_power, each.max_power, each.min_current, each.max_current) != (None, None, None, None)
        for each in _restrictions(plans)
    )


def _reserved(plans: Plans, timeline: Timeline) -> bool:
    return any(dimension in period.volumes for period in timeline.periods for dimension in RESERVATION_DIMENSIONS)


def _several(plans: Plans, timeline: Timeline) -> bool:
    return len(plans) > 1 or any(plan.valid_from is not None or plan.valid_until is not None for plan in plans)


_MATTERS: dict[str, Callable[[Plans, Timeline], bool]] = {
    "hours": _timed,
    "missing_time": _timed,
    "step_size": _in_steps,
    "step_time": lambda plans, timeline: _in_steps(plans, timeline) and _both_times(timeline),
    "step_volume": _in_steps,
    "price_limits": lambda plans, timeline: any(plan.minimum or plan.maximum for plan in plans),
    "flat": lambda plans, timeline: any(component.type == "FLAT" for component in _components(plans)),
    "reservation_flat": _reserved,
    "lone_reservation": _reserved,
    "duration_from": _reserved,
    "element_lookup": lambda plans, timeline: any(len(plan.elements) > 1 for plan in plans),
    "tariff_choice": _several,
    "period_without_tariff": lambda plans, timeline: len({period.tariff_id is None for period in timeline.periods}) > 1,
    "band": _in_bands,
    "missing_power": _in_bands,
    "equal_window": lambda plans, timeline: any(
        each.start_time is not None and each.start_time == each.end_time for each in _restrictions(plans)
    ),
    "window_day": lambda plans, timeline: any(
        each.days and (each.end_time or DAY) < (each.start_time or 0) for each in _restrictions(plans)
    ),
    "no_charge_without_energy": lambda plans, timeline: timeline.total("ENERGY") == 0,
    "negative_energy": lambda plans, timeline: any(period.volumes.get("ENERGY", 0) < 0 for period in timeline.periods),
}
