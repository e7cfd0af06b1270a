"""What a transaction function may ask of the transaction that it runs in, besides SQL.

A transaction function takes `tx`, a SQLAlchemy `Connection`, and is the same on both databases. What surrounds it (the
clock, the key for secrets, totals that are remembered) hangs on the connection, so that functions need one argument
only. `tx.commit`, `tx.rollback` and `tx.close` belong to the store.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, bindparam, select

from evmesh.base.clock import Clock
from evmesh.store.prepared import Prepared
from evmesh.store.schema import counter

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    from evmesh.store.secrets import Secrets

Tx = Connection
"""The transaction that a function runs in, for signatures above the store, which speaks no SQL."""

_SURROUNDINGS = "evmesh"
_CHANGE = "evmesh change"

_COUNTER = Prepared(select(counter.c.value))
_COUNTER_ALONE = Prepared(select(counter.c.value).with_for_update())
_COUNT = Prepared(counter.update().values(value=bindparam("change")))


@dataclass(slots=True)
class Surroundings:
    """One for each open store, shared by its connections."""

    clock: Clock
    secrets: Secrets
    totals: dict[Any, Any] = field(default_factory=dict)


def surround(info: dict[Any, Any], surroundings: Surroundings) -> None:
    """`info` is the dictionary of a connection that was just opened."""
    info[_SURROUNDINGS] = surroundings


def surroundings(tx: Connection) -> Surroundings:
    found: Surroundings = tx.info[_SURROUNDINGS]
    return found


def now(tx: Connection) -> datetime:
    """What the store's clock says."""
    return surroundings(tx).clock()


def current_change(tx: Connection) -> int:
    """The number of the newest change that this transaction can see."""
    given: int | None = tx.info.get(_CHANGE)
    if given is None:
        newest: int = _COUNTER.value(tx)
        return newest
    return given


def next_change(tx: Connection) -> int:
    """Number one more change; the commit wakes everybody who waits in `Store.changed`.

    Numbers of a function that fails afterwards are not given again.
    """
    change: int = tx.info[_CHANGE] + 1
    tx.info[_CHANGE] = change
    return change


def give_back_change(tx: Connection) -> None:
    """The number just taken was not needed after all."""
    tx.info[_CHANGE] -= 1


def begin_changes(tx: Connection) -> int:
    """Take the counter for this transaction alone, until its end: writers follow each other on both databases."""
    last: int = _COUNTER_ALONE.value(tx)
    tx.info[_CHANGE] = last
    return last


def end_changes(tx: Connection, begun_at: int) -> int:
    change: int = tx.info[_CHANGE]
    if change != begun_at:
        _COUNT.run(tx, change=change)
    return change


def forget_changes(tx: Connection) -> None:
    tx.info.pop(_CHANGE, None)


def insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what happens on conflict; both databases say it alike, SQLAlchemy keeps two classes."""
    # Each takes a while to import, and a node needs one of them.
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def replace(tx: Connection, table: Table, keys: Sequence[str], row: dict[str, Any]) -> None:
    """Insert the row, or give the one with the same keys its values."""
    _replace(tx.dialect.name, table, tuple(keys), tuple(row)).run(tx, **row)


def replace_all(tx: Connection, table: Table, keys: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """The same for many rows of the same columns."""
    if rows:
        _replace(tx.dialect.name, table, tuple(keys), tuple(rows[0])).run_all(tx, rows)


@functools.cache
def _replace(dialect: str, table: Table, keys: tuple[str, ...], names: tuple[str, ...]) -> Prepared:
    statement = insert(dialect, table).values({name: bindparam(name) for name in names})
    rest = {name: statement.excluded[name] for name in names if name not in keys}
    return Prepared(statement.on_conflict_do_update(index_elements=keys, set_=rest))
