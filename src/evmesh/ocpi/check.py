"""The slow road: every deviation of a document, named, and repaired where that does no harm.

`examine()` walks a document against the rules of a release and gives findings and a repaired copy. The repairs:

| found                                   | finding                    | read as                                |
|-----------------------------------------|----------------------------|----------------------------------------|
| "12.5" where a number belongs           | error number_as_text       | the number                             |
| 230.0 where an integer belongs          | error decimal_as_integer   | the integer                            |
| 12 where a string belongs               | error text_as_number       | the string                             |
| "true", 0, 1 where a boolean belongs    | error boolean_as_text      | the boolean                            |
| one value where a list belongs          | error not_a_list           | a list of one                          |
| a timestamp without zone                | info no_zone               | UTC [types_datetime_type]              |
| a timestamp with an offset, too long,   |                            |                                        |
| a leap second                           | error timestamp_form       | the same moment in UTC                 |
| a text or id too long, not ASCII        | error too_long, not_ascii  | as it is                               |
| 52.1, 8:00, en-GB                       | error form                 | 52.10000, 08:00, en                    |
| an enum value in the wrong case         | error wrong_case           | the value                              |
| a value unknown to an open enum         | warning unknown_value      | as it is                               |
| the same, closed enum, optional place   | error unknown_value        | left out                               |
| a decorative thing that is broken       | its findings, not fatal    | left out                               |
| an unknown field                        | warning unknown_field      | as it is                               |

Everything else wrong with a required field makes the object unusable (`fatal`), and so does every condition of a
price that cannot be read: without it the price would be another.

What is about to be sent is judged harder (`sending`): of a decorative thing nothing stays that breaks a rule.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec.structs import replace

from evmesh.base.findings import Finding, Severity, pointer
from evmesh.ocpi.constraints import CONSTRAINTS
from evmesh.ocpi.schema import ABSOLUTE_URL, DATETIME, LARGEST, EnumRule, FieldRule, ObjectRule, Rules
from evmesh.ocpi.types import parse_timestamp, timestamp

Document = dict[str, Any]

DECORATIVE = frozenset(
    {"Image", "BusinessDetails", "DisplayText", "EnergyMix", "EnergySource", "EnvironmentalImpact",
     "AdditionalGeoLocation", "EVSEParking", "Parking", "EnergyContract", "StatusSchedule"}
)  # fmt: skip
"""Objects without which the rest means the same."""

ORNAMENTS = frozenset(
    {"BusinessDetails.website", "BusinessDetails.logo", "Image.thumbnail", "Image.width", "Image.height",
     "Connector.terms_and_conditions", "EVSE.evse_id", "EVSE.coordinates", "EVSE.floor_level",
     "EVSE.physical_reference", "Location.opening_times", "Location.help_phone", "Tariff.tariff_alt_url",
     "Token.language"}
)  # fmt: skip
"""Optional fields of which the same holds."""

SHORTENED = frozenset({"CdrDimension", "ChargingPeriod"})
"""Objects that what we send can do without where the release has no words for them."""

BINDING = frozenset({"TariffRestrictions", "PriceComponent"})
"""Objects whose every field changes what a charge costs."""

REPAIRED = frozenset(
    {"timestamp_form", "number_as_text", "decimal_as_integer", "text_as_number", "boolean_as_text", "wrong_case",
     "not_a_list", "form"}
)  # fmt: skip
"""Errors that the repaired document no longer has."""

MOST_HINTS, MOST_FINDINGS = 100, 1000
"""How much is said of one document."""

MISSING: Any = object()


def examine(
    rules: Rules,
    name: str,
    document: Any,
    *,
    partial: bool = False,
    takes_unknown: bool = False,
    sending: bool = False,
) -> tuple[list[Finding], Any]:
    """All findings, and the document as it can be read (MISSING when it is no object at all).

    With `partial` the top level may lack required fields, as in a PATCH.
    """
    walk = _Walk(rules, takes_unknown, sending)
    repaired = walk.object(rules.objects[name], document, (), partial)
    return _most(walk.findings), repaired


def _most(findings: list[Finding]) -> list[Finding]:
    """As many as anyone reads, and the worst of the others."""
    kept, more = findings[:MOST_FINDINGS], findings[MOST_FINDINGS:]
    if not more:
        return kept
    worst = max(more, key=lambda f: (f.fatal, f.severity == "error"))
    return [*kept, worst, Finding("info", "more", "", f"{len(more) - 1} further findings are not listed")]


def fits(rules: Rules, rule: FieldRule, value: Any) -> bool:
    """Whether one value keeps the rule of a field; nothing is repaired."""
    walk = _Walk(rules, takes_unknown=True, sending=False)
    walk.field(rule, value, ())
    return not any(finding.severity == "error" for finding in walk.findings)


@dataclass(slots=True)
class _Walk:
    rules: Rules
    takes_unknown: bool
    sending: bool
    findings: list[Finding] = field(default_factory=list)

    def say(self, severity: Severity, code: str, path: tuple[Any, ...], message: str, fatal: bool = False) -> None:
        self.findings.append(Finding(severity, code, pointer(*path), message, fatal))

    def object(self, rule: ObjectRule, value: Any, path: tuple[Any, ...], partial: bool = False) -> Any:
        if not isinstance(value, dict):
            self.say("error", "not_an_object", path, f"{rule.name} expected, got {_named(value)}", True)
            return MISSING
        repaired: Document = {}
        loose = {part for group in rule.one_of for part in group}
        for name, item in value.items():
            if name not in rule.fields:
                self.unknown_field(rule, name, path)
                repaired[name] = item
                continue
            if item is None and name in loose:
                continue
            before = len(self.findings)
            kept = self.field(rule.fields[name], item, (*path, name))
            if rule.name in BINDING:
                self.bind(before)
            if f"{rule.name}.{name}" in ORNAMENTS and self.broken(before):
                self.leave_out(before, (*path, name), name)
            elif kept is not MISSING:
                repaired[name] = kept
        if not partial:
            self.required(rule, value, path)
        for constraint in CONSTRAINTS.get(rule.name, ()):
            if not partial or constraint.on_parts:
                for code, place, message in constraint.broken(repaired, self.rules):
                    self.say(constraint.severity, code, (*path, *place), message)
        return repaired

    def broken(self, before: int) -> bool:
        """Whether what was found since then makes a thing unusable, or unfit to be sent."""
        return any(
            f.fatal or (self.sending and f.severity == "error" and f.code not in REPAIRED)
            for f in self.findings[before:]
        )

    def bind(self, before: int) -> None:
        """What was found since then and not repaired is fatal."""
        self.findings[before:] = [
            replace(f, fatal=True) if f.severity == "error" and f.code not in REPAIRED else f
            for f in self.findings[before:]
        ]

    def leave_out(self, before: int, path: tuple[Any, ...], what: str) -> None:
        self.findings[before:] = [
            Finding("warning" if self.sending else f.severity, f.code, f.pointer, f.message)
            for f in self.findings[before:]
        ]
        self.say("warning", "left_out", path, f"a broken {what} is left out")

    def unknown_field(self, rule: ObjectRule, name: str, path: tuple[Any, ...]) -> None:
        near = self.near(name.strip(), rule.fields, 0.8)
        hint = f", did you mean {near[0]}?" if near else ""
        severity: Severity = "info" if self.takes_unknown and not near else "warning"
        self.say(severity, "unknown_field", (*path, name), f"{rule.name} has no field {name}{hint}")

    def near(self, name: str, known: Iterable[str], likeness: float) -> list[str]:
        """What was probably meant; nobody reads more guesses than a few, and each takes time."""
        return difflib.get_close_matches(name, known, 1, likeness) if len(self.findings) < MOST_HINTS else []

    def required(self, rule: ObjectRule, value: Document, path: tuple[Any, ...]) -> None:
        loose = {part for group in rule.one_of for part in group}
        for f in rule.fields.values():
            if f.required and f.name not in loose and f.name not in value:
                self.say("error", "missing", (*path, f.name), f"{rule.name}.{f.name} is required", True)

    def field(self, rule: FieldRule, value: Any, path: tuple[Any, ...]) -> Any:
        if value is None:
            if rule.required:
                self.say("error", "null", path, f"{rule.name} is required and null", True)
                return MISSING
            return None
        if not rule.many:
            return self.value(rule, value, path, rule.required)
        if not isinstance(value, list):
            self.say("error", "not_a_list", path, f"a list expected, got {_named(value)}")
            value = [value]
        elif rule.cardinality == "+" and not value:
            self.say("error", "empty_list", path, "at least one item is required")
        read = [self.value(rule, item, (*path, index), False) for index, item in enumerate(value)]
        kept = [item for item in read if item is not MISSING]
        if rule.cardinality == "+" and value and not kept:
            self.say("error", "empty_list", path, "at least one item is required, and none can be used", True)
        return kept

    def value(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        """One value, repaired; MISSING when it is to be left out."""
        if rule.type in self.rules.objects:
            before = len(self.findings)
            kept = self.object(self.rules.objects[rule.type], value, path)
            spare = rule.type in DECORATIVE or (self.sending and rule.type in SHORTENED)
            if spare and not required and self.broken(before):
                self.leave_out(before, path, rule.type)
                return MISSING
            return kept
        if rule.type in self.rules.enums:
            return self.enum(self.rules.enums[rule.type], value, path, required)
        reader: Callable[..., Any] = getattr(self, f"_{rule.type.lower()}")
        kept = reader(rule, value, path, required)
        return kept

    def enum(self, enum: EnumRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        if not isinstance(value, str):
            self.say("error", "wrong_type", path, f"a {enum.name} expected, got {_named(value)}", required)
            return MISSING
        if value in enum.values:
            return value
        if value in enum.tolerated and (enum.sayable(value) or not self.sending):
            self.say("warning", "unknown_value", path, f"{value!r} is not in {enum.name}, though texts use it")
            return value
        for known in enum.values:
            if known.casefold() == value.strip().casefold():
                self.say("warning" if enum.open else "error", "wrong_case", path, f"{value[:40]!r} is written {known}")
                return known
        if enum.open:
            self.say("warning", "unknown_value", path, f"{value[:40]!r} is not among the known values of {enum.name}")
            return value
        near = self.near(value.upper(), enum.values, 0.75)
        hint = f", did you mean {near[0]}?" if near else ""
        self.say("error", "unknown_value", path, f"{value[:40]!r} is not in {enum.name}{hint}", required)
        return MISSING

    def _cistring(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        value = self.text(rule, value, path, required)
        if value is not MISSING and not all(" " <= c <= "~" for c in value):
            self.say("error", "not_ascii", path, "only printable ASCII is allowed in a CiString")
        return value

    def _string(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        value = self.text(rule, value, path, required)
        if value is not MISSING and any(c < " " or c == "\x7f" for c in value):
            self.say("error", "control_character", path, "control characters are not allowed")
        return value

    def _url(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        value = self.text(rule, value, path, required)
        if value is not MISSING and not re.fullmatch(ABSOLUTE_URL, value):
            self.say("error", "not_a_url", path, f"not an absolute URL: {value[:80]!r}")
        return value

    def text(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            self.say("error", "text_as_number", path, f"a string expected, got the number {str(value)[:40]}")
            value = str(value)
        if not isinstance(value, str):
            self.say("error", "wrong_type", path, f"a string expected, got {_named(value)}", required)
            return MISSING
        shaped = _shaped(rule, value)
        if shaped != value:
            self.say("error", "form", path, f"{value[:40]!r} is written {shaped}")
            value = shaped
        if rule.max_length is not None and len(value) > (rule.accepted or rule.max_length):
            self.say("error", "too_long", path, f"{len(value)} characters, at most {rule.max_length} are allowed")
        if rule.min_length is not None and len(value) < rule.min_length:
            self.say("error", "too_short", path, f"{len(value)} characters, at least {rule.min_length} are needed")
        if rule.pattern is not None and not re.fullmatch(rule.pattern, value):
            self.say("error", "pattern", path, f"{value[:40]!r} has not the form {rule.pattern}")
        return value

    def _datetime(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        try:
            moment = parse_timestamp(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None:
            self.say("error", "not_a_timestamp", path, f"not a timestamp: {str(value)[:40]!r}", required)
            return MISSING
        if not re.fullmatch(DATETIME, value) or len(value) > 25 or value[17:19] == "60":
            self.say("error", "timestamp_form", path, f"{value[:40]!r} has not the form of a timestamp in UTC")
            return timestamp(moment)
        if not value.endswith("Z"):
            self.say("info", "no_zone", path, "no zone given: read as UTC")
            return f"{value}Z" if len(value) < 25 else timestamp(moment)
        return value

    def _number(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        if isinstance(value, str):
            try:
                number = Decimal(value.strip())
            except InvalidOperation:
                number = Decimal("NaN")
            if not number.is_finite():
                self.say("error", "wrong_type", path, f"a number expected, got {value[:40]!r}", required)
                return MISSING
            self.say("error", "number_as_text", path, f"a number expected, got the string {value[:40]!r}")
            value = number
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.say("error", "wrong_type", path, f"a number expected, got {_named(value)}", required)
            return MISSING
        exact = Decimal(value)
        if not exact.is_finite() or exact.copy_abs() > LARGEST:
            self.say("error", "out_of_range", path, "no quantity is that large", True)
            return MISSING
        if exact != exact.quantize(Decimal("1e-4")):
            self.say("warning", "many_decimals", path, f"more than 4 decimals: {str(value)[:40]}")
        return value

    def _int(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        before = len(self.findings)
        number = self._number(rule, value, path, required)
        if number is MISSING:
            return MISSING
        self.findings[before:] = [f for f in self.findings[before:] if f.code != "many_decimals"]
        if number == int(number) and isinstance(value, Decimal):
            self.say(
                "error", "decimal_as_integer", path, f"an integer is written without decimals, got {str(value)[:40]}"
            )
        if number != int(number):
            self.say("error", "not_an_integer", path, f"an integer expected, got {str(number)[:40]}", required)
            return MISSING
        if rule.max_digits is not None and len(str(abs(int(number)))) > rule.max_digits:
            self.say("error", "too_many_digits", path, f"at most {rule.max_digits} digits are allowed")
        return int(number)

    def _boolean(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        if isinstance(value, bool):
            return value
        word = str(value).strip().casefold()
        if word in ("true", "false", "0", "1"):
            self.say("error", "boolean_as_text", path, f"a boolean expected, got {value!r}")
            return word in ("true", "1")
        self.say("error", "wrong_type", path, f"a boolean expected, got {_named(value)}", required)
        return MISSING

    def _any(self, rule: FieldRule, value: Any, path: tuple[Any, ...], required: bool) -> Any:
        return value


_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::00)?")


def _shaped(rule: FieldRule, value: str) -> str:
    """The text in the form that its field wants, where it says the same in another; else as it is."""
    if rule.name == "language" and rule.max_length == 2 and value[2:3] in ("-", "_"):
        return value[:2].lower()
    if rule.pattern is None or len(value) > 40 or re.fullmatch(rule.pattern, value):
        return value
    if rule.name in ("latitude", "longitude"):
        try:
            degrees = Decimal(value.strip())
        except InvalidOperation:
            return value
        forms = [f"{degrees:.{decimals}f}" for decimals in (5, 6, 7) if degrees.is_finite() and abs(degrees) <= 180]
        fitting = [form for form in forms if re.fullmatch(rule.pattern, form)]
        return next((form for form in fitting if Decimal(form) == degrees), fitting[-1] if fitting else value)
    time = _TIME.fullmatch(value)
    if time is None:
        return value
    hour = "00" if time[1] == "24" and rule.name == "end_time" else f"{time[1]:0>2}"
    return f"{hour}:{time[2]}"


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
