"""Group commit: shared, and all or nothing when the commit itself fails."""

import asyncio
from sqlite3 import OperationalError
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from evmesh.store import batch, objects
from evmesh.store.database import Store
from evmesh.store.errors import Unavailable
from tests.store.conftest import KEY
from tests.store.objects_to_keep import put


def writing_engine(store: Store) -> Engine:
    backend: Any = store._backend
    engine = backend._writing_engine
    return getattr(engine, "sync_engine", engine)  # type: ignore[no-any-return]


async def test_callers_at_once_share_commits(store: Store) -> None:
    commits: list[Connection] = []
    event.listen(writing_engine(store), "commit", commits.append)
    await asyncio.gather(*(store.write(put(f"L{number}")) for number in range(100)))
    assert len(commits) < 50


async def test_a_batch_ends_although_more_callers_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the first would never get its answer."""
    monkeypatch.setattr(batch, "BATCH_SECONDS", 0)
    commits: list[Connection] = []
    event.listen(writing_engine(store), "commit", commits.append)
    await asyncio.gather(*(store.write(put(f"L{number}")) for number in range(10)))
    assert len(commits) == 10


async def test_when_the_commit_fails_nobody_is_told_otherwise(store: Store) -> None:
    await store.write(put("before"))
    seen = await store.changed(0, 0)

    def breaks(tx: Connection) -> None:
        event.remove(engine, "commit", breaks)
        raise OSError("the disk is gone")

    engine = writing_engine(store)
    event.listen(engine, "commit", breaks)
    results = await asyncio.gather(store.write(put("A")), return_exceptions=True)
    assert isinstance(results[0], Unavailable)
    assert "the disk is gone" in str(results[0])
    assert await store.changed(seen, 0) == seen

    await store.write(put("after"))
    kept = await store.read(lambda tx: objects.listing(tx, "locations"))
    assert [held.id for held in kept] == ["before", "after"]


async def test_a_full_disk_is_said_and_costs_nothing_that_was_acknowledged(sqlite_database_url: str) -> None:
    store = await Store.open(sqlite_database_url, KEY)
    await store.write(put("before"))

    def fill(tx: Connection) -> None:
        pages = tx.scalars(text("PRAGMA page_count")).one()
        tx.execute(text(f"PRAGMA max_page_count = {pages + 5}"))

    await store.write(fill)
    results = await asyncio.gather(
        store.write(put("small")),
        store.write(put("too large", text="x" * 1_000_000)),
        store.write(put("also small")),
        return_exceptions=True,
    )
    assert isinstance(results[1], OperationalError | Unavailable)
    kept = {held.id for held in await store.read(lambda tx: objects.listing(tx, "locations"))}
    told = {result[1].id for result in results if isinstance(result, tuple)}
    assert kept == told | {"before"}
    await store.close()
