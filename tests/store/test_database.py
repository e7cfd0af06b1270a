"""The store as a whole: what a write promises, what a read sees, how it is opened and closed."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.util import await_only

from evmesh.store import objects
from evmesh.store.database import Store, postgresql_dsn, sqlite_path
from evmesh.store.errors import CannotOpen, StoreClosed
from evmesh.store.schema import counter
from evmesh.store.transaction import current_change
from tests.store.conftest import KEY
from tests.store.objects_to_keep import put


async def ids(store: Store) -> list[str]:
    return [held.id for held in await store.read(lambda tx: objects.listing(tx, "locations"))]


async def test_what_is_written_is_read(store: Store) -> None:
    for id in ("A", "B"):
        _, written = await store.write(put(id))
        look = partial(objects.by_seq, seq=written.seq)
        assert await store.read(look) == written
        assert await store.glance(look) == written


async def test_a_glance_at_what_is_locked_waits_elsewhere(store: Store) -> None:
    threads: list[str] = []

    def look(tx: Connection) -> int:
        threads.append(threading.current_thread().name)
        if len(threads) == 1 and tx.dialect.name == "sqlite":
            raise sqlite3.OperationalError("database is locked")
        return current_change(tx)

    assert await store.glance(look) == 0
    assert len(set(threads)) == len(threads)


async def test_a_function_that_raises_is_undone_and_no_other(store: Store) -> None:
    class Changed(Exception):
        pass

    def puts_and_raises(tx: Connection) -> None:
        put("wrong")(tx)
        raise Changed("I changed my mind")

    results = await asyncio.gather(
        store.write(put("A")),
        store.write(puts_and_raises),
        store.write(put("B")),
        store.write(puts_and_raises),
        store.write(put("C")),
        return_exceptions=True,
    )
    assert [isinstance(result, Changed) for result in results] == [False, True, False, True, False]
    assert await ids(store) == ["A", "B", "C"]


async def test_a_broken_statement_is_undone_and_no_other(store: Store) -> None:
    def breaks_a_rule(tx: Connection) -> None:
        put("wrong")(tx)
        tx.execute(insert(counter).values(id=1, value=0))

    results = await asyncio.gather(
        store.write(put("A")), store.write(breaks_a_rule), store.write(put("B")), return_exceptions=True
    )
    assert isinstance(results[1], IntegrityError)
    assert await ids(store) == ["A", "B"]


async def test_a_function_may_undo_a_part_of_what_it_does(store: Store) -> None:
    def tries(tx: Connection) -> None:
        put("A")(tx)
        with contextlib.suppress(IntegrityError), tx.begin_nested():
            put("wrong")(tx)
            tx.execute(insert(counter).values(id=1, value=0))
        put("B")(tx)

    await store.write(tries)
    assert await ids(store) == ["A", "B"]


async def test_functions_see_what_those_before_them_wrote(store: Store) -> None:
    """Even within one commit, writers follow each other."""

    def one_more(tx: Connection) -> int:
        there = len(objects.listing(tx, "locations"))
        put(f"L{there}")(tx)
        return there

    assert sorted(await asyncio.gather(*(store.write(one_more) for _ in range(20)))) == list(range(20))


async def test_a_caller_who_gives_up_before_his_turn_has_written_nothing(store: Store) -> None:
    entered, gate = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        entered.set()
        await gate.wait()

    loop = asyncio.get_running_loop()
    first = asyncio.create_task(store.write(lambda tx: wait_for(hold(), loop)))
    await entered.wait()
    second = asyncio.create_task(store.write(put("given up")))
    third = asyncio.create_task(store.write(put("A")))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    gate.set()
    await asyncio.gather(first, third)
    assert await ids(store) == ["A"]


def wait_for(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> None:
    """From inside a transaction function, which runs in a thread on one database and on the loop on the other."""
    if threading.current_thread() is threading.main_thread():
        await_only(coroutine)
    else:
        asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)


async def test_a_read_cannot_write(store: Store) -> None:
    for ask in (store.read, store.glance):
        with pytest.raises(DBAPIError):
            await ask(lambda tx: tx.execute(text("UPDATE counter SET value = 99")))
    assert await store.read(current_change) == 0


async def test_a_read_sees_one_moment(store: Store) -> None:
    """A write that commits between two questions of one read is not seen by the second."""
    loop = asyncio.get_running_loop()

    def reads_twice(tx: Connection) -> tuple[int, int]:
        first = len(objects.listing(tx, "locations"))
        wait_for(store.write(put("A")), loop)
        return first, len(objects.listing(tx, "locations"))

    assert await store.read(reads_twice) == (0, 0)
    assert await ids(store) == ["A"]


async def test_closing_finishes_what_was_accepted(database_url: str) -> None:
    store = await Store.open(database_url, KEY)
    writes = [asyncio.create_task(store.write(put(f"L{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    again = await Store.open(database_url, KEY)
    assert len(await ids(again)) == 50
    await again.close()


async def test_a_closed_store_says_so(database_url: str) -> None:
    store = await Store.open(database_url, KEY)
    await store.close()
    await store.close()
    for ask in (store.write(current_change), store.read(current_change), store.changed(0, 1)):
        with pytest.raises(StoreClosed):
            await ask


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://localhost/evmesh", "mysql"),
        ("sqlite:///", "sqlite"),
        ("sqlite:///:memory:", "file"),
        ("sqlite:////nowhere/at/all/evmesh.db", "No such file"),
        ("postgresql://nobody:hidden@127.0.0.1:1/evmesh", "127.0.0.1:1"),
    ],
)
async def test_a_database_that_cannot_be_opened_is_named(url: str, says: str) -> None:
    with pytest.raises(CannotOpen, match=says) as raised:
        await Store.open(url, KEY)
    assert "hidden" not in str(raised.value), "a password must not be shown"


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("not a database, " * 100)
    with pytest.raises(CannotOpen, match=r"notes.*not a database"):
        await Store.open(f"sqlite:///{tmp_path / 'notes'}", KEY)
    assert (tmp_path / "notes").read_text().startswith("not a database")


async def test_the_file_is_for_its_owner_alone(sqlite_database_url: str) -> None:
    store = await Store.open(sqlite_database_url, KEY)
    path = sqlite_path(sqlite_database_url)
    assert path is not None
    assert path.stat().st_mode & 0o077 == 0
    await store.close()


def test_urls_of_both_databases() -> None:
    assert str(sqlite_path("sqlite:///here.db")) == "here.db"
    assert str(sqlite_path("sqlite:////var/evmesh.db")) == "/var/evmesh.db"
    assert postgresql_dsn("postgres://u@h/d") == postgresql_dsn("postgresql+asyncpg://u@h/d") == "postgresql://u@h/d"
    assert sqlite_path("postgresql://u@h/d") is postgresql_dsn("sqlite:///x") is None
