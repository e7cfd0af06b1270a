"""Reading what came over the wire, and writing what goes out.

`read` is forgiving. A document that keeps every rule of its release passes one typed decode in C; only one that does
not takes the slow road, which names each deviation and repairs what can be repaired (`check.py`). Then the document
is lifted into the newest words. `write` is strict: it says a canonical document in the partner's words, checks the
result like any reader would, cuts what may be cut, and refuses the rest.

Numbers are exact both ways: what stands in the text is what is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from evmesh.base.findings import Finding, pointer
from evmesh.ocpi.check import MISSING, REPAIRED, examine
from evmesh.ocpi.constraints import CONSTRAINTS
from evmesh.ocpi.dialect import Dialect
from evmesh.ocpi.releases import RELEASES, Context, NeedsObject, Release, Unsayable
from evmesh.ocpi.schema import FieldRule, ObjectRule, Rules
from evmesh.ocpi.status_codes import NotJson
from evmesh.ocpi.types import parse_timestamp

__all__ = [
    "Context",
    "NeedsObject",
    "Read",
    "Unsayable",
    "Written",
    "check",
    "decode",
    "encode",
    "read",
    "write",
]

Document = dict[str, Any]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MOST_DIGITS = 400

# The typed decoder takes more spellings of a timestamp than the specification: these send a document the slow road.
_UNUSUAL_TIMESTAMP = re.compile(rb"-\d\d(?:[t ]\d\d:|T\d\d:\d\d:\d\d(?:\.\d{5,}|(?:\.\d*)?[+\-z]))")


# An escaped backslash, a pair of surrogates, or (the group) half of one: what is left of an emoji that was cut.
_SURROGATES = re.compile(
    rb"\\(?:\\|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)


def _exact(text: str) -> Decimal:
    """A number as it stands, unless it is so far out that to compute with it would eat the machine."""
    number = Decimal(text)
    if not -_MOST_DIGITS < number.adjusted() < _MOST_DIGITS:
        raise ValueError(f"no number is like {text[:40]}")
    return number


_decoder = msgspec.json.Decoder(float_hook=_exact)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes | str) -> Any:
    """The JSON value, numbers as int or exact Decimal; NotJson says where the text breaks off or goes too deep.

    A byte order mark is skipped, and half a surrogate pair read as U+FFFD: neither is worth a page of objects.
    """
    text = body.encode(errors="replace") if isinstance(body, str) else body.removeprefix(_BYTE_ORDER_MARK)
    try:
        try:
            return _decoder.decode(text)
        except msgspec.DecodeError:
            mended = _SURROGATES.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)
            if mended == text:
                raise
            return _decoder.decode(mended)
    except RecursionError:
        raise NotJson("the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError, ArithmeticError, ValueError) as error:
        raise NotJson(f"the body is not JSON: {error}") from None


def encode(document: Any) -> bytes:
    return _encoder.encode(document)


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: `document` in the newest words (None when it cannot be used), `wire` as the partner said it,
    and the findings."""

    document: Document | None
    wire: Any
    findings: list[Finding] = field(default_factory=list)

    def why(self) -> str:
        """The findings that make it unusable, as one sentence for the partner."""
        return "; ".join(f"{f.pointer or '/'}: {f.message}" for f in self.findings if f.fatal)[:500]


@dataclass(frozen=True, slots=True)
class Written:
    """What can be sent, and what was lost or changed on the way. `sayable_from`: not to be sent before."""

    document: Document
    text: bytes
    findings: list[Finding] = field(default_factory=list)
    sayable_from: datetime | None = None


def read(name: str, body: bytes | Document, dialect: Dialect, context: Context | None = None) -> Read:
    """The object that the body holds, in the newest words. Raises NotJson only."""
    release = dialect.release
    context = _fresh(context)
    findings: list[Finding] = []
    try:
        raw, document = (body, decode(body)) if isinstance(body, bytes) else (encode(body), body)
    except RecursionError:
        raise NotJson("the body is nested too deeply") from None
    usable = document
    if not keeps_rules(release, name, raw, document):
        findings, usable = examine(
            release.rules, release.name_of(name), document, takes_unknown=release.takes_unknown_fields
        )
        if usable is MISSING or any(finding.fatal for finding in findings):
            return Read(None, document, findings)
    try:
        lifted = release.lift(name, usable, context)
    except (*ODD_SHAPES, Unsayable) as error:
        # A shape that passed as harmless and yet cannot be lifted is the partner's document, not our failure.
        findings.append(Finding("error", "cannot_be_lifted", "", f"{name} cannot be understood: {error}", True))
        return Read(None, document, findings)
    return Read(lifted, document, findings + context.findings)


ODD_SHAPES = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, IndexError)


def _fresh(context: Context | None) -> Context:
    """What the caller knows, with no trace of another translation."""
    return Context() if context is None else context.fresh()


def keeps_rules(release: Release, name: str, raw: bytes, document: Any, *, sending: bool = False) -> bool:
    """Whether the document keeps every rule of the release: types, limits, cardinalities, enums, constraints."""
    try:
        if b"\\" in raw:
            raw = encode(document)  # an escape may hide what the searches below look for
        plain = raw.isascii() and b"\\" not in raw and b"\x7f" not in raw
        release.checkers.decoder(release.name_of(name), plain=plain, sending=sending).decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        return False
    if _UNUSUAL_TIMESTAMP.search(raw) is not None:
        return False
    return not _breaks_constraint(release, release.name_of(name), document, raw)


def _breaks_constraint(release: Release, name: str, document: Document, raw: bytes) -> bool:
    for row in CONSTRAINTS.get(name, ()):
        for _ in row.broken(document, release.rules):
            return True
    for field_name, child, many, words in _constrained(release, name):
        value = document.get(field_name)
        if value is None or (words is not None and not any(word in raw for word in words)):
            continue
        for item in value if many else (value,):
            if _breaks_constraint(release, child, item, raw):
                return True
    return False


_constrained_fields: dict[tuple[str, str], tuple[tuple[str, str, bool, set[bytes] | None], ...]] = {}


def _constrained(release: Release, name: str) -> tuple[tuple[str, str, bool, set[bytes] | None], ...]:
    """The fields below which some constraint lies, and the words without which it cannot be broken (None: it always
    can), so that nothing else is walked."""
    key = (release.name, name)
    found = _constrained_fields.get(key)
    if found is None:
        found = _constrained_fields[key] = tuple(
            (f.name, f.type, f.many, None if b"" in words else words)
            for f in release.rules.objects[name].fields.values()
            if (words := _words(release, f.type))
        )
    return found


def _words(release: Release, name: str) -> set[bytes]:
    """The words of all constraints on an object and below it; an empty one stands for a constraint without."""
    words = {word for row in CONSTRAINTS.get(name, ()) for word in row.words or (b"",)}
    if name in release.rules.objects:
        for f in release.rules.objects[name].fields.values():
            words |= _words(release, f.type)
    return words


def check(name: str, document: Any, release: str, *, partial: bool = False) -> list[Finding]:
    """Every deviation of a document from a release, by the slow road. `name` as in the specification."""
    found = RELEASES[release]
    if found.name_of(name) not in found.rules.objects:
        raise KeyError(f"{release} has no object {name}")
    return examine(
        found.rules, found.name_of(name), document, partial=partial, takes_unknown=found.takes_unknown_fields
    )[0]


def write(name: str, document: Document, dialect: Dialect, context: Context | None = None) -> Written:
    """The canonical document in the partner's words.

    Raises Unsayable when the release has no words for it or the result would break a rule that cannot be mended, and
    NeedsObject when another object must be there first.
    """
    release = dialect.release
    context = _fresh(context)
    if release.name_of(name) not in release.rules.objects:
        raise Unsayable(f"{release.name} has no object {name}")
    try:
        said = release.say(name, document, context)
        raw = encode(said)
        if not keeps_rules(release, name, raw, said, sending=True):
            said = _mend(release, name, said, context.findings)
            raw = encode(said)
    except RecursionError:
        raise Unsayable(f"this {name} is nested too deeply") from None
    except ODD_SHAPES as error:
        raise Unsayable(f"this {name} is not one that can be written: {error}") from error
    if release.ascii_strings and not raw.isascii():
        context.findings.append(Finding("info", "not_ascii", "", "texts beyond ASCII go out as UTF-8"))
    return Written(said, raw, context.findings, _sayable_from(name, document, release))


def _sayable_from(name: str, document: Document, release: Release) -> datetime | None:
    """A release whose tariffs have no dates gets a tariff when it begins to hold."""
    if name == "Tariff" and not release.tariff_has_dates and document.get("start_date_time"):
        return parse_timestamp(document["start_date_time"])
    return None


def _mend(release: Release, name: str, said: Document, findings: list[Finding]) -> Document:
    """What breaks a rule of the release, cut or left out where that is harmless; Unsayable otherwise."""
    rules, rule_name, keeps_unknown = release.rules, release.name_of(name), release.takes_unknown_fields
    mended = _prune(rules, rules.objects[rule_name], said, (), findings, keeps_unknown)
    left, repaired = examine(rules, rule_name, mended, takes_unknown=keeps_unknown, sending=True)
    harmful = [f for f in left if f.severity == "error" and f.code not in REPAIRED]
    if harmful:
        raise Unsayable("; ".join(f"{f.pointer or '/'}: {f.message}" for f in harmful)[:500])
    findings.extend(left)
    assert isinstance(repaired, dict)
    return repaired


PROSE = frozenset(
    {"name", "text", "address", "city", "state", "postal_code", "physical_reference", "floor_level", "remark", "issuer",
     "supplier_name", "energy_product_name"}
)  # fmt: skip
"""Fields for people's eyes: cut, they still say most of it. An id or a signature that was cut says something else."""


def _prune(
    rules: Rules,
    rule: ObjectRule,
    value: Any,
    path: tuple[Any, ...],
    findings: list[Finding],
    keeps_unknown: bool,
) -> Any:
    """Without the fields that the release does not know, and with prose at most as long as it allows."""
    if not isinstance(value, dict):
        return value

    def fit(f: FieldRule, item: Any, at: tuple[Any, ...]) -> Any:
        if f.type in rules.objects:
            return _prune(rules, rules.objects[f.type], item, at, findings, keeps_unknown)
        too_long = isinstance(item, str) and f.max_length is not None and len(item) > f.max_length
        if too_long and f.name in PROSE and rule.name != "PublishTokenType":
            findings.append(Finding("warning", "cut", pointer(*at), f"cut to {f.max_length} characters"))
            return item[: f.max_length].rstrip()
        return item

    kept: Document = {}
    for name, item in value.items():
        f, at = rule.fields.get(name), (*path, name)
        if f is None and keeps_unknown:
            kept[name] = item
        elif f is None:
            findings.append(Finding("info", "lost", pointer(*at), f"{rule.name} has no field {name} there"))
        elif isinstance(item, list):
            kept[name] = [fit(f, x, (*at, index)) for index, x in enumerate(item)]
        else:
            kept[name] = fit(f, item, at)
    return kept
