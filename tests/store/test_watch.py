"""Waiting for changes: one's own at once, other processes' soon."""

import asyncio

from sqlalchemy import Connection

from evmesh.store.database import Store
from evmesh.store.transaction import current_change
from evmesh.store.watch import Watch
from tests.store.conftest import KEY
from tests.store.objects_to_keep import put

LONG = 30.0


async def test_a_change_that_was_made_already_needs_no_waiting(store: Store) -> None:
    _, held = await store.write(put("A"))
    assert await store.changed(held.change - 1, LONG) == held.change


async def test_a_change_of_our_own_wakes(store: Store) -> None:
    waiting = asyncio.create_task(store.changed(0, LONG))
    await asyncio.sleep(0)
    _, held = await store.write(put("A"))
    assert await waiting == held.change


async def test_a_change_of_somebody_else_wakes(database_url: str) -> None:
    """Two stores on one database know of each other only by what is in it, as two processes do."""
    here, there = await Store.open(database_url, KEY), await Store.open(database_url, KEY)
    waiting = asyncio.create_task(here.changed(0, LONG))
    _, held = await there.write(put("A"))
    assert await waiting == held.change
    again = asyncio.create_task(here.changed(held.change, LONG))
    _, held = await there.write(put("B"))
    assert await again == held.change
    await asyncio.gather(here.close(), there.close())


async def test_the_time_may_be_over_first(store: Store) -> None:
    assert await store.changed(0, 0.01) == 0


async def test_a_write_that_changes_nothing_wakes_nobody(store: Store) -> None:
    _, held = await store.write(put("A"))
    waiting = asyncio.create_task(store.changed(held.change, LONG))
    await store.write(put("A"))

    def fails(tx: Connection) -> None:
        put("B")(tx)
        raise ValueError

    await asyncio.gather(store.write(fails), return_exceptions=True)
    await asyncio.sleep(0)
    assert not waiting.done() or await waiting > held.change
    assert await store.read(current_change) in (held.change, held.change + 1)
    await store.write(put("C"))
    assert await waiting > held.change


async def test_closing_wakes_who_waits(database_url: str) -> None:
    store = await Store.open(database_url, KEY)
    waiting = asyncio.create_task(store.changed(0, LONG))
    await asyncio.sleep(0)
    await store.close()
    assert await waiting == 0


async def test_the_database_is_asked_only_while_somebody_waits() -> None:
    asked = 0

    async def look() -> int:
        nonlocal asked
        asked += 1
        return 0

    watch = Watch(0, look)
    await watch.past(0, 0.01)
    assert asked == 1
    await watch.close()
    assert asked == 1
