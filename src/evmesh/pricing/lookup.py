"""Which price counts: the first matching element, per dimension and scope.

Each dimension (ENERGY, TIME, PARKING_TIME, FLAT) takes the first element in list order that has a component for it and
whose restrictions hold; so several elements can be active at once, one per dimension. None means that the dimension is
free. Elements for reservations price only reservations, in the order of preference that `preferences()` gives; all
others only the session. [mod_tariffs_tariff_object]
"""

from __future__ import annotations

from collections.abc import Sequence

from evmesh.pricing.plan import Component, Element, Plan
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.restrictions import holds
from evmesh.pricing.timeline import State

SESSION: tuple[str, ...] = ("",)

Match = tuple[Element, Component]


def find(
    plan: Plan, dimension: str, state: State, policy: PricingPolicy, kinds: Sequence[str] = SESSION
) -> Match | None:
    """The element and component that price the dimension in that state; None when it is free."""
    for kind in kinds:
        for element in plan.elements:
            if element.restrictions.kind != kind or not holds(element.restrictions, state, policy):
                continue
            component = element.component(dimension)
            if component is not None:
                return element, component
            if policy.element_lookup == "first_element":
                return None
    return None


def looked_at(plan: Plan, dimension: str, found: Match | None, kinds: Sequence[str] = SESSION) -> tuple[Element, ...]:
    """The elements whose restrictions decided: those with the dimension, up to and with the one that was found."""
    candidates = [
        element
        for element in plan.elements
        if element.restrictions.kind in kinds and element.component(dimension) is not None
    ]
    if found is not None:
        candidates = candidates[: candidates.index(found[0]) + 1]
    return tuple(candidates)


def preferences(dimension: str, *, booked: bool, lone: bool, cancelled: bool, expiry_reported: bool) -> tuple[str, ...]:
    """The kinds of element that price a reservation, best first.

    A reservation that led to a charge takes RESERVATION. One that stands alone in its CDR expired, and takes each
    dimension from RESERVATION_EXPIRES where that has it, else from RESERVATION. A booking has kinds of its own, which
    come before those; a cancelled one its fee. A CDR that reports RESERVATION_EXPIRES tells the time that ran out from
    the time before itself.
    """
    used = ("BOOKING", "RESERVATION") if booked else ("RESERVATION",)
    expired = ("BOOKING_EXPIRES", "RESERVATION_EXPIRES") if booked else ("RESERVATION_EXPIRES",)
    if dimension == "RESERVATION_OVERTIME":
        return ("BOOKING_OVERTIME",)
    if dimension == "RESERVATION_EXPIRES":
        return (*expired, *used)
    if cancelled and lone:
        return ("BOOKING_CANCELLATION_FEES", *used) if booked else used
    if (lone and not expiry_reported) or (expiry_reported and dimension == "FLAT"):
        return (*expired, *used)
    return used
