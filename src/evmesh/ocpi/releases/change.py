"""What differs between a release and the one after it, each difference said once.

A *Change* tells, looking back from the newer release, how the rules differ (`edit`), how an older document is lifted
(`up`), how a newer one is said in the older words (`down`), and what is lost on the way (`losses`). A release is a
list of Changes; a `Step` compiles one list into plans that touch only the places where something differs:

    up:    children first (by the older rules), then the object's own functions
    down:  the object's own functions first, then children and enum values (by the older rules)

so a function always sees its children in the newer words. What cannot be said raises `Unsayable`; a list drops the
item, an optional field is left out, otherwise the object itself cannot be said, up to the whole document. Each such
event, and every loss, is noted as a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from evmesh.base.findings import Finding, Severity, pointer
from evmesh.ocpi.check import fits
from evmesh.ocpi.schema import EnumRule, FieldRule, Rules

Document = dict[str, Any]
Lookup = Callable[..., Document | None]


class Unsayable(Exception):
    """The older release has no words for this. `whole` names the object that must then be left out entirely,
    where leaving out a part would change its meaning (a price without its condition)."""

    def __init__(self, reason: str, whole: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.whole = reason, whole


class NeedsObject(Exception):
    """Saying this needs another object that is not at hand: a Session of 2.1.1 carries its Location."""

    def __init__(self, kind: str, *key: str) -> None:
        super().__init__(f"{kind} {'*'.join(key)} is needed and not known")
        self.kind, self.key = kind, key


@dataclass(slots=True)
class Context:
    """What a translation knows besides the document.

    `owner` and `token_party` are (country_code, party_id) that older documents do not carry themselves; `role` and
    `party` say as whom credentials of one party are read or written; `lookup(kind, *key)` finds canonical objects:
    ("Location", country, party, id), ("Token", auth_id), ("Tariff", country, party, id).
    """

    owner: tuple[str, str] | None = None
    token_party: tuple[str, str] | None = None
    role: str | None = None
    party: tuple[str, str] | None = None
    lookup: Lookup | None = None
    embedding: bool = False
    findings: list[Finding] = field(default_factory=list)
    path: list[str | int] = field(default_factory=list)
    bring: Callable[[str, Document], Document] = lambda name, document: document

    def note(self, code: str, message: str, *parts: str | int, severity: Severity = "info") -> None:
        self.findings.append(Finding(severity, code, pointer(*self.path, *parts), message))

    def find(self, kind: str, *key: str) -> Document | None:
        """The object in the words of the newer side of the step that is being taken."""
        found = self.lookup(kind, *key) if self.lookup is not None else None
        return self.bring(kind, found) if found is not None else None

    @contextmanager
    def at(self, *parts: str | int) -> Iterator[None]:
        self.path.extend(parts)
        try:
            yield
        finally:
            del self.path[len(self.path) - len(parts) :]


Turn = Callable[[Document, Context], None]
"""Changes a document in place."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `of` names the object that `up` and `down` work on."""

    edit: Callable[[Rules], None]
    of: str = ""
    up: Turn | None = None
    down: Turn | None = None
    losses: tuple[str, ...] = ()
    said_as: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def added(of: str, *names: str) -> Change:
    """Fields that the newer release brought; the older one cannot carry them."""

    def down(document: Document, context: Context) -> None:
        for name in names:
            value = document.pop(name, None)
            if value not in (None, []):
                context.note("lost", f"{of}.{name} has no place in the older release", name)

    return Change(lambda rules: rules.without(of, *names), of, None, down, tuple(f"{of}.{n}" for n in names))


def added_objects(*names: str) -> Change:
    """Objects and enums that the newer release brought."""

    def edit(rules: Rules) -> None:
        for name in names:
            if rules.objects.pop(name, None) is None and rules.enums.pop(name, None) is None:
                raise KeyError(name)

    return Change(edit)


def values_added(
    enum: str, *values: str, instead: Mapping[str, str] | None = None, losses: tuple[str, ...] = ()
) -> Change:
    """Enum values that the newer release brought, and what to say instead where something true can be said.

    `losses` names the lists that lose items which cannot be without such a value.
    """

    def edit(rules: Rules) -> None:
        rule = rules.enums[enum]
        missing = set(values) - set(rule.values)
        if missing:
            raise KeyError(f"{enum} has no {missing}")
        rules.enums[enum] = replace(rule, values=tuple(v for v in rule.values if v not in values))

    return Change(edit, losses=(f"={enum}", *losses), instead={enum: instead or {}})


def values_ended(enum: str, *values: str) -> Change:
    """Enum values that only the older release has. Lifted as they are: the newer side reads them tolerantly."""

    def edit(rules: Rules) -> None:
        rule = rules.enums[enum]
        rules.enums[enum] = replace(rule, values=(*rule.values, *values))

    return Change(edit)


def opened(*enums: str) -> Change:
    """Enums that are open in the newer release and closed in the older."""

    def edit(rules: Rules) -> None:
        for enum in enums:
            rules.enums[enum] = replace(rules.enums[enum], open=False)

    return Change(edit)


def renamed(of: str, new: str, old: str, rule: FieldRule | None = None) -> Change:
    """A field that only changed its name (and its limits, when `rule` gives the older ones)."""

    def edit(rules: Rules) -> None:
        fields = rules.objects[of].fields
        before = rule or replace(fields[new], name=old)
        in_place = {before.name if name == new else name: before if name == new else f for name, f in fields.items()}
        rules.objects[of] = replace(rules.objects[of], fields=in_place)

    def up(document: Document, context: Context) -> None:
        if old in document:
            document[new] = document.pop(old)

    def down(document: Document, context: Context) -> None:
        if new in document:
            document[old] = document.pop(new)

    return Change(edit, of, up, down)


def limited(of: str, *rules_before: FieldRule) -> Change:
    """Fields whose limits were others. Nothing is translated: the strict writer cuts texts or refuses."""
    return Change(lambda rules: rules.put(of, *rules_before), of)


def retold(
    of: str,
    *,
    edit: Callable[[Rules], None],
    up: Turn | None,
    down: Turn | None,
    losses: tuple[str, ...] = (),
) -> Change:
    """A difference that needs functions of its own."""
    return Change(edit, of, up, down, losses)


@dataclass(frozen=True, slots=True)
class _Child:
    field: str
    name: str
    many: bool
    required: bool


@dataclass(frozen=True, slots=True)
class _Values:
    field: str
    enum: EnumRule
    instead: Mapping[str, str]
    many: bool
    required: bool


@dataclass(slots=True)
class _Plan:
    """What differs in one object. `later` are the fields that only the newer side has, `ended` those of the older."""

    children: list[_Child] = field(default_factory=list)
    values: list[_Values] = field(default_factory=list)
    ups: list[Turn] = field(default_factory=list)
    downs: list[Turn] = field(default_factory=list)
    later: dict[str, FieldRule] = field(default_factory=dict)
    ended: dict[str, FieldRule] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.children or self.values or self.ups or self.downs)


class Step:
    """One release boundary, compiled. `older` are the rules on its far side."""

    def __init__(self, newer: Rules, changes: tuple[Change, ...]) -> None:
        self.newer, self.older = newer, newer.copy()
        self.said_as: dict[str, str] = {}
        self.losses: set[str] = set()
        instead: dict[str, Mapping[str, str]] = {}
        for change in changes:
            change.edit(self.older)
            self.said_as.update(change.said_as)
            self.losses.update(change.losses)
            instead.update(change.instead)
        self._changes, self._instead = changes, instead
        self._plans: dict[str, _Plan] = {}

    def _plan(self, name: str) -> _Plan:
        if name not in self._plans:
            plan = self._plans[name] = _Plan()
            for change in self._changes:
                if change.of == name:
                    plan.ups += [change.up] if change.up else []
                    plan.downs += [change.down] if change.down else []
            rule = self.older.objects.get(self.said_as.get(name, name))
            after_rule = self.newer.objects.get(name)
            if plan and rule is not None and after_rule is not None:
                plan.later = {k: f for k, f in after_rule.fields.items() if k not in rule.fields}
                plan.ended = {k: f for k, f in rule.fields.items() if k not in after_rule.fields}
            for f in rule.fields.values() if rule else ():
                if f.type in self.older.objects and self._plan(f.type):
                    plan.children.append(_Child(f.name, f.type, f.many, f.required))
                elif f.type in self.older.enums and f.type in self.newer.enums:
                    before, after = self.older.enums[f.type], self.newer.enums[f.type]
                    if not before.open and (after.open or not set(after.values) <= set(before.values)):
                        swap = self._instead.get(f.type, {})
                        plan.values.append(_Values(f.name, before, swap, f.many, f.required))
        return self._plans[name]

    def up(self, name: str, document: Document, context: Context) -> Document:
        """The document in the newer words. What the older release did not say stays absent."""
        plan = self._plan(name)
        if not plan:
            return document
        lifted = dict(document)
        _only_fitting(self.newer, plan.later, lifted, context)
        for child in plan.children:
            value = lifted.get(child.field)
            if value is None:
                continue
            if not child.many:
                with context.at(child.field):
                    lifted[child.field] = self.up(child.name, value, context)
            else:
                items = []
                for index, item in enumerate(value):
                    with context.at(child.field, index):
                        items.append(self.up(child.name, item, context))
                lifted[child.field] = items
        for turn in plan.ups:
            turn(lifted, context)
        return lifted

    def down(self, name: str, document: Document, context: Context) -> Document:
        """The document in the older words; Unsayable when it has none, NeedsObject when a lookup failed."""
        plan = self._plan(name)
        if not plan:
            return document
        said = dict(document)
        _only_fitting(self.older, plan.ended, said, context)
        for turn in plan.downs:
            turn(said, context)
        for child in plan.children:
            value = said.get(child.field)
            if value is None:
                continue
            if child.many:
                self._items(name, child, said, value, context)
                continue
            try:
                with context.at(child.field):
                    said[child.field] = self.down(child.name, value, context)
            except Unsayable as error:
                self._leave_out(child.name, child.required, child.field, said, error, context)
        for values in plan.values:
            self._swap(values, said, context)
        return said

    def _items(self, name: str, child: _Child, said: Document, value: list[Any], context: Context) -> None:
        kept = []
        for index, item in enumerate(value):
            try:
                with context.at(child.field, index):
                    kept.append(self.down(child.name, item, context))
            except Unsayable as error:
                if error.whole not in (None, child.name):
                    raise
                context.note("left_out", error.reason, child.field, index, severity="warning")
        if value and not kept and child.required:
            raise Unsayable(f"nothing of {name}.{child.field} can be said in the older release")
        said[child.field] = kept

    def _leave_out(
        self, child: str, required: bool, name: str, said: Document, error: Unsayable, context: Context
    ) -> None:
        if required or error.whole not in (None, child):
            raise error
        context.note("left_out", error.reason, name, severity="warning")
        del said[name]

    def _swap(self, values: _Values, said: Document, context: Context) -> None:
        value = said.get(values.field)
        if value is None:
            return
        known = values.enum.values
        if values.many:
            kept = []
            for index, item in enumerate(value):
                if item in known:
                    kept.append(item)
                else:
                    context.note("left_out", f"{values.enum.name} has no {item} then", values.field, index)
            if values.required and value and not kept:
                raise Unsayable(f"no value of {values.field} can be said in the older release")
            said[values.field] = kept
        elif value not in known and value not in values.enum.tolerated:
            swap = values.instead.get(value) or values.instead.get("*")
            if swap is not None:
                context.note("said_otherwise", f"{value} is said as {swap}", values.field)
                said[values.field] = swap
            elif values.required:
                raise Unsayable(f"{values.enum.name} {value} does not exist in the older release")
            else:
                context.note("left_out", f"{values.enum.name} has no {value} then", values.field)
                del said[values.field]


def _only_fitting(rules: Rules, other_side: Mapping[str, FieldRule], document: Document, context: Context) -> None:
    """A field that is unknown where the document comes from and known where it goes is taken for what its name says
    there, if it can be; nobody has checked it yet."""
    for name, rule in other_side.items():
        if name in document and not fits(rules, rule, document[name]):
            del document[name]
            context.note("left_out", f"an unknown field of this name, and not what {name} is in another release", name)
