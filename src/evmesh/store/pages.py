"""Pages of our own objects as a release words them: what a Sender's list shows to one partner.

A page costs the same at the end of a list as at its start: our own `next` link carries the number of the last object
shown, and an offset that a partner counts himself is found in the index alone before any text is read. The order is
the order of creation, so nothing moves between pages while objects are added or changed.
[transport_and_format_pagination]
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, func, select, union_all

from evmesh.store.schema import marks, wordings
from evmesh.store.transaction import Tx, surroundings

NARROW = 5000
"""A stretch of time with at most so many objects is read by time and sorted; a longer one is walked in order."""

TOTALS_KEPT = 500


class Wanted(msgspec.Struct, frozen=True):
    """Which objects a list shows. None is no limit; parties are written as `objects.party` does.

    `date_from` is inclusive, `date_to` exclusive; both speak of when a release's wording last changed.
    """

    kind: str
    release: str
    now: datetime
    owners: tuple[str, ...] | None = None
    token_parties: tuple[str, ...] | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None


class Page(msgspec.Struct, frozen=True):
    """JSON texts, ready to be joined. `last_seq` is where the next page begins, if there are `more`."""

    texts: list[str]
    last_seq: int
    more: bool


def page(tx: Tx, wanted: Wanted, *, after_seq: int = 0, offset: int = 0, limit: int) -> Page:
    """What follows `after_seq`, or what stands from `offset` on."""
    seqs = _lately(tx, wanted)
    if seqs is None:
        seqs = _in_order(tx, wanted, after_seq, offset, limit + 1)
    else:
        seqs = [seq for seq in seqs if seq > after_seq][offset : offset + limit + 1]
    shown = seqs[:limit]
    texts: list[str] = []
    for start in range(0, len(shown), 1000):
        statement = (
            select(wordings.c.text)
            .where(wordings.c.release == wanted.release, wordings.c.seq.in_(shown[start : start + 1000]))
            .order_by(wordings.c.seq)
        )
        texts += tx.scalars(statement)
    return Page(texts, shown[-1] if shown else after_seq, len(seqs) > limit)


def total(tx: Tx, wanted: Wanted) -> int:
    """How many objects the whole list has.

    Counting walks the list, so a count is remembered until something is worded anew or becomes sayable.
    """
    edition = _edition(tx, wanted)
    remembered = surroundings(tx).totals
    key = msgspec.structs.replace(wanted, now=datetime.min)
    if known := remembered.get(key):
        at_edition, since, until, count = known
        if at_edition == edition and since <= wanted.now and (until is None or wanted.now < until):
            return int(count)
    counted = tx.scalars(select(func.count()).select_from(_chosen(wanted).subquery())).one()
    later = select(func.min(wordings.c.changed_at)).where(*_listed(wanted), wordings.c.changed_at > wanted.now)
    if len(remembered) >= TOTALS_KEPT:
        remembered.clear()
    remembered[key] = edition, wanted.now, tx.scalars(later).one(), counted
    return counted


def _edition(tx: Tx, wanted: Wanted) -> int | None:
    statement = select(marks.c.edition).where(marks.c.kind == wanted.kind, marks.c.release == wanted.release)
    return tx.scalars(statement).one_or_none()


def _lately(tx: Tx, wanted: Wanted) -> list[int] | None:
    """All numbers in a short stretch of time, in order; None where no stretch is asked or it is not short."""
    if wanted.date_from is None:
        return None
    seqs = list(tx.scalars(_chosen(wanted).limit(NARROW + 1)))
    return sorted(seqs) if len(seqs) <= NARROW else None


def _in_order(tx: Tx, wanted: Wanted, after_seq: int, offset: int, limit: int) -> list[int]:
    following = _chosen(wanted).where(wordings.c.seq > after_seq).order_by(wordings.c.seq)
    parties = wanted.token_parties
    if parties is not None and len(parties) > 1:
        # Each party's own stretch of the index is in order; the first of each are merged.
        arms = [
            select(following.where(wordings.c.token_party == party).limit(offset + limit).subquery().c.seq)
            for party in parties
        ]
        merged = union_all(*arms).subquery()
        following = select(merged.c.seq).order_by(merged.c.seq)
    return list(tx.scalars(following.offset(offset).limit(limit)))


def _listed(wanted: Wanted) -> list[Any]:
    return [
        wordings.c.release == wanted.release,
        wordings.c.kind == wanted.kind,
    ]


def _chosen(wanted: Wanted) -> Select[int]:
    statement = select(wordings.c.seq).where(*_listed(wanted), wordings.c.changed_at <= wanted.now)
    if wanted.owners is not None:
        statement = statement.where(wordings.c.owner.in_(wanted.owners))
    if wanted.token_parties is not None:
        statement = statement.where(wordings.c.token_party.in_(wanted.token_parties))
    if wanted.date_from is not None:
        statement = statement.where(wordings.c.changed_at >= wanted.date_from)
    if wanted.date_to is not None:
        statement = statement.where(wordings.c.changed_at < wanted.date_to)
    return statement
