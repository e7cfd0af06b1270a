"""What partners push to us: the generic Receiver.

    1. The party in the path must be one of the caller's, else HTTP 404. [transport_and_format_errors]
    2. The body is read forgivingly; what makes it unusable is answered with 2001 and the place.
    3. Path and body must name the same object, else 2001. Ids compare as the caller's release compares them.
    4. An older `last_updated` than the stored one: 1000, and nothing changes. An equal one is accepted.
    5. The document is stored as the partner said it, beside the canonical one; a GET gives it back.

A PATCH replaces top-level fields of the stored document, in the partner's own release; the whole is then read again.
A session's charging periods are appended where the release says so, one for each start: a PATCH that comes twice
doubles none. [transport_and_format_patch] [mod_sessions_patch_method]

All of a call happens in one transaction; when the answer goes out, it is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from evmesh.base.findings import Finding
from evmesh.ocpi import wire
from evmesh.ocpi.dialect import Dialect
from evmesh.ocpi.status_codes import InvalidParameter, NotFound
from evmesh.ocpi.types import parse_timestamp
from evmesh.ocpi.wire import Context, NeedsObject, Unsayable
from evmesh.ports import Answer, Call, Document, Partner, Party
from evmesh.roaming import kinds
from evmesh.roaming.node import Node
from evmesh.roaming.publish import lookup
from evmesh.store import objects, tariff_history
from evmesh.store.objects import Held, Outcome
from evmesh.store.transaction import Tx

Rule = Callable[[Tx, Document], None]
"""One more thing that must hold of a (canonical) object before it is stored; raises OcpiError."""

Then = Callable[[Tx, Held], None]
"""What else happens in the transaction that stored an object."""


class Unusable(InvalidParameter):
    """The object cannot be used; the findings say why."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = list(findings)


class Foreign(InvalidParameter):
    """The object belongs to a party that is not one of the partner's."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an object that a partner sent."""

    outcome: Outcome
    held: Held
    findings: list[Finding] = field(default_factory=list)

    @property
    def stored(self) -> bool:
        return self.outcome in (Outcome.CREATED, Outcome.REPLACED)


async def put(
    node: Node,
    call: Call,
    name: str,
    kind: str,
    key_ids: Sequence[str],
    *,
    rule: Rule | None = None,
    then: Then | None = None,
) -> Answer:
    """Store the whole object in the body, which must be the one that the path's party and `key_ids` name."""
    owner = their_party(call)

    def run(tx: Tx) -> None:
        accepted = accept(tx, call.partner, call.dialect, kind, call.body, owner=owner, key_ids=key_ids, rule=rule)
        if accepted.stored and then is not None:
            then(tx, accepted.held)

    await node.store.write(run)
    return Answer()


async def patch(
    node: Node,
    call: Call,
    name: str,
    kind: str,
    key_ids: Sequence[str],
    *,
    rule: Rule | None = None,
    then: Then | None = None,
) -> Answer:
    """Set the fields in the body; NotFound when there is no such object."""
    owner = their_party(call)
    change = patch_of(call)

    def run(tx: Tx) -> None:
        held = found(tx, call.partner, call.dialect, kind, owner, key_ids)
        if is_older(change, held.last_updated):
            return
        whole = merged(call.dialect, name, stored(tx, call.partner, call.dialect, held), change)
        accepted = accept(tx, call.partner, call.dialect, kind, whole, owner=owner, key_ids=key_ids, rule=rule)
        if accepted.stored and then is not None:
            then(tx, accepted.held)

    await node.store.write(run)
    return Answer()


async def get(node: Node, call: Call, name: str, kind: str, key_ids: Sequence[str]) -> Answer:
    """The stored document as the partner said it; NotFound when there is none."""
    owner = their_party(call)

    def run(tx: Tx) -> bytes:
        held = found(tx, call.partner, call.dialect, kind, owner, key_ids)
        if held.release == call.dialect.name:
            return held.wire_or_document.encode()
        return wire.encode(stored(tx, call.partner, call.dialect, held))

    return Answer(data=await node.store.read(run))


async def delete(node: Node, call: Call, name: str, kind: str, key_ids: Sequence[str]) -> Answer:
    """Mark the object as gone; NotFound when there is none."""
    owner = their_party(call)

    def run(tx: Tx) -> None:
        held = found(tx, call.partner, call.dialect, kind, owner, key_ids)
        objects.remove(tx, held.seq)
        if kind == "tariffs":
            tariff_history.deleted(tx, held)

    await node.store.write(run)
    return Answer()


def their_party(call: Call) -> Party:
    """The party in the path, as the partner spells it; NotFound when it is not one of the caller's."""
    for party in call.partner.parties():
        if same_party(party, call.owner):
            return party
    raise NotFound(f"{call.owner[0]}*{call.owner[1]} is not one of your parties")


def same_party(one: Party, other: Party) -> bool:
    return one[0].casefold() == other[0].casefold() and one[1].casefold() == other[1].casefold()


def accept(
    tx: Tx,
    partner: Partner,
    spoken: Dialect,
    kind: str,
    body: bytes | Document,
    *,
    owner: Party | None = None,
    key_ids: Sequence[str] | None = None,
    rule: Rule | None = None,
    listed_at: int | None = None,
) -> Accepted:
    """Read one object of a partner, check whose it is, and store it: what every way in comes down to.

    Without `owner` (a list, a CDR) the object itself says whose it is, or in 2.1.1 the connection does; Foreign when
    that is none of the partner's parties. Unusable when it cannot be read, InvalidParameter when it is not the object
    that `owner` and `key_ids` name, or a CDR that differs from the one we have. A list that was begun at the change
    `listed_at` does not bring back what has gone since: that is stale.
    """
    if owner is None and not spoken.release.owner_in_object:
        owner = partner.parties()[0]
    read = wire.read(kinds.NAMES[kind], body, spoken, their_context(tx, partner, owner))
    document = read.document
    if document is None:
        raise Unusable(read.why(), read.findings)
    ids = kinds.ids(kind, document)
    if any(not each.isprintable() for each in ids):
        raise Unusable("an id holds characters that cannot be printed", read.findings)
    said_owner = kinds.owner(document)
    if owner is not None and not same_party(owner, said_owner):
        raise InvalidParameter(f"the object is of {'*'.join(said_owner)}, the path says {'*'.join(owner)}")
    if not partner.owns(said_owner):
        raise Foreign(f"{'*'.join(said_owner)} is not one of your parties")
    if key_ids is not None and not all(map(spoken.same_id, ids, key_ids)):
        raise InvalidParameter(f"the object is {'*'.join(ids)}, the path says {'*'.join(key_ids)}")
    if rule is not None:
        rule(tx, document)
    known = theirs(tx, partner, spoken, kind, said_owner, ids, absent=True)
    if kind == "cdrs" and known is not None and known.absent_since is None:
        if not _same_record(wire.decode(known.document), document):
            raise InvalidParameter(f"we have another CDR {ids[0]}, and CDRs do not change")
        return Accepted(Outcome.UNCHANGED, known, read.findings)
    if listed_at is not None and known is not None and known.absent_since is not None and known.change > listed_at:
        return Accepted(Outcome.STALE, known, read.findings)
    text = wire.encode(document).decode()
    as_said = text if document is read.wire else wire.encode(read.wire).decode()
    outcome, held = objects.put(
        tx,
        kind,
        partner.id,
        *said_owner,
        ids[0],
        spoken.key(*said_owner, *ids) if known is None else known.key,
        text,
        None if as_said == text else as_said,
        spoken.name,
        kinds.last_updated(document),
        kinds.token_party(kind, document),
        contract_id=kinds.contract_id(kind, document),
    )
    if kind == "tariffs" and outcome in (Outcome.CREATED, Outcome.REPLACED):
        tariff_history.add(tx, held)
    return Accepted(outcome, held, read.findings)


def _same_record(one: Document, other: Document) -> bool:
    return {**one, "last_updated": None} == {**other, "last_updated": None}


def their_context(tx: Tx, partner: Partner, owner: Party | None) -> Context:
    """For reading what a partner says. Where it sees one party of ours, a token that it names is that party's."""
    return Context(owner=owner, token_party=partner.our_party, lookup=lookup(tx))


def theirs(
    tx: Tx,
    partner: Partner,
    spoken: Dialect,
    kind: str,
    owner: Party,
    ids: Sequence[str],
    *,
    absent: bool = False,
) -> Held | None:
    """The partner's object of that name. One that came when the partner spoke another release, and was keyed
    otherwise, is found too."""
    held = objects.get(tx, kind, spoken.key(*owner, *ids), partner.id, absent=absent)
    if held is not None:
        return held
    named = objects.party(*owner)
    for other in objects.find(tx, kind, ids[0], partner_id=partner.id, absent=absent):
        if other.owner != named or other.release == spoken.name:
            continue
        if all(map(spoken.same_id, kinds.ids(kind, wire.decode(other.document)), ids)):
            return other
    return None


def found(tx: Tx, partner: Partner, spoken: Dialect, kind: str, owner: Party, ids: Sequence[str]) -> Held:
    """The same; NotFound when there is none."""
    held = theirs(tx, partner, spoken, kind, owner, ids)
    if held is None:
        raise NotFound(f"no {kinds.NAMES[kind]} {'*'.join((*owner, *ids))} is known here")
    return held


def stored(tx: Tx, partner: Partner, spoken: Dialect, held: Held) -> Document:
    """The document as the partner said it, or, when it said it in another release, as it would say it now."""
    if held.release == spoken.name:
        document: Document = wire.decode(held.wire_or_document)
        return document
    context = their_context(tx, partner, (held.country_code, held.party_id))
    try:
        return wire.write(kinds.NAMES[held.kind], wire.decode(held.document), spoken, context).document
    except (Unsayable, NeedsObject) as error:
        raise NotFound(f"{held.id} was told in {held.release} and cannot be said in {spoken.name}: {error}") from None


def patch_of(call: Call) -> Document:
    """The fields that a PATCH sets; InvalidParameter when there are none or, from 2.2.1, no `last_updated`."""
    change = wire.decode(call.body)
    if not isinstance(change, dict):
        raise InvalidParameter("a PATCH is an object with the fields to set")
    if "last_updated" not in change:
        if call.dialect.release.patch_needs_last_updated:
            raise InvalidParameter("/last_updated: a PATCH needs it")
    elif _moment(change["last_updated"]) is None:
        raise InvalidParameter(f"/last_updated: not a timestamp: {str(change['last_updated'])[:40]!r}")
    return change


def is_older(change: Document, than: datetime) -> bool:
    """Whether a PATCH speaks of an older state; one without a `last_updated` never does."""
    moment = _moment(change.get("last_updated"))
    return moment is not None and moment < than


def _moment(text: object) -> datetime | None:
    try:
        return parse_timestamp(text) if isinstance(text, str) else None
    except ValueError:
        return None


def merged(spoken: Dialect, name: str, document: Document, change: Document) -> Document:
    """The document with the fields of the PATCH set, each as a whole, but for a session's charging periods."""
    whole = {**document, **change}
    if name == "Session" and spoken.release.patch_appends_periods and "charging_periods" in change:
        whole["charging_periods"] = _appended(document.get("charging_periods"), change["charging_periods"])
    return whole


def _appended(before: object, more: object) -> object:
    """All periods, a later word on the same start in place of the former. What is no list is left to the reader."""
    if more is None:
        return before
    if not isinstance(more, list) or not isinstance(before, list | None):
        return more
    periods: dict[object, object] = {}
    for index, period in enumerate([*(before or []), *more]):
        start = period.get("start_date_time") if isinstance(period, dict) else None
        periods[_moment(start) or index] = period
    return list(periods.values())
