"""Rules about elements and restrictions: what never counts, what is forgotten, what is read in two ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from evmesh.base.findings import pointer
from evmesh.pricing.advice import Advice, Asked, Rule
from evmesh.pricing.coverage import coverage
from evmesh.pricing.plan import DAY, DIMENSIONS, Element, Restrictions

_HOUR = 3600


def _at(element: Element, *more: str | int) -> str:
    return pointer("elements", element.index, *more)


def duplicate_dimension(asked: Asked) -> Iterator[Advice]:
    for element in asked.plan.elements:
        counted = Counter(component.type for component in element.components)
        for dimension, count in counted.items():
            if count > 1:
                text = f"{dimension} stands {count} times in one element; only the first counts"
                fix = "keep one, or move the others to elements with restrictions of their own"
                yield Advice("error", "duplicate_dimension", _at(element, "price_components"), text, fix)


def gaps_and_dead_prices(asked: Asked) -> Iterator[Advice]:
    """What the grid of all situations shows."""
    kinds = {element.restrictions.kind for element in asked.plan.elements}
    for kind in sorted(kinds):
        for dimension in DIMENSIONS:
            seen = coverage(asked.plan, dimension, kind)
            if seen is None:
                continue
            for component in seen.never:
                if asked.plan.elements[component.element].restrictions.impossible:
                    continue
                text = f"this {dimension} price never counts: an earlier element always matches first"
                fix = "put it before the element that hides it, or leave it out"
                yield Advice("error", "unreachable_component", component.pointer, text, fix)
            if kind == "" and dimension != "FLAT" and seen.gap not in (None, "always"):
                text = f"{dimension} has no price in some situations, such as {seen.gap}: it is free there"
                fix = f"end with an element without restrictions that prices {dimension}"
                yield Advice("warning", "no_fallback", "/elements", text, fix)


def windows(asked: Asked) -> Iterator[Advice]:
    for element in asked.plan.elements:
        each = element.restrictions
        at = _at(element, "restrictions")
        if each.start_time is not None and each.start_time == each.end_time:
            text = "the window starts when it ends: we take the whole day, others take never"
            yield Advice("warning", "equal_window", at, text, "leave both times out for the whole day")
            continue
        if each.end_time == DAY - 1:
            text = "the window ends at 23:59: the last minute of the day is left out"
            yield Advice("warning", "minute_gap", at + "/end_time", text, "write 00:00, which means midnight")
        if each.days and each.end_time and (each.start_time or 0) > each.end_time:
            text = "after midnight the weekday is the next one: the window breaks off there"
            fix = "make two elements, one until 00:00 and one from 00:00 on the day after"
            yield Advice("warning", "overnight_weekday", at, text, fix)


def negative_bounds(asked: Asked) -> Iterator[Advice]:
    for element in asked.plan.elements:
        for name in ("min_kwh", "min_duration", "min_power", "min_current"):
            if (getattr(element.restrictions, name) or 0) < 0:
                at = _at(element, "restrictions", name)
                yield Advice("warning", "negative_bound", at, f"{name} is negative", "leave it out, or correct it")


def empty_restrictions(asked: Asked) -> Iterator[Advice]:
    for element in asked.plan.elements:
        given = asked.document["elements"][element.index].get("restrictions")
        if given is not None and element.restrictions == Restrictions():
            text = "restrictions that restrict nothing"
            yield Advice("info", "empty_restrictions", _at(element, "restrictions"), text, "leave them out")


def dates(asked: Asked) -> Iterator[Advice]:
    each = {(element.restrictions.start_date, element.restrictions.end_date) for element in asked.plan.elements}
    if len(each) == 1 and each != {(None, None)}:
        text = "every element has the same dates: outside them everything is free"
        fix = "give the tariff start_date_time and end_date_time instead"
        yield Advice("warning", "dates_on_every_element", "/elements", text, fix)
    start, end = asked.plan.valid_from, asked.plan.valid_until
    if start is not None and end is not None and start >= end:
        text = "the tariff ends before it starts: it is never valid"
        yield Advice("error", "validity_empty", "/end_date_time", text, "correct the dates")
    elif asked.today is not None and end is not None and end.date() < asked.today:
        text = f"the tariff ended on {end:%Y-%m-%d}"
        yield Advice("info", "validity_past", "/end_date_time", text, "retire it: no Connector should refer to it")


def flats(asked: Asked) -> Iterator[Advice]:
    components = list(asked.components("FLAT"))
    if len(components) > 1:
        text = "FLAT in several elements: it is charged once, for the first element that was active"
        fix = "keep one start fee, unless it should depend on when the charge begins"
        yield Advice("warning", "flat_in_several_elements", components[1].pointer, text, fix)


def step_sizes(asked: Asked) -> Iterator[Advice]:
    parking = any(component.price for component in asked.components("PARKING_TIME"))
    for element in asked.plan.elements:
        for component in element.components:
            at, step = component.pointer + "/step_size", component.step_size
            if component.type == "FLAT":
                if step > 1:
                    text = "step_size has no meaning for FLAT"
                    yield Advice("info", "step_size_on_flat", at, text, "write 1")
            elif step == 0:
                text = "step_size 0 rounds nothing; others divide by it"
                yield Advice("info", "step_size_zero", at, text, "write 1")
            elif step > _HOUR and component.type != "ENERGY":
                text = f"step_size of {step} seconds: more than an hour is billed for a minute"
                yield Advice("warning", "step_size_large", at, text, "take a smaller step")
            elif step >= 1000 and component.type == "ENERGY":
                text = f"step_size of {step} Wh: whole kWh are billed for a part of one"
                yield Advice("warning", "step_size_large", at, text, "take a smaller step")
            elif step > 60 and component.type == "TIME" and parking and element.restrictions.kind == "":
                text = "when parking is priced only parking time is rounded: this step hardly ever counts"
                yield Advice("info", "step_size_useless", at, text, "write 1")


def reservations(asked: Asked) -> Iterator[Advice]:
    kinds = {element.restrictions.kind for element in asked.plan.elements}
    for element in asked.plan.elements:
        if element.restrictions.kind:
            for component in element.components:
                if component.type not in ("FLAT", "TIME"):
                    text = f"{component.type} cannot price a reservation; only FLAT and TIME can"
                    fix = "move it to an element without that restriction"
                    yield Advice("error", "reservation_dimension", component.pointer, text, fix)
        if element.restrictions.reservation and element.restrictions.booking:
            text = "an element prices a reservation or a booking, not both"
            yield Advice("error", "reservation_and_booking", _at(element, "restrictions"), text, "make two elements")
    for expires, used in (("RESERVATION_EXPIRES", "RESERVATION"), ("BOOKING_EXPIRES", "BOOKING")):
        if expires in kinds and used not in kinds:
            text = f"{expires} is priced and {used} is not: whoever comes reserves for free"
            yield Advice("info", "expires_without_reservation", "/elements", text, f"add an element with {used}")


def mixed_bands(asked: Asked) -> Iterator[Advice]:
    sessions = [element.restrictions for element in asked.session_elements()]
    power = any(each.min_power is not None or each.max_power is not None for each in sessions)
    current = any(each.min_current is not None or each.max_current is not None for each in sessions)
    if power and current:
        text = "some elements ask for current, others for power: one charge can meet both or neither"
        yield Advice("info", "current_and_power_mixed", "/elements", text, "use one of the two")


def grace_periods(asked: Asked) -> Iterator[Advice]:
    for element in asked.session_elements():
        each = element.restrictions
        limited = each.min_duration is not None or each.max_duration is not None
        if limited and element.component("PARKING_TIME") is not None:
            text = "durations count from the start of the session, not from when the car stopped charging"
            fix = "say so to drivers: a long charge uses up the grace period"
            yield Advice("info", "duration_as_grace_period", _at(element, "restrictions"), text, fix)


RULES: tuple[Rule, ...] = (
    duplicate_dimension,
    gaps_and_dead_prices,
    windows,
    negative_bounds,
    empty_restrictions,
    dates,
    flats,
    step_sizes,
    reservations,
    mixed_bands,
    grace_periods,
)
