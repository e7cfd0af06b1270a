"""Several processes use one database at the same time: a node, and command lines beside it."""

import asyncio
import os
import sys
from pathlib import Path

from evmesh.store import objects
from evmesh.store.database import Store
from tests.store.conftest import KEY
from tests.store.objects_to_keep import put

ROOT = Path(__file__).parents[2]

WRITES = """
import asyncio, sys
from evmesh.store.database import Store
from tests.store.objects_to_keep import put

async def main():
    store = await Store.open(sys.argv[1], b"a secret key of the settings")
    await asyncio.gather(*(store.write(put(f"{sys.argv[2]}{number}")) for number in range(200)))
    await store.close()

asyncio.run(main())
"""


async def other_process(program: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


async def test_processes_that_start_and_write_at_once_lose_nothing(database_url: str) -> None:
    """Nobody has opened this database before: one of them makes the schema, the others wait for it."""
    processes = [await other_process(WRITES, database_url, name) for name in ("a", "b")]
    store = await Store.open(database_url, KEY)
    await asyncio.gather(*(store.write(put(f"c{number}")) for number in range(200)))
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0]

    kept = await store.read(lambda tx: objects.listing(tx, "locations", limit=1000))
    assert len({held.id for held in kept}) == 600
    changes = [held.change for held in sorted(kept, key=lambda held: held.seq)]
    assert changes == sorted(set(changes)), "each its own number, in the order of creation"
    await store.close()


async def test_a_writer_beside_a_busy_one_gets_its_turn(database_url: str) -> None:
    busy, other = await Store.open(database_url, KEY), await Store.open(database_url, KEY)
    done = asyncio.Event()

    async def write_on(writer: int) -> None:
        number = 0
        while not done.is_set():
            number += 1
            await busy.write(put(f"{writer}-{number}"))

    writers = [asyncio.create_task(write_on(writer)) for writer in range(20)]
    async with asyncio.timeout(20):
        for number in range(5):
            await other.write(put(f"other-{number}"))
    done.set()
    await asyncio.gather(*writers)
    await asyncio.gather(busy.close(), other.close())
