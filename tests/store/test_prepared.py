"""Prepared statements: what goes in comes out as it would through SQLAlchemy, on both databases."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection, bindparam, delete, select, update

from evmesh.store.database import Store
from evmesh.store.prepared import Prepared
from evmesh.store.schema import deliveries, readings
from tests.store.conftest import NOON

KEEP = Prepared(readings.insert().values({name: bindparam(name) for name in ("session_id", "at", "value")}))
ALL = Prepared(
    select(readings.c.at, readings.c.value)
    .where(readings.c.session_id == bindparam("session_id"))
    .order_by(readings.c.at)
)


async def test_values_are_converted_by_the_types_of_their_columns(store: Store) -> None:
    value = {"energy_kwh": Decimal("1.10"), "charging": True}

    def run(tx: Connection) -> None:
        assert KEEP.run(tx, session_id="A", at=NOON, value=value) == 1
        assert KEEP.run(tx, session_id="A", at=NOON + timedelta(microseconds=1), value={}) == 1
        assert ALL.rows(tx, session_id="A") == [(NOON, value), (NOON + timedelta(microseconds=1), {})]
        statement = select(readings.c.at, readings.c.value).order_by(readings.c.at)
        assert ALL.rows(tx, session_id="A") == [tuple(row) for row in tx.execute(statement)]
        assert str(ALL.row(tx, session_id="A")[1]["energy_kwh"]) == "1.10"

    await store.write(run)


async def test_what_is_not_there_is_none(store: Store) -> None:
    def run(tx: Connection) -> None:
        assert ALL.rows(tx, session_id="B") == []
        assert ALL.row(tx, session_id="B") is None
        assert ALL.value(tx, session_id="B") is None

    await store.read(run)


async def test_constants_stand_beside_what_is_given_and_changed_rows_are_counted(store: Store) -> None:
    names = ("partner_id", "seq", "kind", "action", "wanted_change", "due_at", "lacked_since")
    begin = Prepared(
        deliveries.insert()
        .values({name: bindparam(name) for name in names} | {"state": "waiting", "attempts": 0, "again": True})
        .returning(deliveries.c.id, deliveries.c.again)
    )
    calm = Prepared(update(deliveries).where(deliveries.c.seq == bindparam("of")).values(again=False, due_at=NOON))
    end = Prepared(delete(deliveries).where(deliveries.c.seq > bindparam("above")))

    def run(tx: Connection) -> None:
        later = NOON + timedelta(days=1)
        for seq in (1, 2, 3):
            given = {"partner_id": 7, "seq": seq, "kind": "tariffs", "action": "put", "wanted_change": 1}
            _, again = begin.row(tx, **given, due_at=later, lacked_since=NOON)
            assert again is True
        assert calm.run(tx, of=2) == 1
        rows = tx.execute(select(deliveries.c.seq, deliveries.c.again, deliveries.c.due_at).order_by(deliveries.c.seq))
        assert [tuple(row) for row in rows] == [(1, True, later), (2, False, NOON), (3, True, later)]
        assert end.run(tx, above=1) == 2
        assert end.run(tx, above=1) == 0

    await store.write(run)


async def test_one_statement_serves_several_databases_in_turn(store: Store, sqlite_database_url: str) -> None:
    other = await Store.open(sqlite_database_url, b"another")
    for each in (store, other, store):
        assert await each.read(lambda tx: ALL.rows(tx, session_id="C")) == []
    await other.close()
