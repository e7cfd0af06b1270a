"""Locations, tariffs, sessions, CDRs, tokens and reconciliation records: ours and our partners', in one table.

An object is its canonical document as JSON text, with the columns that lists, look-ups and checks need beside it. What
a partner sent is kept as well, word for word (`wire`), and the release that it was written in.

Put by put an object goes:

    nothing ── put ──▶ CREATED
    held, an equal or newer `last_updated`, anything different ── put ──▶ REPLACED
    held, an equal or newer `last_updated`, nothing different  ── put ──▶ UNCHANGED    nothing written
    held, a newer `last_updated` than the one that comes       ── put ──▶ STALE        nothing written

An object that is gone is marked, not deleted: what was charged there still refers to it. A put brings it back.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable
from datetime import datetime
from enum import Enum
from typing import Literal

import msgspec
from sqlalchemy import and_, bindparam, func, or_, select, update

from evmesh.store.prepared import Prepared
from evmesh.store.schema import OURS, marks, objects, wordings
from evmesh.store.transaction import Tx, give_back_change, insert, next_change, now

Kind = Literal["locations", "tariffs", "sessions", "cdrs", "tokens", "invoicereconciliation"]


class Outcome(Enum):
    CREATED = "created"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    STALE = "stale"


class Held(msgspec.Struct, frozen=True):
    """An object as it is held. `wire` is None where the partner's own document is the canonical one."""

    seq: int
    kind: str
    partner_id: int
    country_code: str
    party_id: str
    id: str
    key: str
    last_updated: datetime
    change: int
    document: str
    wire: str | None
    release: str
    token_party: str | None
    absent_since: datetime | None

    @property
    def owner(self) -> str:
        return party(self.country_code, self.party_id)

    @property
    def wire_or_document(self) -> str:
        return self.document if self.wire is None else self.wire


_HELD = tuple(objects.c[field] for field in Held.__struct_fields__)


def party(country_code: str, party_id: str) -> str:
    """How a party is written in `owner` and `token_party`: `SE*VLT`. Parties are compared without case."""
    return f"{country_code}*{party_id}".upper()


def put(
    tx: Tx,
    kind: str,
    partner_id: int,
    country_code: str,
    party_id: str,
    id: str,
    key: str,
    document: str,
    wire: str | None,
    release: str,
    last_updated: datetime,
    token_party: str | None = None,
    *,
    contract_id: str | None = None,
    refuse_stale: bool = True,
) -> tuple[Outcome, Held]:
    """Create or replace the object that `key` names among this partner's; return what is held now.

    A token is also found by its `contract_id`.
    """
    change = next_change(tx)
    values = {
        "kind": kind,
        "partner_id": partner_id,
        "country_code": country_code,
        "party_id": party_id,
        "id": id,
        "key": key,
        "last_updated": last_updated,
        "change": change,
        "document": document,
        "wire": wire,
        "release": release,
        "token_party": token_party and token_party.upper(),
        "absent_since": None,
        "owner": party(country_code, party_id),
        "folded_id": id.casefold(),
        "folded_contract": contract_id and contract_id.casefold(),
        "first_change": change,
    }
    row = _upsert(tx.dialect.name, refuse_stale).row(tx, **values)
    if row is not None:
        seq, first_change = row
        held = Held(
            seq,
            kind,
            partner_id,
            country_code,
            party_id,
            id,
            key,
            last_updated,
            change,
            document,
            wire,
            release,
            token_party and token_party.upper(),
            None,
        )
        return (Outcome.CREATED if first_change == change else Outcome.REPLACED), held
    give_back_change(tx)
    there = get(tx, kind, key, partner_id, absent=True)
    assert there is not None, "an insert that did nothing met the row that it conflicts with"
    return (Outcome.STALE if there.last_updated > last_updated else Outcome.UNCHANGED), there


@functools.cache
def _upsert(dialect: str, refuse_stale: bool) -> Prepared:
    columns = [column.name for column in objects.c if column.name != "seq"]
    statement = insert(dialect, objects).values({name: bindparam(name) for name in columns})
    new = statement.excluded
    replaced = [
        "country_code",
        "party_id",
        "id",
        "last_updated",
        "change",
        "document",
        "wire",
        "release",
        "token_party",
        "absent_since",
        "owner",
    ]
    condition = or_(*(objects.c[name].is_distinct_from(new[name]) for name in replaced if name != "change"))
    if refuse_stale:
        condition = and_(new.last_updated >= objects.c.last_updated, condition)
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=["kind", "key", "partner_id"],
            set_={name: new[name] for name in [*replaced, "folded_id", "folded_contract"]},
            where=condition,
        ).returning(objects.c.seq, objects.c.first_change)
    )


def get(tx: Tx, kind: str, key: str, partner_id: int | None = OURS, *, absent: bool = False) -> Held | None:
    """The object of that key: ours, one partner's, or (None) anybody's, ours first.

    One that is gone is found only with `absent`.
    """
    if partner_id is None:
        rows = _BY_KEY.rows(tx, kind=kind, key=key)
    else:
        rows = _BY_KEY_OF.rows(tx, kind=kind, key=key, partner_id=partner_id)
    for row in rows:
        held = Held(*row)
        if absent or held.absent_since is None:
            return held
    return None


_KEY = (
    select(*_HELD)
    .where(objects.c.kind == bindparam("kind"), objects.c.key == bindparam("key"))
    .order_by(objects.c.partner_id)
)
_BY_KEY = Prepared(_KEY)
_BY_KEY_OF = Prepared(_KEY.where(objects.c.partner_id == bindparam("partner_id")))
_ID = (
    select(*_HELD)
    .where(objects.c.kind == bindparam("kind"), objects.c.folded_id == bindparam("folded_id"))
    .order_by(objects.c.partner_id, objects.c.seq)
)
_BY_ID = Prepared(_ID)
_BY_ID_OF = Prepared(_ID.where(objects.c.partner_id == bindparam("partner_id")))
_OF_CONTRACT = Prepared(
    select(*_HELD)
    .where(objects.c.folded_contract == bindparam("contract"), objects.c.absent_since.is_(None))
    .order_by(objects.c.partner_id, objects.c.seq)
    .limit(1)
)
_BY_SEQ = Prepared(select(*_HELD).where(objects.c.seq == bindparam("seq")))


def by_seq(tx: Tx, seq: int) -> Held | None:
    """The object of that number, gone or not."""
    row = _BY_SEQ.row(tx, seq=seq)
    return None if row is None else Held(*row)


def find(tx: Tx, kind: str, id: str, *, partner_id: int | None = None, absent: bool = False) -> list[Held]:
    """Everything of that id, whoever owns it, or of one partner alone, without regard to case; ours first."""
    if partner_id is None:
        rows = _BY_ID.rows(tx, kind=kind, folded_id=id.casefold())
    else:
        rows = _BY_ID_OF.rows(tx, kind=kind, folded_id=id.casefold(), partner_id=partner_id)
    found = (Held(*row) for row in rows)
    return [held for held in found if absent or held.absent_since is None]


def held_ids(tx: Tx, kind: str, ids: Iterable[str], *, partner_id: int | None = None) -> set[str]:
    """Which of these folded ids there is anything of, or anything of one partner, gone or not."""
    found: set[str] = set()
    asked = list(ids)
    for start in range(0, len(asked), _CHUNK):
        there = [objects.c.kind == kind, objects.c.folded_id.in_(asked[start : start + _CHUNK])]
        if partner_id is not None:
            there.append(objects.c.partner_id == partner_id)
        found.update(tx.scalars(select(objects.c.folded_id).where(*there)))
    return found


def token_of_contract(tx: Tx, contract_id: str) -> Held | None:
    """A token of that contract, ours before anybody else's; contracts are compared without case."""
    row = _OF_CONTRACT.row(tx, contract=contract_id.casefold())
    return None if row is None else Held(*row)


def listing(
    tx: Tx,
    kind: str,
    *,
    theirs: bool = False,
    partner_id: int | None = None,
    owner: str | None = None,
    token_party: str | None = None,
    absent: bool = False,
    after_seq: int = 0,
    until_seq: int | None = None,
    limit: int | None = 100,
) -> list[Held]:
    """Objects in the order of their creation: ours, all of our partners' (`theirs`), or one partner's."""
    statement = select(*_HELD).where(objects.c.kind == kind, objects.c.seq > after_seq)
    # As a sum, or a page would be found by the partner, and everything that is left of its objects sorted.
    whose = objects.c.partner_id + 0
    if partner_id is not None:
        statement = statement.where(whose == partner_id)
    else:
        statement = statement.where(whose != OURS if theirs else whose == OURS)
    if owner is not None:
        statement = statement.where(objects.c.owner == owner.upper())
    if token_party is not None:
        statement = statement.where(objects.c.token_party == token_party.upper())
    if until_seq is not None:
        statement = statement.where(objects.c.seq <= until_seq)
    if not absent:
        statement = statement.where(objects.c.absent_since.is_(None))
    return [Held(*row) for row in tx.execute(statement.order_by(objects.c.seq).limit(limit))]


def newest_seq(tx: Tx) -> int:
    """The number of the newest object; 0 when there is none."""
    return tx.scalars(select(func.max(objects.c.seq))).one() or 0


def counts(tx: Tx) -> dict[tuple[str, int], int]:
    """How many objects there are that are not gone, by kind and partner."""
    statement = (
        select(objects.c.kind, objects.c.partner_id, func.count())
        .where(objects.c.absent_since.is_(None))
        .group_by(objects.c.kind, objects.c.partner_id)
    )
    return {(kind, partner_id): count for kind, partner_id, count in tx.execute(statement)}


def remove(tx: Tx, seq: int) -> bool:
    """Mark an object as gone and take it out of every list; False if it is gone already, or never was."""
    there = objects.c.seq == seq, objects.c.absent_since.is_(None)
    kind = tx.scalars(select(objects.c.kind).where(*there)).one_or_none()
    if kind is None:
        return False
    tx.execute(update(objects).where(*there).values(absent_since=now(tx), change=next_change(tx)))
    tx.execute(wordings.delete().where(wordings.c.seq == seq))
    tx.execute(marks.update().where(marks.c.kind == kind).values(edition=marks.c.edition + 1))
    return True


def come_back(tx: Tx, seq: int) -> None:
    """Take back that an object is gone."""
    tx.execute(update(objects).where(objects.c.seq == seq).values(absent_since=None, change=next_change(tx)))


def mark_absent(tx: Tx, kind: str, partner_id: int, present: Container[str], *, unchanged_since: int) -> list[int]:
    """Mark as gone what a partner's complete list no longer has; return the numbers of what was marked.

    `present` holds the keys of that list. What was put after the change `unchanged_since`, the newest when the list
    was begun, stays: it may have come into being behind the page that was read.
    """
    statement = select(objects.c.seq, objects.c.key).where(
        objects.c.kind == kind,
        objects.c.partner_id == partner_id,
        objects.c.change <= unchanged_since,
        objects.c.absent_since.is_(None),
    )
    gone = [seq for seq, key in tx.execute(statement) if key not in present]
    if gone:
        values = {"absent_since": now(tx), "change": next_change(tx)}
        for start in range(0, len(gone), _CHUNK):
            chunk = gone[start : start + _CHUNK]
            tx.execute(update(objects).where(objects.c.seq.in_(chunk)).values(values))
    return gone


# Databases limit how many values one statement may carry.
_CHUNK = 1000
