"""CDRs, tariffs and pricing policies from files.

A file says in its own words of which release it is: without `--release` the release is the one in whose words fewest
fields are unknown and fewest required ones missing. With one, its reading counts, unless the document breaks it and
speaks another release without fault; then that is said.

A document that breaks every release is read all the same, as far as its fields go: pricing judges by itself what it
can rely on, and what is broken is among the findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from evmesh.base.findings import Finding, pointer
from evmesh.cli.output import Failure
from evmesh.cli.validate import read_bytes

if TYPE_CHECKING:
    from evmesh.pricing.policy import PricingPolicy

Document = dict[str, Any]

STANDARD_INPUT = "-"
_BYTE = re.compile(r"\(byte (\d+)\)")
_NOT_A_NUMBER = re.compile(rb"-?\b(?:NaN|Infinity)\b")
# Nobody prints more digits, and computing with a million of them would eat the machine.
_MOST_PLACES = 12


@dataclass(frozen=True, slots=True)
class Understood:
    """A document in the newest words, the release that it is worded in, and what is odd about it.

    `usable` says that the release's own rules let it pass; else it is as good as its fields are.
    """

    document: Document
    release: str
    findings: list[Finding]
    usable: bool

    @property
    def names_taxes(self) -> bool:
        """Whether prices in this release say what they are before and after taxes."""
        return names_taxes(self.release)


def known_release(name: str | None) -> str | None:
    """The release that a user named; misuse when evmesh does not speak it."""
    from evmesh.ocpi.releases import RELEASES

    if name is not None and name not in RELEASES:
        raise typer.BadParameter(f"evmesh speaks {', '.join(RELEASES)}, not {name!r}", param_hint="--release")
    return name


def names_taxes(release: str) -> bool:
    """Whether a release's tariffs know taxes at all; otherwise amounts after taxes are unknown."""
    from evmesh.ocpi.releases import RELEASES

    return "vat" in RELEASES[release].rules.objects["PriceComponent"].fields


def read_one(file: str, name: str, release: str | None = None) -> Understood:
    """The one object that a file holds."""
    found = read_all(file, name, release)
    if len(found) > 1:
        hint = ": --batch prices many, one a line" if name == "CDR" else ""
        raise Failure(f"{called(file)} holds {len(found)} objects of type {name}, not one{hint}")
    return found[0]


def read_all(file: str, name: str, release: str | None = None) -> list[Understood]:
    """All objects of a file: one, a JSON array of them, either in an OCPI envelope, or one a line."""
    value = decoded(file)
    if isinstance(value, dict) and "status_code" in value and "data" not in value:
        raise Failure(f"{called(file)} holds no {name}: an answer without data, with status {value['status_code']}")
    items = list(_items(value))
    if not items:
        raise Failure(f"{called(file)} holds no {name}: the list is empty")
    for place, item in items:
        if not isinstance(item, dict):
            raise Failure(f"{called(file)} holds no {name}: an object is expected{place and ' at ' + place}")
    return [understood(name, item, release) for _, item in items]


def decoded(file: str) -> Any:
    """The JSON value of a file, numbers exact; of a file with one value a line, a list of them."""
    text = read_bytes(file)
    try:
        return decoded_text(text, called(file))
    except Failure:
        numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(numbered) < 2 or not _is_json(numbered[0][1]):
            raise
    return [decoded_text(line, f"{called(file)}, line {number},") for number, line in numbered]


def decoded_text(text: bytes, what: str) -> Any:
    """The JSON value of a text; Failure names the place where it is none."""
    from evmesh.ocpi.status_codes import NotJson
    from evmesh.ocpi.wire import decode

    try:
        return decode(text)
    except NotJson as error:
        raise Failure(f"{what} {_broken(error.message, text)}") from None


def _is_json(text: bytes) -> bool:
    try:
        decoded_text(text, "")
    except Failure:
        return False
    return True


def called(file: str) -> str:
    return "standard input" if file == STANDARD_INPUT else file


def _broken(message: str, text: bytes) -> str:
    """What is wrong with a JSON text, by line and column."""
    said = message.removeprefix("the body ")
    at = _BYTE.search(said)
    if at is None:
        return said
    offset = int(at[1])
    line, column = text.count(b"\n", 0, offset) + 1, offset - text.rfind(b"\n", 0, offset)
    place = f"line {line}, column {column}" if b"\n" in text.strip() else f"column {column}"
    figure = _NOT_A_NUMBER.match(text, max(offset - 1, 0)) or _NOT_A_NUMBER.match(text, offset)
    if figure is not None:
        return f"is not JSON: {figure[0].decode()} is no number ({place})"
    reason = said[: at.start()].replace("JSON is malformed: ", "").rstrip()
    return f"{reason} ({place})"


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """The objects of a decoded file with their places."""
    if isinstance(value, dict) and {"status_code", "data"} <= value.keys():
        for place, item in _items(value["data"]):
            yield "/data" + place, item
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield pointer(index), item
    else:
        yield "", value


def understood(name: str, document: Document, release: str | None = None, *, likely: str | None = None) -> Understood:
    """The document in the newest words. `likely` is the release to try first, when none is asked for."""
    from evmesh.ocpi.releases import RELEASES

    first = release or likely
    order = [*([first] if first else []), *(each for each in RELEASES if each != first)]
    tried: list[tuple[tuple[int, int], Understood]] = []
    for each in order:
        found = _read(name, document, each)
        unknown = sum(finding.code in ("unknown_field", "left_out") for finding in found.findings)
        if (each == release and found.usable) or (found.usable and not unknown and not _errors(found)):
            break
        tried.append(((unknown, _errors(found)), found))
    else:
        if release is not None:
            return _anyhow(name, document, tried[0][1])
        # Stable: of those that fit alike, the newest.
        found = min(tried, key=lambda one: one[0])[1]
        return found if found.usable else _anyhow(name, document, found)
    if release is not None and found.release != release:
        text = f"this {name} is worded in {found.release}, not in {release}"
        found.findings.insert(0, Finding("info", "other_release", "", text))
    return found


def _errors(found: Understood) -> int:
    return sum(finding.severity == "error" for finding in found.findings)


def _read(name: str, document: Document, release: str) -> Understood:
    from evmesh.ocpi import wire
    from evmesh.ocpi.dialect import dialect

    read = wire.read(name, document, dialect(release))
    return Understood(read.document or document, release, list(read.findings), read.document is not None)


def _anyhow(name: str, document: Document, refused: Understood) -> Understood:
    """A document that its release refuses, in the newest words as far as it has any."""
    from evmesh.ocpi import wire
    from evmesh.ocpi.releases import RELEASES

    try:
        lifted = RELEASES[refused.release].lift(name, document, wire.Context())
    except (*wire.ODD_SHAPES, wire.Unsayable, wire.NeedsObject, RecursionError):
        lifted = document
    findings = [Finding(f.severity, f.code, f.pointer, f.message) for f in refused.findings]
    return Understood(lifted, refused.release, findings, False)


def merged(reading: list[Finding], found: list[Finding]) -> list[Finding]:
    """Findings about a document and about its price, each place once: what pricing says of a place counts more."""
    told = {finding.pointer for finding in found if finding.pointer}
    return [finding for finding in reading if finding.pointer not in told] + found


def read_policy(file: str | None) -> PricingPolicy:
    """The pricing policy of a TOML or JSON file; evmesh's own reading when there is none."""
    from evmesh.pricing.policy import STANDARD, policy_from

    if file is None:
        return STANDARD
    table = _table(file)
    if not isinstance(table, dict):
        raise Failure(f"{called(file)} is no pricing policy: a table of fields is expected")
    _known_fields(file, table)
    try:
        policy = policy_from(table)
    except (ValueError, ArithmeticError) as error:
        raise Failure(f"{called(file)}: {error}") from None
    if not all(0 <= places <= _MOST_PLACES for places in (policy.places, policy.round_each_places)):
        raise Failure(f"{called(file)}: amounts are rounded at 0 to {_MOST_PLACES} places")
    for tax in policy.taxes:
        if not (tax.percentage.is_finite() and 0 <= tax.percentage <= 100):
            raise Failure(f"{called(file)}: {tax.percentage} is no percentage of {tax.name}")
    return policy


def _table(file: str) -> Any:
    import tomllib
    from decimal import Decimal

    text = read_bytes(file)
    if text.lstrip()[:1] == b"{":
        return decoded_text(text, called(file))
    try:
        return tomllib.loads(text.decode(), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ArithmeticError) as error:
        raise Failure(f"{called(file)} is neither JSON nor TOML: {error}") from None


def _known_fields(file: str, table: Mapping[str, Any]) -> None:
    import difflib

    from evmesh.pricing.policy import PricingPolicy

    known = PricingPolicy.__struct_fields__
    for field in table:
        if field not in known:
            near = difflib.get_close_matches(field, known, 1, 0.6)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise Failure(f"{called(file)}: a pricing policy has no field {field}{hint}")
