"""How each release words our own objects: made once per change, so that lists and counts need no translation.

    changed object ── stale ──▶ the caller translates ── word ──▶ wording: a text, or None and the reason
                                                      ── set_mark ──▶ nothing up to that change is stale any more

A release that nobody speaks has no wordings. A wording without a text is withheld: that release cannot say the object.
`changed_at` is the object's `last_updated`, or the later moment from which on the release can say it: an object whose
moment lies ahead stands in no list until then, and counts as changed then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, bindparam, func, literal, select

from evmesh.store.objects import Held
from evmesh.store.schema import OURS, marks, objects, wordings
from evmesh.store.transaction import Tx, insert


class Wording(msgspec.Struct, frozen=True):
    """`change` is that of the object which was worded. What is withheld has no `changed_at`: it stands in no list."""

    seq: int
    change: int
    text: str | None
    reason: str | None
    changed_at: datetime | None


def mark(tx: Tx, kind: str, release: str) -> int:
    """The change up to which all objects of a kind are worded."""
    statement = select(marks.c.change).where(marks.c.kind == kind, marks.c.release == release)
    return tx.scalars(statement).one_or_none() or 0


def stale(tx: Tx, kind: str, release: str, limit: int = 500) -> list[Held]:
    """Our objects that have changed since the mark, in the order of their changes."""
    statement = (
        select(*(objects.c[field] for field in Held.__struct_fields__))
        .where(
            objects.c.kind == kind,
            objects.c.partner_id == OURS,
            objects.c.change > mark(tx, kind, release),
            objects.c.absent_since.is_(None),
        )
        .order_by(objects.c.change)
        .limit(limit)
    )
    return [Held(*row) for row in tx.execute(statement)]


def word(tx: Tx, kind: str, release: str, rows: Iterable[Wording]) -> None:
    """Keep wordings. One of an older change than the kept one, or of an object that is gone by now, is dropped."""
    values = [
        {
            "of_seq": row.seq,
            "of_change": row.change,
            "of_text": row.text,
            "of_reason": row.reason,
            "of_changed_at": None if row.text is None else row.changed_at,
        }
        for row in rows
    ]
    if not values:
        return
    given = {name: bindparam("of_" + name, type_=wordings.c[name].type) for name in Wording.__struct_fields__}
    source = select(
        objects.c.seq,
        literal(release),
        objects.c.kind,
        objects.c.owner,
        objects.c.token_party,
        given["change"],
        given["changed_at"],
        given["text"],
        given["reason"],
    ).where(objects.c.seq == given["seq"], objects.c.absent_since.is_(None))
    names = ["seq", "release", "kind", "owner", "token_party", "change", "changed_at", "text", "reason"]
    statement = insert(tx.dialect.name, wordings).from_select(names, source)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["seq", "release"],
        set_={name: new[name] for name in names[3:]},
        where=new.change >= wordings.c.change,
    )
    tx.execute(statement, values)
    _touch(tx, kind, release)


def set_mark(tx: Tx, kind: str, release: str, change: int) -> None:
    """Nothing up to this change is stale. A mark never goes back; `forget` begins anew."""
    _touch(tx, kind, release)
    tx.execute(
        marks.update()
        .where(marks.c.kind == kind, marks.c.release == release, marks.c.change < change)
        .values(change=change)
    )


def get(tx: Tx, seq: int, release: str) -> Wording | None:
    """How a release words one object, if it was worded."""
    statement = select(*(wordings.c[name] for name in Wording.__struct_fields__))
    row = tx.execute(statement.where(wordings.c.seq == seq, wordings.c.release == release)).one_or_none()
    return None if row is None else Wording(*row)


def withheld(tx: Tx, kind: str, release: str) -> dict[int, str]:
    """What a release cannot say, and why, by the object's number."""
    statement = select(wordings.c.seq, wordings.c.reason).where(
        wordings.c.release == release, wordings.c.kind == kind, wordings.c.changed_at.is_(None)
    )
    return {seq: reason or "" for seq, reason in tx.execute(statement)}


def forget(tx: Tx, kind: str, release: str) -> None:
    """Drop a kind's wordings in a release: they are made anew when next asked for, perhaps by better rules."""
    tx.execute(wordings.delete().where(wordings.c.release == release, wordings.c.kind == kind))
    tx.execute(
        marks.update()
        .where(marks.c.kind == kind, marks.c.release == release)
        .values(change=0, edition=marks.c.edition + 1)
    )


def next_sayable(tx: Tx, after: datetime) -> datetime | None:
    """The first moment after `after` at which some release can begin to say something."""
    moments = [
        tx.scalars(
            select(func.min(wordings.c.changed_at)).where(*_worded(kind, release), wordings.c.changed_at > after)
        ).one()
        for kind, release in tx.execute(select(marks.c.kind, marks.c.release)).all()
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def sayable_between(tx: Tx, after: datetime, until: datetime) -> list[tuple[str, int]]:
    """Release and number of what became sayable after `after` and not after `until`, by the clock alone or not."""
    return [
        (release, seq)
        for kind, release in tx.execute(select(marks.c.kind, marks.c.release)).all()
        for seq in tx.scalars(
            select(wordings.c.seq).where(
                *_worded(kind, release), wordings.c.changed_at > after, wordings.c.changed_at <= until
            )
        )
    ]


def _worded(kind: str, release: str) -> tuple[ColumnElement[bool], ...]:
    return wordings.c.release == release, wordings.c.kind == kind


def _touch(tx: Tx, kind: str, release: str) -> None:
    statement = insert(tx.dialect.name, marks).values(kind=kind, release=release, change=0, edition=1)
    tx.execute(
        statement.on_conflict_do_update(index_elements=["kind", "release"], set_={"edition": marks.c.edition + 1})
    )
