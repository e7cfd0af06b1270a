"""What partners lack: one row says *partner P lacks object X as it now is*.

The row does not hold what to send. Whoever delivers writes the object as it is at that moment, so ten changes while a
partner is away are one delivery, and an older state never follows a newer one. A row is written in the transaction
that changes the object: neither is ever there without the other.

                  lack                        due
        nothing ────────▶ waiting ───────────────────▶ trying
           ▲                ▲  ▲                       │ │ │
           │                │  └── failed, lease over ─┘ │ │
           │                └──── a newer change came ───┤ │
           └─ delivered, forgo   ────────────────────────┘ │
                                                           ▼
        waiting ◀──────────── lack, retry ──────── doubtful, refused

A try is for the change that the object had when the try began (`Delivery.change`). A change that comes during the try
raises `wanted_change`; whatever the try ends with, the row then waits again. A try is leased: when its process dies,
the lease runs out, or `release_leases` at the next start ends it at once.

`told` remembers what a partner was last told, for a PATCH's difference and for retractions.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    true,
    union,
    update,
)

from evmesh.store.prepared import Prepared
from evmesh.store.schema import deliveries, objects, partners, told
from evmesh.store.transaction import Tx, insert, next_change, now, replace

Action = Literal["put", "delete"]
Settled = Literal["doubtful", "refused"]

WAITING = "waiting"
TRYING = "trying"

PER_PARTNER = 8


class Delivery(msgspec.Struct, frozen=True):
    """A try that begins. `attempts` counts it."""

    id: int
    partner_id: int
    seq: int
    kind: str
    action: str
    change: int
    attempts: int
    lacked_since: datetime


class Lacking(msgspec.Struct, frozen=True):
    """A row as people and metrics see it."""

    id: int
    partner_id: int
    seq: int
    kind: str
    action: str
    state: str
    wanted_change: int
    attempts: int
    due_at: datetime
    lacked_since: datetime
    error: str | None


class Count(msgspec.Struct, frozen=True):
    waiting: int = 0
    trying: int = 0
    doubtful: int = 0
    refused: int = 0
    oldest: datetime | None = None
    """Since when the partner lacks what it has lacked longest."""


def lack(
    tx: Tx,
    partner_id: int,
    seq: int,
    kind: str,
    action: Action = "put",
    due_at: datetime | None = None,
) -> None:
    """From now on the partner lacks this object as it is at this moment; to be told at once, or at `due_at`."""
    moment = now(tx)
    next_change(tx)  # wakes whoever delivers
    row = {
        "partner_id": partner_id,
        "seq": seq,
        "kind": kind,
        "action": action,
        "state": WAITING,
        "due_at": due_at or moment,
        "lacked_since": moment,
    }
    _lack(tx.dialect.name).run(tx, **row)


@functools.cache
def _lack(dialect: str) -> Prepared:
    change = select(objects.c.change).where(objects.c.seq == bindparam("seq")).scalar_subquery()
    statement = insert(dialect, deliveries).values(
        {name: bindparam(name) for name in ("partner_id", "seq", "kind", "action", "state", "due_at", "lacked_since")}
        | {"wanted_change": change, "attempts": 0, "again": False}
    )
    old, new = deliveries.c, statement.excluded
    renewed = statement.on_conflict_do_update(
        index_elements=["seq", "partner_id"],
        set_={
            "action": new.action,
            "wanted_change": new.wanted_change,
            "due_at": new.due_at,
            "state": case((old.state == TRYING, TRYING), else_=WAITING),
            # What is being told now says the other thing, though the object did not change.
            "again": and_(old.state == TRYING, or_(old.again, old.action != new.action)),
            # After a partner has refused, what comes next is a new beginning.
            "attempts": case((or_(old.state == WAITING, old.state == TRYING), old.attempts), else_=0),
        },
    )
    return Prepared(renewed)


def due(
    tx: Tx,
    at: datetime,
    limit: int,
    lease_s: float,
    busy_partners: Collection[int] = (),
    *,
    per_partner: int = PER_PARTNER,
) -> list[Delivery]:
    """Begin tries: lease what is due, oldest first, and return it.

    No partner has more than `per_partner` tries at once, so a long queue leaves room for everybody else; those in
    `busy_partners` get none. The partner who has waited longest comes first.
    """
    tx.execute(_END_LATE_LEASES, {"at": at})
    begun: list[Delivery] = []
    # Asked partner by partner, which costs an index step each.
    for partner_id, trying in tx.execute(_WITH_SOMETHING_DUE, {"at": at, "busy": list(busy_partners)}).all():
        room = min(per_partner - trying, limit - len(begun))
        if room > 0:
            begun += _begin(tx, partner_id, at, room, at + timedelta(seconds=lease_s))
    return begun


def due_next(tx: Tx, partner_id: int, at: datetime, lease_s: float) -> Delivery | None:
    """Begin one more try for a partner that has a place free; None when nothing is due."""
    begun = _begin(tx, partner_id, at, 1, at + timedelta(seconds=lease_s))
    return begun[0] if begun else None


def _begin(tx: Tx, partner_id: int, at: datetime, limit: int, leased_until: datetime) -> list[Delivery]:
    begun = _BEGIN.rows(tx, of_partner=partner_id, at=at, most=limit, until=leased_until)
    return [Delivery(*row) for _, *row in sorted(begun)]


def _with_something_due() -> Any:
    """Partners, the one who has waited longest first, each with how many tries it has already."""
    of_partner = deliveries.c.partner_id == partners.c.id
    oldest = select(func.min(deliveries.c.due_at)).where(of_partner, deliveries.c.state == WAITING)
    trying = select(func.count()).where(of_partner, deliveries.c.state == TRYING)
    each = select(
        partners.c.id, oldest.scalar_subquery().label("oldest"), trying.scalar_subquery().label("trying")
    ).subquery()
    return (
        select(each.c.id, each.c.trying)
        .where(each.c.oldest <= bindparam("at"), each.c.id.not_in(bindparam("busy", expanding=True)))
        .order_by(each.c.oldest, each.c.id)
    )


_WITH_SOMETHING_DUE = _with_something_due()
_OLDEST_DUE = (
    select(deliveries.c.id)
    .where(
        deliveries.c.partner_id == bindparam("of_partner"),
        deliveries.c.state == WAITING,
        deliveries.c.due_at <= bindparam("at"),
    )
    .order_by(deliveries.c.due_at, deliveries.c.id)
    .limit(bindparam("most"))
)
_BEGIN = Prepared(
    update(deliveries)
    .where(deliveries.c.id.in_(_OLDEST_DUE.scalar_subquery()))
    .values(state=TRYING, leased_until=bindparam("until"), attempts=deliveries.c.attempts + 1, again=False)
    .returning(
        deliveries.c.due_at,
        deliveries.c.id,
        deliveries.c.partner_id,
        deliveries.c.seq,
        deliveries.c.kind,
        deliveries.c.action,
        deliveries.c.wanted_change,
        deliveries.c.attempts,
        deliveries.c.lacked_since,
    )
)


def delivered(tx: Tx, id: int, change: int, told_text: str | None) -> bool:
    """The partner has the object as of `change`; True if it lacks nothing newer.

    `told_text` is what it was told, None after a DELETE: then it holds nothing.
    """
    whose = _WHOSE.row(tx, of=id)
    if whose is None:
        return True
    partner_id, seq = whose
    if told_text is None:
        _FORGET.run(tx, of_partner=partner_id, of_seq=seq)
    else:
        values = {"partner_id": partner_id, "seq": seq, "change": change, "text": told_text}
        replace(tx, told, ["seq", "partner_id"], values)
    return forgo(tx, id, change)


def forgo(tx: Tx, id: int, change: int) -> bool:
    """There is nothing to tell of the object as of `change`; True if the partner lacks nothing newer."""
    return bool(_SATISFIED.run(tx, of=id, upto=change)) or not _BACK.run(tx, of=id, at=now(tx))


_WHOSE = Prepared(select(deliveries.c.partner_id, deliveries.c.seq).where(deliveries.c.id == bindparam("of")))
_FORGET = Prepared(delete(told).where(told.c.partner_id == bindparam("of_partner"), told.c.seq == bindparam("of_seq")))
_SATISFIED = Prepared(
    delete(deliveries).where(
        deliveries.c.id == bindparam("of"),
        deliveries.c.wanted_change <= bindparam("upto"),
        deliveries.c.again.is_(False),
    )
)
_BACK = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("of"))
    .values(state=WAITING, leased_until=None, due_at=bindparam("at"), attempts=0, again=False, error=None)
)


def failed(tx: Tx, id: int, error: str, due_at: datetime) -> None:
    """The try failed in a way that may pass; the next one is due at `due_at`."""
    tx.execute(
        update(deliveries)
        .where(deliveries.c.id == id, deliveries.c.state == TRYING)
        .values(state=WAITING, leased_until=None, due_at=due_at, error=error, again=False)
    )


def settle(tx: Tx, id: int, change: int, state: Settled, error: str) -> bool:
    """No further try of the object as of `change`: the partner refused it, or nobody knows whether it has it.

    False if a newer change came meanwhile; that one is tried as usual.
    """
    newer = or_(deliveries.c.wanted_change > change, deliveries.c.again)
    ended = (
        update(deliveries)
        .where(deliveries.c.id == id, deliveries.c.state == TRYING)
        .values(
            state=case((newer, WAITING), else_=state),
            attempts=case((newer, 0), else_=deliveries.c.attempts),
            due_at=now(tx),
            leased_until=None,
            again=False,
            error=error,
        )
        .returning(deliveries.c.state)
    )
    return tx.scalars(ended).one_or_none() == state


def told_of(tx: Tx, partner_id: int, seq: int) -> tuple[int, str] | None:
    """The change and the text that the partner was last told of an object; None if it holds nothing from us."""
    found: tuple[int, str] | None = _TOLD.row(tx, partner_id=partner_id, seq=seq)
    return found


_TOLD = Prepared(
    select(told.c.change, told.c.text).where(
        told.c.partner_id == bindparam("partner_id"), told.c.seq == bindparam("seq")
    )
)


def concerned(tx: Tx, seq: int) -> list[int]:
    """The partners that hold something from us of an object, or are about to."""
    both = union(
        select(told.c.partner_id).where(told.c.seq == seq),
        select(deliveries.c.partner_id).where(deliveries.c.seq == seq),
    )
    return sorted(tx.scalars(both))


def next_due(tx: Tx, busy_partners: Collection[int] = ()) -> datetime | None:
    """When there is something to do next: a delivery falls due, or a lease runs out."""
    moments = [tx.scalars(_FALLS_DUE, {"busy": list(busy_partners)}).one(), tx.scalars(_RUNS_OUT).one()]
    return min((moment for moment in moments if moment is not None), default=None)


# States are written as constants here and below, so that the indexes over waiting and leased rows alone are used.
_FALLS_DUE = select(func.min(deliveries.c.due_at)).where(
    deliveries.c.state == literal_column("'waiting'"),
    deliveries.c.partner_id.not_in(bindparam("busy", expanding=True)),
)
_RUNS_OUT = select(func.min(deliveries.c.leased_until)).where(deliveries.c.state == literal_column("'trying'"))


def release_leases(tx: Tx) -> None:
    """At the start of a node: nobody tries any more, and what had failed is tried at once."""
    tx.execute(_END_ALL_LEASES, {"at": now(tx)})
    _try_at_once(tx, true())


def hurry(tx: Tx, partner_id: int) -> None:
    """The partner is there again: what had failed is tried at once."""
    _try_at_once(tx, deliveries.c.partner_id == partner_id)


def counts(tx: Tx) -> dict[int, Count]:
    """What each partner lacks; partners that lack nothing are not in it."""
    statement = select(
        deliveries.c.partner_id, deliveries.c.state, func.count(), func.min(deliveries.c.lacked_since)
    ).group_by(deliveries.c.partner_id, deliveries.c.state)
    found: dict[int, Count] = {}
    for partner_id, state, count, since in tx.execute(statement):
        known = found.get(partner_id, Count())
        oldest = since if known.oldest is None else min(known.oldest, since)
        found[partner_id] = msgspec.structs.replace(known, **{state: count, "oldest": oldest})
    return found


def listing(tx: Tx, partner_id: int | None = None, *, states: Collection[str] = (), limit: int = 100) -> list[Lacking]:
    """Rows, oldest first."""
    statement = select(*(deliveries.c[name] for name in Lacking.__struct_fields__))
    if partner_id is not None:
        statement = statement.where(deliveries.c.partner_id == partner_id)
    if states:
        statement = statement.where(deliveries.c.state.in_(states))
    statement = statement.order_by(deliveries.c.lacked_since, deliveries.c.id).limit(limit)
    return [Lacking(*row) for row in tx.execute(statement)]


def drop(tx: Tx, partner_id: int) -> None:
    """A partner is gone: it lacks nothing, and what it was told no longer matters."""
    tx.execute(delete(deliveries).where(deliveries.c.partner_id == partner_id))
    tx.execute(delete(told).where(told.c.partner_id == partner_id))


def _end_leases(which: ColumnElement[bool]) -> Any:
    leased = deliveries.c.state == literal_column("'trying'")
    ended = update(deliveries).where(leased, which)
    return ended.values(state=WAITING, leased_until=None, due_at=bindparam("at"), again=False)


_END_LATE_LEASES = _end_leases(deliveries.c.leased_until <= bindparam("at"))
_END_ALL_LEASES = _end_leases(true())


def _try_at_once(tx: Tx, which: ColumnElement[bool]) -> None:
    # Without attempts, a later moment is one that was asked for.
    waiting = deliveries.c.state == literal_column("'waiting'")
    tx.execute(
        update(deliveries)
        .where(waiting, deliveries.c.attempts > 0, deliveries.c.due_at > now(tx), which)
        .values(due_at=now(tx))
    )
    next_change(tx)
