"""What a caller was told is kept is kept, whoever is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evmesh.store import deliveries, objects
from evmesh.store.database import Store
from evmesh.store.errors import Unavailable
from tests.postgres import fresh_database, running_server
from tests.store.conftest import KEY
from tests.store.objects_to_keep import put

WRITES_FOR_EVER = """
import asyncio, sys
from evmesh.store.database import Store
from evmesh.store import deliveries
from tests.store.objects_to_keep import put

async def main():
    store = await Store.open(sys.argv[1], b"a secret key of the settings")

    async def writes(writer):
        for number in range(1_000_000):
            name = f"{writer}-{number}"
            def run(tx):
                _, held = put(name)(tx)
                deliveries.lack(tx, 1, held.seq, "locations")
            await store.write(run)
            print(name, flush=True)

    await asyncio.gather(*(writes(writer) for writer in range(8)))

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_a_kill(database_url: str) -> None:
    """Eight writers share commits; the process is killed in the middle of them."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES_FOR_EVER, database_url],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    acknowledged += process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdout.close()
    names = {line.decode().strip() for line in acknowledged if line.endswith(b"\n")}

    store = await Store.open(database_url, KEY)
    kept = await store.read(lambda tx: objects.listing(tx, "locations", limit=1_000_000))
    lacking = await store.read(lambda tx: deliveries.listing(tx, limit=1_000_000))
    assert names - {held.id for held in kept} == set(), "acknowledged, but lost"
    assert {held.seq for held in kept} == {row.seq for row in lacking}, "a change without its delivery, or the reverse"
    await store.close()


async def test_a_power_cut_at_the_server_costs_nothing_acknowledged() -> None:
    """And the store finds the server again once it is back, without being opened anew."""
    with running_server(durable=True) as server, fresh_database(server.url) as url:
        store = await Store.open(url, KEY)
        await asyncio.gather(*(store.write(put(f"L{number}")) for number in range(20)))
        assert len(await store.read(lambda tx: objects.listing(tx, "locations"))) == 20

        server.kill()
        with pytest.raises(Unavailable, match=str(server.port)):
            await store.write(put("while it is away"))
        with pytest.raises(Unavailable):
            await store.read(lambda tx: objects.counts(tx))
        server.start()

        await store.write(put("afterwards"))
        assert len(await store.read(lambda tx: objects.listing(tx, "locations"))) == 21
        await store.close()


async def test_a_restart_of_the_server_between_two_requests_goes_unnoticed() -> None:
    with running_server(durable=True) as server, fresh_database(server.url) as url:
        store = await Store.open(url, KEY)
        await store.write(put("A"))
        await store.read(lambda tx: objects.counts(tx))
        server.kill()
        server.start()
        await store.write(put("B"))
        assert len(await store.read(lambda tx: objects.listing(tx, "locations"))) == 2
        await store.close()
