"""Taking in our own objects from files and registers: checked, stored with the `last_updated` that they have, queued.

A bad object is reported with its position and costs only itself. What is taken in is on disk, with its deliveries,
before the next batch is looked at; an import that breaks off can simply be run again, since what is the same already
changes nothing.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from evmesh.base.findings import Finding
from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.releases import NEWEST, RELEASES
from evmesh.ocpi.status_codes import NotJson
from evmesh.ports import Document, Partner, Party
from evmesh.roaming import kinds, publish
from evmesh.roaming.invoicereconciliation.sender import KIND as RECORDS
from evmesh.roaming.invoicereconciliation.sender import invoiced_to
from evmesh.roaming.node import Node
from evmesh.store import deliveries, invoices, objects
from evmesh.store import partners as partners_table
from evmesh.store.objects import Outcome
from evmesh.store.transaction import Tx

OWNER_ROLE = {"locations": "CPO", "tariffs": "CPO", "sessions": "CPO", "cdrs": "CPO", "tokens": "EMSP"}
"""A record of an invoice is of whoever wrote it, in any role."""

BATCH = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """One object to be taken in: where it stood, what it is (None when unusable), what is odd about it."""

    position: str
    document: Document | None
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Imported:
    """What became of them. `findings` are (position, finding)."""

    kind: str
    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    stale: int = 0
    refused: int = 0
    findings: list[tuple[str, Finding]] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.created + self.replaced + self.unchanged + self.stale + self.refused


def items(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The objects of a file, each with its position: a JSON array, one object, an OCPI envelope or NDJSON, also gzip.

    NotJson when the file as a whole is none of these.
    """
    content = unpacked(content)
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"[":
        yield from _array(text, "item")
        return
    first, _, rest = text.partition(b"\n")
    if rest.strip() and _is_json(first):
        for number, line in enumerate(content.split(b"\n"), 1):
            if line.strip():
                yield f"line {number}", line
        return
    whole = wire.decode(text)
    if isinstance(whole, dict) and "data" in whole and "status_code" in whole:
        envelope = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        yield from _array(bytes(envelope["data"]), "data item")
    else:
        yield "the object", text


def unpacked(content: bytes) -> bytes:
    """The content of a file that may be gzipped; NotJson when it is broken gzip."""
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise NotJson(f"the file is broken gzip: {error}") from None


def _array(text: bytes, word: str) -> Iterator[tuple[str, bytes]]:
    if text[:1] != b"[":
        yield "data", text
        return
    try:
        parts = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotJson(f"the file is not JSON: {error}") from None
    for number, part in enumerate(parts, 1):
        yield f"{word} {number}", bytes(part)


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def candidates(node: Node, kind: str, found: Iterable[tuple[str, bytes]], release: str) -> Iterator[Candidate]:
    """Our own objects as a release words them. Where it does not name the owner, our first party of the role is it."""
    role = OWNER_ROLE.get(kind)
    owner = next((party.party for party in node.parties if role in (None, party.role)), None)
    for position, body in found:
        context = wire.Context(owner=owner, token_party=owner if kind == "tokens" else None)
        try:
            read = wire.read(kinds.NAMES[kind], body, dialect(release), context)
        except NotJson as error:
            yield Candidate(position, None, [Finding("error", "not_json", "", error.message, True)])
            continue
        yield Candidate(position, read.document, read.findings)


async def take(
    node: Node, kind: str, found: Iterable[Candidate], progress: Callable[[int], None] = lambda count: None
) -> Imported:
    """Stores what is good and ours, and queues it for the partners that should get it."""
    imported = Imported(kind)
    rest = iter(found)
    while batch := list(islice(rest, BATCH)):
        good: list[tuple[str, Document]] = []
        for candidate in batch:
            imported.findings.extend((candidate.position, finding) for finding in candidate.findings)
            document = candidate.document
            objections = [] if document is None else _objections(node, kind, document)
            new = (finding for finding in objections if finding not in candidate.findings)
            imported.findings.extend((candidate.position, finding) for finding in new)
            if document is None or objections:
                imported.refused += 1
            else:
                good.append((candidate.position, document))
        await _store(node, kind, good, imported)
        progress(len(batch))
    return imported


async def _store(node: Node, kind: str, good: list[tuple[str, Document]], imported: Imported) -> None:
    def all_of_them(tx: Tx) -> list[Outcome | Finding]:
        partners = [p for p in partners_table.all_partners(tx) if p.status == "registered"]
        return [_put(tx, node, kind, document, partners) for _, document in good]

    if not good:
        return
    for (position, _), outcome in zip(good, await node.store.write(all_of_them), strict=True):
        if isinstance(outcome, Finding):
            imported.findings.append((position, outcome))
        name = "refused" if isinstance(outcome, Finding) else outcome.value
        setattr(imported, name, getattr(imported, name) + 1)


def _put(tx: Tx, node: Node, kind: str, document: Document, partners: Sequence[Partner]) -> Outcome | Finding:
    """What became of it, or why it cannot be taken."""
    to = invoiced_to(tx, document) if kind == RECORDS else None
    if kind == RECORDS and to is None:
        message = "none of its CDRs is held, so nobody knows between whom the invoice is"
        return Finding("error", "no_cdrs", "/cdrs", message, True)
    if kind == "cdrs" and _changes_what_is_out(tx, document, partners):
        message = "a partner has it, or it is invoiced, and CDRs do not change: credit it and bill it anew"
        return Finding("error", "cdr_is_out", "", message, True)
    return publish.put_own(tx, node, kind, document, partners=partners, to=to)[0]


def _changes_what_is_out(tx: Tx, cdr: Document, partners: Sequence[Partner]) -> bool:
    held = objects.get(tx, "cdrs", kinds.own_key("cdrs", cdr))
    if held is None or held.document == wire.encode(cdr).decode() or held.last_updated > kinds.last_updated(cdr):
        return False
    told = any(deliveries.told_of(tx, partner.id, held.seq) for partner in partners)
    return told or bool(invoices.invoiced(tx, [held.seq], "partner"))


def _objections(node: Node, kind: str, document: Document) -> list[Finding]:
    """Why we must not publish this as ours."""
    name = kinds.NAMES[kind]
    if not wire.keeps_rules(RELEASES[NEWEST], name, wire.encode(document), document):
        errors = [finding for finding in wire.check(name, document, NEWEST) if finding.severity == "error"]
        if errors:
            return errors
    owner: Party = (document["country_code"], document["party_id"])
    role = OWNER_ROLE.get(kind)
    if node.ours(owner, role) is None:
        message = f"{'*'.join(owner)} is not one of our parties" + (f" in the role {role}" if role else "")
        return [Finding("error", "not_ours", "/party_id", message, True)]
    return []


def summary(imported: Imported) -> dict[str, Any]:
    """For machines: the counts, and every finding with its position."""
    return {
        "kind": imported.kind,
        "read": imported.read,
        **{name: getattr(imported, name) for name in ("created", "replaced", "unchanged", "stale", "refused")},
        "findings": [
            {"position": position, "severity": f.severity, "code": f.code, "pointer": f.pointer, "message": f.message}
            for position, f in imported.findings
        ],
    }
