"""A tariff, read once: exact numbers, minutes and weekdays instead of a document's texts.

Everything that prices, explains, checks or generates walks a `Plan`; the compiled engine turns it into code. Reading is
where a tariff is refused: a component or restriction that cannot be understood would otherwise price a charge as free.
Fields that are merely unknown are findings, with the name that was probably meant.

Pointers are those of a CDR that carries its tariffs: `/tariffs/<n>/elements/…`. [mod_tariffs_tariff_object]
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Literal

import msgspec

from evmesh.base.findings import Finding, Severity, fatal, pointer
from evmesh.ocpi import tariffs as chapter
from evmesh.ocpi.types import parse_timestamp
from evmesh.pricing.exact import NotANumber, number, number_in_text, shown

Document = Mapping[str, Any]
TaxMode = Literal["NO", "YES", "N/A", "UNKNOWN"]

DIMENSIONS = ("ENERGY", "TIME", "PARKING_TIME", "FLAT")
WEEKDAYS = tuple(chapter.DayOfWeek)
DAY = 24 * 60

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


class Component(msgspec.Struct, frozen=True):
    """A price: per kWh, per hour or once; `vat` in percent, None where the tariff names none."""

    type: str
    price: Fraction
    vat: Fraction | None
    step_size: int
    element: int
    index: int

    @property
    def pointer(self) -> str:
        return pointer("elements", self.element, "price_components", self.index)


class Restrictions(msgspec.Struct, frozen=True):
    """When an element counts; None where it does not care. Times are minutes after local midnight."""

    start_time: int | None = None
    end_time: int | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Fraction | None = None
    max_kwh: Fraction | None = None
    min_current: Fraction | None = None
    max_current: Fraction | None = None
    min_power: Fraction | None = None
    max_power: Fraction | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    days: frozenset[int] = frozenset()
    reservation: str = ""
    booking: str = ""

    @property
    def local(self) -> bool:
        """Whether the restriction looks at the clock on the wall."""
        limits = (self.start_time, self.end_time, self.start_date, self.end_date)
        return bool(self.days) or any(limit is not None for limit in limits)

    @property
    def kind(self) -> str:
        """What the element prices: "" the session, else the kind of reservation or booking."""
        return self.reservation or self.booking

    @property
    def impossible(self) -> str | None:
        """Why nothing can ever meet all of them; None when something can."""
        for name, least, most in (
            ("kwh", self.min_kwh, self.max_kwh),
            ("duration", self.min_duration, self.max_duration),
            ("power", self.min_power, self.max_power),
            ("current", self.min_current, self.max_current),
        ):
            if least is not None and most is not None and least >= most:
                return f"min_{name} is not below max_{name}"
            if most is not None and most <= 0 and name in ("kwh", "duration"):
                return f"nothing is below max_{name} {most}"
        if self.start_date is not None and self.end_date is not None:
            if self.start_date >= self.end_date:
                return "start_date is not before end_date"
            length = (self.end_date - self.start_date).days
            if self.days and not self.days & {(self.start_date.weekday() + n) % 7 for n in range(min(length, 7))}:
                return "no such weekday lies between start_date and end_date"
        return None


UNRESTRICTED = Restrictions()


class Element(msgspec.Struct, frozen=True):
    """Prices under one set of conditions."""

    index: int
    components: tuple[Component, ...]
    restrictions: Restrictions = UNRESTRICTED

    def component(self, dimension: str) -> Component | None:
        """The first component of that dimension."""
        return next((each for each in self.components if each.type == dimension), None)


class Limit(msgspec.Struct, frozen=True):
    """A least or highest total, before and after taxes."""

    net: Fraction | None
    gross: Fraction | None


class Plan(msgspec.Struct, frozen=True):
    """A tariff as the engines read it."""

    id: str
    currency: str
    type: str
    tax: TaxMode
    elements: tuple[Element, ...]
    minimum: Limit | None
    maximum: Limit | None
    valid_from: datetime | None
    valid_until: datetime | None
    place: str

    @property
    def local(self) -> bool:
        """Whether its prices depend on the time zone."""
        return any(element.restrictions.local for element in self.elements)

    def valid_at(self, moment: datetime) -> bool:
        """Start inclusive, end exclusive. [mod_tariffs_tariff_object]"""
        return (self.valid_from is None or self.valid_from <= moment) and (
            self.valid_until is None or moment < self.valid_until
        )


def read_plan(tariff: Document, *, place: str = "", taxes_known: bool = True) -> tuple[Plan | None, list[Finding]]:
    """The plan of a canonical Tariff, and what is odd about it. None, with a fatal finding, when it cannot be used.

    `taxes_known` is False for 2.1.1, whose prices say nothing of taxes: amounts after taxes then stay unknown.
    `place` is the pointer of the tariff in whatever holds it.
    """
    reader = _Reader(place)
    plan = None
    if isinstance(tariff, Mapping):
        plan = reader.tariff(tariff, taxes_known)
    else:
        reader.refuse("not_an_object", "", "a tariff is an object")
    return (None if fatal(reader.findings) else plan), reader.findings


def embedded_tariffs(cdr: Document) -> list[Any]:
    """The tariffs that a CDR carries; none where it has something else in that place."""
    given = cdr.get("tariffs")
    return given if isinstance(given, list) else []


class _Reader:
    """Reads one tariff and remembers what was odd."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.findings: list[Finding] = []

    def say(self, severity: Severity, code: str, at: str, message: str, fatal: bool = False) -> None:
        self.findings.append(Finding(severity, code, self.place + at, message, fatal))

    def refuse(self, code: str, at: str, message: str) -> None:
        self.say("error", code, at, message, fatal=True)

    def tariff(self, tariff: Document, taxes_known: bool) -> Plan:
        self.unknown_fields(tariff, chapter.Tariff, "")
        elements = tariff.get("elements")
        if not isinstance(elements, list) or not elements:
            self.refuse("tariff_without_elements", "/elements", "a tariff needs at least one element")
            elements = []
        currency = tariff.get("currency")
        if not isinstance(currency, str) or not currency:
            self.refuse("currency_missing", "/currency", "a tariff needs a currency")
        return Plan(
            id=str(tariff.get("id") or ""),
            currency=str(currency or "").upper(),
            type=str(tariff.get("type") or ""),
            tax=self.tax(tariff, taxes_known),
            elements=tuple(self.element(index, each) for index, each in enumerate(elements)),
            minimum=self.limit(tariff, "min_price"),
            maximum=self.limit(tariff, "max_price"),
            valid_from=self.moment(tariff, "start_date_time"),
            valid_until=self.moment(tariff, "end_date_time"),
            place=self.place,
        )

    def tax(self, tariff: Document, taxes_known: bool) -> TaxMode:
        said = tariff.get("tax_included", "NO")
        if not taxes_known:
            return "UNKNOWN"
        if isinstance(said, bool):
            self.say("warning", "tax_included_boolean", "/tax_included", "YES and NO are texts, not booleans")
            return "YES" if said else "NO"
        if said not in tuple(chapter.TaxIncluded):
            self.refuse("unknown_value", "/tax_included", _meant(str(said), chapter.TaxIncluded))
        return said  # type: ignore[no-any-return]

    def element(self, index: int, element: Any) -> Element:
        at = pointer("elements", index)
        if not isinstance(element, Mapping):
            self.refuse("not_an_object", at, "an element is an object")
            return Element(index, ())
        self.unknown_fields(element, chapter.TariffElement, at)
        components = element.get("price_components")
        if not isinstance(components, list) or not components:
            self.refuse("element_without_prices", at + "/price_components", "an element needs a price component")
            components = []
        read = tuple(self.component(index, number_, each) for number_, each in enumerate(components))
        restrictions = self.restrictions(element.get("restrictions"), at + "/restrictions")
        return Element(index, read, restrictions)

    def component(self, element: int, index: int, component: Any) -> Component:
        at = pointer("elements", element, "price_components", index)
        if not isinstance(component, Mapping):
            self.refuse("not_an_object", at, "a price component is an object")
            component = {}
        self.unknown_fields(component, chapter.PriceComponent, at)
        kind = component.get("type")
        if kind not in DIMENSIONS:
            self.refuse("unknown_value", at + "/type", _meant(str(kind), DIMENSIONS))
        price = self.figure(component, "price", at)
        if component.get("price") is None:
            self.refuse("price_missing", at + "/price", "a price component needs a price")
        if price is not None and price < 0:
            self.say("info", "negative_price", at + "/price", "a negative price pays the driver")
        vat = self.figure(component, "vat", at)
        if vat is not None and not 0 <= vat <= 100:
            self.refuse("vat_out_of_range", at + "/vat", f"{component['vat']} is no percentage")
        return Component(str(kind), price or Fraction(0), vat, self.step_size(component, at), element, index)

    def step_size(self, component: Document, at: str) -> int:
        step = self.figure(component, "step_size", at)
        if step is None:
            if component.get("type") != "FLAT" and component.get("step_size") is None:
                self.say("warning", "step_size_missing", at + "/step_size", "no step_size: nothing is rounded up")
            return 0
        if step < 0 or step.denominator != 1:
            self.refuse("step_size_invalid", at + "/step_size", f"{component['step_size']} is no step_size")
        return int(step)

    def restrictions(self, given: Any, at: str) -> Restrictions:
        if not isinstance(given, Mapping):
            if given is not None:
                self.refuse("not_an_object", at, "restrictions are an object")
            return UNRESTRICTED
        self.unknown_fields(given, chapter.TariffRestrictions, at)
        read = Restrictions(
            start_time=self.minute(given, "start_time", at),
            end_time=self.minute(given, "end_time", at),
            start_date=self.date(given, "start_date", at),
            end_date=self.date(given, "end_date", at),
            **{
                name: self.figure(given, name, at)
                for name in ("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power")
            },
            min_duration=self.seconds(given, "min_duration", at),
            max_duration=self.seconds(given, "max_duration", at),
            days=self.days(given.get("day_of_week"), at + "/day_of_week"),
            reservation=self.choice(given, "reservation", chapter.ReservationRestrictionType, at),
            booking=self.choice(given, "booking", chapter.BookingRestrictionType, at),
        )
        if read.impossible is not None:
            self.say("error", "impossible_restriction", at, f"the element never counts: {read.impossible}")
        return read

    def figure(self, holder: Document, name: str, at: str) -> Fraction | None:
        """A number, also one in quotes; None when absent or refused."""
        value = holder.get(name)
        if value is None:
            return None
        try:
            if isinstance(value, str):
                found = number_in_text(value)
                self.say("warning", "number_as_text", f"{at}/{name}", f"{name} is text, read as {value.strip()}")
                return found
            return number(value)
        except NotANumber as reason:
            self.refuse("not_a_number", f"{at}/{name}", f"{name}: {reason}")
            return None

    def seconds(self, holder: Document, name: str, at: str) -> int | None:
        value = self.figure(holder, name, at)
        if value is None:
            return None
        if value.denominator != 1:
            self.refuse("not_whole_seconds", f"{at}/{name}", f"{name} is a whole number of seconds")
        return int(value)

    def minute(self, holder: Document, name: str, at: str) -> int | None:
        text = holder.get(name)
        if text is None:
            return None
        if name == "end_time" and text == "24:00":
            self.say("warning", "time_24_00", f"{at}/{name}", "midnight is written 00:00")
            return 0
        match = _TIME.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            self.refuse("not_a_time", f"{at}/{name}", f"{shown(text)} is not a time such as 08:30")
            return None
        return int(match[1]) * 60 + int(match[2])

    def date(self, holder: Document, name: str, at: str) -> date | None:
        text = holder.get(name)
        if text is None:
            return None
        try:
            return datetime.strptime(text, "%Y-%m-%d").date()
        except (ValueError, TypeError):
            self.refuse("not_a_date", f"{at}/{name}", f"{shown(text)} is not a date such as 2026-01-31")
            return None

    def moment(self, holder: Document, name: str) -> datetime | None:
        text = holder.get(name)
        if text is None:
            return None
        try:
            return parse_timestamp(text)
        except (ValueError, TypeError, AttributeError):
            self.refuse("not_a_timestamp", "/" + name, f"{shown(text)} is not a timestamp")
            return None

    def days(self, given: Any, at: str) -> frozenset[int]:
        if given is None:
            return frozenset()
        if not isinstance(given, list):
            self.refuse("unknown_value", at, "day_of_week is a list of days")
            return frozenset()
        for index, day in enumerate(given):
            if day not in WEEKDAYS:
                self.refuse("unknown_value", f"{at}/{index}", _meant(str(day), WEEKDAYS))
        return frozenset(index for index, day in enumerate(WEEKDAYS) if day in given)

    def choice(self, holder: Document, name: str, values: Iterable[str], at: str) -> str:
        value = holder.get(name)
        if value is None:
            return ""
        if value not in tuple(values):
            self.refuse("unknown_value", f"{at}/{name}", _meant(str(value), values))
        return str(value)

    def limit(self, tariff: Document, name: str) -> Limit | None:
        given = tariff.get(name)
        if given is None:
            return None
        at = "/" + name
        if not isinstance(given, Mapping):
            self.refuse("not_an_object", at, f"{name} is an object with before_taxes")
            return None
        self.unknown_fields(given, chapter.PriceLimit, at)
        limit = Limit(self.figure(given, "before_taxes", at), self.figure(given, "after_taxes", at))
        if limit.net is None and limit.gross is None:
            self.refuse("limit_without_amount", at, f"{name} needs before_taxes")
        return limit

    def unknown_fields(self, holder: Document, kind: type[msgspec.Struct], at: str) -> None:
        known = kind.__struct_fields__
        for name in holder:
            if name in known:
                continue
            near = difflib.get_close_matches(_snake(name), [each for each in known if each not in holder], 1, 0.75)
            place = at + pointer(name)
            if near:
                message = f"there is no field {name}; did you mean {near[0]}?"
                self.say("error", "misspelt_field", place, message)
            elif kind is chapter.TariffRestrictions:
                self.say("warning", "unknown_restriction", place, f"the restriction {name} is not known and not heeded")
            else:
                self.say("info", "unknown_field", place, f"there is no field {name}")


def _snake(name: str) -> str:
    """dayOfWeek and day-of-week, as the specification would write them."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).replace("-", "_").lower()


def _meant(value: str, values: Iterable[str]) -> str:
    """What is wrong with a word, and the one that was probably meant."""
    near = difflib.get_close_matches(value.upper(), list(values), 1, 0.5)
    return f"{shown(value)} is not known" + (f"; did you mean {near[0]}?" if near else "")
