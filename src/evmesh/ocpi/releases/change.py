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

from collections.abc import Callable, Mapping
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

    def fresh(self) -> Context:
        """The same knowledge, with no trace of another translation."""
        known = self.owner, self.token_party, self.role, self.party, self.lookup, self.embedding
        return Context(*known, bring=self.bring)

    def note(self, code: str, message: str, *parts: str | int, severity: Severity = "info") -> None:
        self.findings.append(Finding(severity, code, pointer(*self.path, *parts), message))

    def find(self, kind: str, *key: str) -> Document | None:
        """The object in the words of the newer side of the step that is being taken."""
        found = self.lookup(kind, *key) if self.lookup is not None else None
        return self.bring(kind, found) if found is not None else None


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
    known: frozenset[str]
    instead: Mapping[str, str]
    many: bool
    required: bool


@dataclass(slots=True)
class _Plan:
    """What differs in one object. `later` are the fields that only the newer side has, `ended` those of the older;
    `lifted` and `said` the children that differ on the way up and on the way down."""

    ups: list[Turn] = field(default_factory=list)
    downs: list[Turn] = field(default_factory=list)
    later: dict[str, FieldRule] = field(default_factory=dict)
    ended: dict[str, FieldRule] = field(default_factory=dict)
    values: list[_Values] = field(default_factory=list)
    lifted: list[_Child] = field(default_factory=list)
    said: list[_Child] = field(default_factory=list)

    @property
    def lifts(self) -> bool:
        return bool(self.ups or self.later or self.lifted)

    @property
    def says(self) -> bool:
        return bool(self.downs or self.ended or self.values or self.said)


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
        plans: dict[str, _Plan] = {}
        for name in newer.objects:
            self._plan(name, plans)
        self._ups = {name: plan for name, plan in plans.items() if plan.lifts}
        self._downs = {name: plan for name, plan in plans.items() if plan.says}

    def _plan(self, name: str, plans: dict[str, _Plan]) -> _Plan:
        if name in plans:
            return plans[name]
        plan = plans[name] = _Plan()
        older = self.older.objects.get(self.said_as.get(name, name))
        if older is None:
            return plan
        newer = self.newer.objects[name]
        plan.ups = [change.up for change in self._changes if change.of == name and change.up]
        plan.downs = [change.down for change in self._changes if change.of == name and change.down]
        plan.later = {k: f for k, f in newer.fields.items() if k not in older.fields}
        plan.ended = {k: f for k, f in older.fields.items() if k not in newer.fields}
        for f in older.fields.values():
            if f.type in self.older.objects:
                child, below = _Child(f.name, f.type, f.many, f.required), self._plan(f.type, plans)
                plan.lifted += [child] if below.lifts else []
                plan.said += [child] if below.says else []
            elif f.type in self.older.enums and f.type in self.newer.enums:
                before, after = self.older.enums[f.type], self.newer.enums[f.type]
                known = frozenset(before.values)
                if not before.open and (after.open or not known >= set(after.values)):
                    swap = self._instead.get(f.type, {})
                    plan.values.append(_Values(f.name, before, known, swap, f.many, f.required))
        return plan

    def up(self, name: str, document: Document, context: Context) -> Document:
        """The document in the newer words. What the older release did not say stays absent."""
        plan = self._ups.get(name)
        if plan is None:
            return document
        lifted, path = dict(document), context.path
        _only_fitting(self.newer, plan.later, lifted, context)
        for child in plan.lifted:
            value = lifted.get(child.field)
            if value is None:
                continue
            path.append(child.field)
            if child.many:
                lifted[child.field] = items = []
                path.append(0)
                for index, item in enumerate(value):
                    path[-1] = index
                    items.append(self.up(child.name, item, context))
                path.pop()
            else:
                lifted[child.field] = self.up(child.name, value, context)
            path.pop()
        for turn in plan.ups:
            turn(lifted, context)
        return lifted

    def down(self, name: str, document: Document, context: Context) -> Document:
        """The document in the older words; Unsayable when it has none, NeedsObject when a lookup failed."""
        plan = self._downs.get(name)
        if plan is None:
            return document
        said, path = dict(document), context.path
        _only_fitting(self.older, plan.ended, said, context)
        for turn in plan.downs:
            turn(said, context)
        for child in plan.said:
            value = said.get(child.field)
            if value is None:
                continue
            path.append(child.field)
            if child.many:
                said[child.field] = self._items(child, value, context)
                if value and child.required and not said[child.field]:
                    raise Unsayable(f"nothing of {name}.{child.field} can be said in the older release")
            else:
                self._single(child, said, value, context)
            path.pop()
        for values in plan.values:
            self._swap(values, said, context)
        return said

    def _items(self, child: _Child, value: list[Any], context: Context) -> list[Any]:
        """The items that can be said."""
        kept, path = [], context.path
        path.append(0)
        depth = len(path)
        for index, item in enumerate(value):
            path[-1] = index
            try:
                kept.append(self.down(child.name, item, context))
            except Unsayable as error:
                if error.whole not in (None, child.name):
                    raise
                del path[depth:]
                context.note("left_out", error.reason, severity="warning")
        path.pop()
        return kept

    def _single(self, child: _Child, said: Document, value: Any, context: Context) -> None:
        depth = len(context.path)
        try:
            said[child.field] = self.down(child.name, value, context)
        except Unsayable as error:
            if child.required or error.whole not in (None, child.name):
                raise
            del context.path[depth:]
            context.note("left_out", error.reason, severity="warning")
            del said[child.field]

    def _swap(self, values: _Values, said: Document, context: Context) -> None:
        value = said.get(values.field)
        if value is None:
            return
        known = values.known
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
