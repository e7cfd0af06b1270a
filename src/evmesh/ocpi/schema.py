"""The field rules of one release: read from the declarations, edited by the releases, turned into checkers.

`newest()` introspects the chapters. A release older than the newest edits a copy of those rules (`change.py`).
From the rules of any release come
- `decoder()`: a typed decoder in C that says in one pass whether a document keeps every rule of type, length,
  cardinality and enum (the fast road; the slow one, `check.py`, then names each deviation);
- `view()`: a typed reading of a canonical document, as lax as documents are;
- `json_schema()`: JSON Schema 2020-12.
"""

from __future__ import annotations

import types as python_types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import import_module
from threading import RLock
from typing import Annotated, Any, TypeVar

import msgspec

from evmesh.ocpi.types import AtLeastOne, ClosedEnum, Digits, Object, OpenEnum, Text

CHAPTERS = (
    "types",
    "transport_and_format",
    "versions",
    "credentials",
    "locations",
    "tariffs",
    "tokens",
    "cdrs",
    "sessions",
    "commands",
    "chargingprofiles",
    "hubclientinfo",
    "payments",
    "bookings",
    "invoice_reconciliation",
)

TOLERATED = {"Role": ("PTP",)}
"""Values that texts use although the closed enum lacks them: read with a warning, and written."""

READ_ONLY = {"Role": ("HUB",), "CdrDimensionType": ("FLAT",)}
"""Values that closed enums lost on the way: read with a warning, and not written where they are unknown."""

SESSION_ONLY = ("CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE")
"""Dimensions that a Session may carry and a CDR may not. [mod_cdrs_cdrdimensiontype_enum]"""

CISTRING = r"[\x20-\x7e]*"
PRINTABLE = r"[^\x00-\x1f\x7f]*"
ABSOLUTE_URL = r"[A-Za-z][A-Za-z0-9+.\-]*://\S+"
DATETIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?"

_building = RLock()
"""msgspec shows other threads a type that it has only half prepared, and they crash on it: one prepares at a time, and
no type is handed out before it is ready."""

LARGEST = 10**18
"""No quantity is larger; a number beyond it is a fault or an attack."""

Kind = TypeVar("Kind", bound=Object)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field: `type` is a specification type or the name of an object or enum; `cardinality` one of `1 ? * +`."""

    name: str
    type: str
    cardinality: str
    max_length: int | None = None
    min_length: int | None = None
    pattern: str | None = None
    max_digits: int | None = None
    accepted: int | None = None

    @property
    def many(self) -> bool:
        return self.cardinality in "*+"

    @property
    def required(self) -> bool:
        return self.cardinality in "1+"


@dataclass(frozen=True, slots=True)
class ObjectRule:
    """One object. `one_of` names groups of fields of which one must be there, whatever their cardinality says."""

    name: str
    chapter: str
    fields: dict[str, FieldRule]
    one_of: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class EnumRule:
    name: str
    chapter: str
    values: tuple[str, ...]
    open: bool

    @property
    def tolerated(self) -> tuple[str, ...]:
        """Values that are read although they do not belong here."""
        return () if self.open else TOLERATED.get(self.name, ()) + READ_ONLY.get(self.name, ())

    def sayable(self, value: str) -> bool:
        return self.open or value in self.values or value in TOLERATED.get(self.name, ())


@dataclass(slots=True)
class Rules:
    """All objects and enums of one release."""

    objects: dict[str, ObjectRule] = field(default_factory=dict)
    enums: dict[str, EnumRule] = field(default_factory=dict)

    def copy(self) -> Rules:
        return Rules(dict(self.objects), dict(self.enums))

    def without(self, name: str, *fields: str) -> None:
        rule = self.objects[name]
        missing = set(fields) - rule.fields.keys()
        if missing:
            raise KeyError(f"{name} has no {missing}")
        self.objects[name] = replace(rule, fields={k: v for k, v in rule.fields.items() if k not in fields})

    def put(self, name: str, *rules: FieldRule) -> None:
        rule = self.objects[name]
        self.objects[name] = replace(rule, fields={**rule.fields, **{r.name: r for r in rules}})


def text(name: str, kind: str, length: int | None, cardinality: str = "1", pattern: str | None = None) -> FieldRule:
    """A rule for a string field, as releases write them."""
    return FieldRule(name, kind, cardinality, max_length=length, pattern=pattern)


def newest() -> Rules:
    """The rules that the chapters declare."""
    rules = Rules()
    for cls in declared_objects().values():
        fields = {}
        hints = typing.get_type_hints(cls, localns=_names(), include_extras=True)
        for name, default in _defaults(cls):
            fields[name] = _field_rule(name, hints[name], default is msgspec.NODEFAULT)
        rules.objects[cls.__name__] = ObjectRule(cls.__name__, _chapter(cls), fields)
    for name, enum in _names().items():
        if issubclass(enum, StrEnum):
            values = tuple(member.value for member in enum)
            rules.enums[name] = EnumRule(name, _chapter(enum), values, issubclass(enum, OpenEnum))
    return rules


def declared_objects() -> dict[str, type[Object]]:
    return {name: cls for name, cls in _names().items() if issubclass(cls, Object)}


def _defaults(cls: type[Object]) -> Iterator[tuple[str, Any]]:
    """Each field with its default, without resolving annotations: chapters refer to each other in circles."""
    names, defaults = cls.__struct_fields__, cls.__struct_defaults__
    yield from zip(names, (msgspec.NODEFAULT,) * (len(names) - len(defaults)) + defaults, strict=True)


def _chapter(cls: type) -> str:
    return cls.__module__.rpartition(".")[2]


@cache
def _names() -> dict[str, type]:
    found: dict[str, type] = {}
    for chapter in CHAPTERS:
        module = import_module(f"evmesh.ocpi.{chapter}")
        for name, value in vars(module).items():
            if (
                isinstance(value, type)
                and value.__module__ == module.__name__
                and issubclass(value, Object | ClosedEnum | OpenEnum)
                and value not in (Object, ClosedEnum, OpenEnum)
            ):
                found[name] = value
    return found


def _field_rule(name: str, hint: Any, required: bool) -> FieldRule:
    cardinality = "1" if required else "?"
    if typing.get_origin(hint) in (typing.Union, python_types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is Annotated and any(isinstance(m, AtLeastOne) for m in hint.__metadata__):
        cardinality, hint = "+", hint.__origin__
    if typing.get_origin(hint) is list:
        cardinality = cardinality if cardinality == "+" else "*"
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is Annotated:
        mark = hint.__metadata__[0]
        if isinstance(mark, Text):
            limits = (mark.max_length, mark.min_length, mark.pattern)
            return FieldRule(name, mark.kind, cardinality, *limits, accepted=mark.accepted)
        assert isinstance(mark, Digits)
        return FieldRule(name, "int", cardinality, max_digits=mark.most)
    plain = {int: "int", bool: "boolean", Decimal: "number", Any: "any"}
    return FieldRule(name, plain.get(hint) or hint.__name__, cardinality)


class Checkers:
    """The typed decoders of one release, built when first asked for.

    A decoder raises `msgspec.ValidationError` where a document breaks a rule. Numbers are decoded as floats: it is a
    check, its result is thrown away, and a float refuses what a Decimal field would take (a string, a 1e999).
    """

    def __init__(self, rules: Rules, takes_unknown_fields: bool) -> None:
        self.rules, self.takes_unknown_fields = rules, takes_unknown_fields
        self._types: dict[tuple[str, bool, bool], Any] = {}
        self._decoders: dict[tuple[str, bool, bool], msgspec.json.Decoder[Any]] = {}

    def decoder(self, name: str, *, plain: bool, sending: bool) -> msgspec.json.Decoder[Any]:
        """`plain`: the text is ASCII without escapes, so that no string needs its characters looked at.
        `sending`: what a reader tolerates is refused: values of other releases, and unknown fields where the release
        has no rule that they must be taken."""
        key = (name, plain, sending)
        found = self._decoders.get(key)
        if found is None:
            with _building:
                found = self._decoders.get(key) or msgspec.json.Decoder(self._object(name, plain, sending))
                self._decoders[key] = found
        return found

    def _object(self, name: str, plain: bool, sending: bool) -> Any:
        key = (name, plain, sending)
        if key not in self._types:
            rule = self.rules.objects[name]
            loose = {part for group in rule.one_of for part in group}
            fields: list[Any] = []
            for f in rule.fields.values():
                of = self._field(f, plain, sending)
                if f.required and f.name not in loose:
                    fields.append((f.name, of))
                else:
                    fields.append((f.name, of | None, None))
            closed = sending and not self.takes_unknown_fields
            self._types[key] = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=closed, gc=False)
        return self._types[key]

    def _field(self, rule: FieldRule, plain: bool, sending: bool) -> Any:
        inner: Any = self._scalar(rule, plain, sending)
        if rule.cardinality == "+":
            return Annotated[list[inner], msgspec.Meta(min_length=1)]
        return list[inner] if rule.cardinality == "*" else inner

    def _scalar(self, rule: FieldRule, plain: bool, sending: bool) -> Any:
        kind = rule.type
        if kind in self.rules.objects:
            return self._object(kind, plain, sending)
        if kind in self.rules.enums:
            enum = self.rules.enums[kind]
            known = [value for value in {*enum.values, *enum.tolerated} if not sending or enum.sayable(value)]
            return str if enum.open else typing.Literal[tuple(sorted(known))]
        if kind == "int":
            most = LARGEST if rule.max_digits is None else 10**rule.max_digits - 1
            return Annotated[int, msgspec.Meta(ge=-most, le=most)]
        if kind == "DateTime":
            return Annotated[datetime, msgspec.Meta(tz=True)]
        if kind == "number":
            return Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
        if kind in ("boolean", "any"):
            return {"boolean": bool, "any": Any}[kind]
        limits: dict[str, Any] = {}
        if rule.max_length is not None:
            limits["max_length"] = rule.accepted or rule.max_length
        if rule.min_length is not None:
            limits["min_length"] = rule.min_length
        if rule.pattern is not None:
            limits["pattern"] = _whole(rule.pattern)
        elif kind == "URL":
            limits["pattern"] = _whole(ABSOLUTE_URL)
        elif not plain:
            limits["pattern"] = _whole(CISTRING if kind == "CiString" else PRINTABLE)
        return Annotated[str, msgspec.Meta(**limits)] if limits else str


def _whole(pattern: str) -> str:
    """For a search that must span the whole text; a `$` would let a line end pass."""
    return rf"^(?:{pattern})\Z"


_laxes: dict[type[Object], type[Object]] = {}


def _lax(cls: type[Object]) -> type[Object]:
    """The class as lax as documents are, prepared for conversion."""
    found = _laxes.get(cls)
    if found is None:
        with _building:
            found = _laxes.get(cls) or _made_lax(cls)
            msgspec.json.Decoder(found)
            _laxes[cls] = found
    return found


def _made_lax(cls: type[Object]) -> type[Object]:
    hints = typing.get_type_hints(cls, localns=_names(), include_extras=True)
    fields: list[Any] = []
    instead_of_null: list[tuple[str, Any]] = []
    for name, default in _defaults(cls):
        rule = _field_rule(name, hints[name], default is msgspec.NODEFAULT)
        of = _lax_type(rule)
        if rule.many:
            fields.append((name, list[of] | None, msgspec.field(default_factory=list)))  # type: ignore[valid-type]
            instead_of_null.append((name, list))
        else:
            absent = None if default is msgspec.NODEFAULT else default
            fields.append((name, of | None, absent))
            if absent is not None:
                instead_of_null.append((name, lambda absent=absent: absent))
    namespace = {"__post_init__": _without_nulls(instead_of_null)} if instead_of_null else {}
    return msgspec.defstruct(  # type: ignore[return-value]
        cls.__name__, fields, kw_only=True, module=cls.__module__, namespace=namespace
    )


def _without_nulls(defaults: list[tuple[str, Callable[[], Any]]]) -> Callable[[Object], None]:
    """Null means the same as absent. [types_cardinality]"""

    def fill(read: Object) -> None:
        for name, default in defaults:
            if getattr(read, name) is None:
                setattr(read, name, default())

    return fill


def _lax_type(rule: FieldRule) -> Any:
    named = _names().get(rule.type)
    if named is not None:
        return _lax(named) if issubclass(named, Object) else str
    plain = {"int": int | Decimal, "boolean": bool, "number": Decimal, "any": Any, "DateTime": datetime}
    return plain.get(rule.type, str)


def view(cls: type[Kind], document: dict[str, Any]) -> Kind:
    """The document read as `cls`, with attributes: enums as plain strings, timestamps as aware datetimes, numbers as
    exact Decimals, what is absent as its default, None or an empty list. Nothing is checked but types.

    Raises ValueError when a field holds something that its type cannot.
    """
    try:
        return msgspec.convert(document, _lax(cls), strict=False)  # type: ignore[return-value]
    except msgspec.ValidationError as error:
        raise ValueError(f"{cls.__name__}: {error}") from None


def json_schema(rules: Rules, name: str | None = None) -> dict[str, Any]:
    """JSON Schema 2020-12 of one object, or without a name a document with every object and enum under `$defs`."""
    wanted = set(rules.objects) | set(rules.enums) if name is None else set(_reachable(rules, name))
    definitions = {key: _definition(rules, key) for key in sorted(wanted)}
    top: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    if name is not None:
        top["$ref"] = f"#/$defs/{name}"
    return {**top, "$defs": definitions}


def _reachable(rules: Rules, name: str) -> Iterator[str]:
    todo, seen = [name], {name}
    while todo:
        key = todo.pop()
        yield key
        if key in rules.objects:
            for f in rules.objects[key].fields.values():
                if f.type not in seen and (f.type in rules.objects or f.type in rules.enums):
                    seen.add(f.type)
                    todo.append(f.type)


def _definition(rules: Rules, name: str) -> dict[str, Any]:
    if name in rules.enums:
        enum = rules.enums[name]
        if enum.open:
            return {"title": name, "type": "string", "examples": list(enum.values)}
        return {"title": name, "type": "string", "enum": list(enum.values)}
    rule = rules.objects[name]
    properties = {}
    for f in rule.fields.values():
        item = _property(rules, f)
        if f.many:
            item = {"type": "array", "items": item}
            if f.cardinality == "+":
                item["minItems"] = 1
        properties[f.name] = item if f.required else {"anyOf": [item, {"type": "null"}]}
    loose = {part for group in rule.one_of for part in group}
    result: dict[str, Any] = {
        "title": name,
        "type": "object",
        "properties": properties,
        "required": [f.name for f in rule.fields.values() if f.required and f.name not in loose],
    }
    if rule.one_of:
        result["anyOf"] = [{"required": [part]} for group in rule.one_of for part in group]
    return result


def _property(rules: Rules, rule: FieldRule) -> dict[str, Any]:
    if rule.type in rules.objects or rule.type in rules.enums:
        return {"$ref": f"#/$defs/{rule.type}"}
    if rule.type == "any":
        return {}
    if rule.type == "int":
        if rule.max_digits is None:
            return {"type": "integer"}
        most = 10**rule.max_digits - 1
        return {"type": "integer", "minimum": -most, "maximum": most}
    if rule.type in ("number", "boolean"):
        return {"type": rule.type}
    result: dict[str, Any] = {"type": "string"}
    if rule.max_length is not None:
        result["maxLength"] = rule.accepted or rule.max_length
    if rule.min_length is not None:
        result["minLength"] = rule.min_length
    if rule.pattern is not None:
        result["pattern"] = f"^(?:{rule.pattern})$"
    elif rule.type == "DateTime":
        result["pattern"] = f"^{DATETIME}$"
    elif rule.type == "URL":
        result["format"] = "uri"
    elif rule.type == "CiString":
        result["pattern"] = f"^{CISTRING}$"
    return result
