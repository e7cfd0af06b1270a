"""How many objects a second one node tells another, and pulls from it, against bare requests and bare upserts.

    python -m bench.delivery [--objects 2000] [--rounds 5]

The other node is a process of its own (`bench.server`); this one delivers, pulls and is measured, in time and in CPU.
The contestants take turns, round by round, so that whatever else the machine does meets all of them, and each line is
the median of its rounds.

    request      a Session to an application that answers thirteen bytes, with as many at once as the courier has
    upsert       a Session into the database, on disk before the next, with 64 callers at once
    delivery     a Session that the partner lacks: prepared, sent, taken there, and noted here
    pulled       a Location of the other node, on pages of 100, checked and stored
    pulled again the same, when there is nothing new
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import aiohttp
import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.server import OBJECTS, OURS, STAMP, TOKEN, contestant, session
from evmesh.ocpi import wire
from evmesh.ports import Partner
from evmesh.roaming import publish, pull
from evmesh.roaming.node import Node, OurParty
from evmesh.store import deliveries, objects, partners
from evmesh.store.database import Store
from evmesh.store.transaction import Tx
from evmesh.transport.addresses import Addresses
from evmesh.transport.client import Client
from evmesh.transport.delivery import Courier
from evmesh.transport.limits import Limits

CALLERS = 64


@dataclass(slots=True)
class Run:
    """This node, the other one as its partner, and the two processes."""

    node: Node
    partner: Partner
    hello: int
    versions = count()

    async def requests(self, number: int) -> int:
        body = wire.encode(session(1, 1))
        left = iter(range(number))
        url = f"http://127.0.0.1:{self.hello}/ocpi/2.2.1/receiver/sessions/NL/CPO/S1"

        async def caller(http: aiohttp.ClientSession) -> None:
            for _ in left:
                async with http.put(url, data=body, headers={"Content-Type": "application/json"}) as response:
                    await response.read()

        async with aiohttp.ClientSession() as http:
            await asyncio.gather(*(caller(http) for _ in range(Limits().deliveries)))
        return number

    async def upserts(self, number: int) -> int:
        version = next(self.versions)
        left = iter(range(number))
        text = wire.encode(session(1, version)).decode()
        moment = STAMP + timedelta(seconds=version)

        async def caller() -> None:
            for each in left:
                put = partial(_put, id=f"B{each}", text=text, moment=moment)
                await self.node.store.write(put)

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return number

    async def prepare(self, number: int) -> None:
        """The partner lacks so many Sessions from now on."""
        version = next(self.versions)

        def change(tx: Tx) -> None:
            for each in range(number):
                publish.publish(tx, self.node, "sessions", session(each, version), partners=[self.partner])

        await self.node.store.write(change)

    async def deliver(self, number: int) -> int:
        stop = asyncio.Event()
        courier = Courier(self.node.store, self.node.calls, partial(publish.prepare, self.node))
        running = asyncio.create_task(courier.run(stop))
        while await self.node.store.read(deliveries.counts):
            await asyncio.sleep(0.02)
        stop.set()
        await running
        return number

    async def forget(self, number: int) -> None:
        """Nothing was ever pulled."""

        def clean(tx: Tx) -> None:
            for table in ("objects", "pulls"):
                tx.exec_driver_sql(f"DELETE FROM {table} WHERE partner_id = {self.partner.id}")

        await self.node.store.write(clean)

    async def pull(self, number: int) -> int:
        result = await pull.pull(self.node, self.partner, "locations", full=True)
        assert result.complete, result.detail
        assert result.seen == OBJECTS
        return OBJECTS


def _put(tx: Tx, id: str, text: str, moment: object) -> None:
    objects.put(tx, "sessions", 99, "NL", "CPO", id, id, text, None, "2.2.1", moment)  # type: ignore[arg-type]


async def opened(folder: Path, hello: int, other: int) -> tuple[Run, Client]:
    store = await Store.open(f"sqlite:///{folder / 'bench.db'}", b"bench")
    url = f"http://127.0.0.1:{other}/ocpi/2.2.1"
    endpoints = [
        {"identifier": "sessions", "role": "RECEIVER", "url": f"{url}/receiver/sessions"},
        {"identifier": "locations", "role": "SENDER", "url": f"{url}/sender/locations"},
    ]

    def furnish(tx: Tx) -> Partner:
        roles = [each.document() for each in OURS]
        new = partners.insert(tx, "other", status="registered", release="2.2.1", roles=roles, endpoints=endpoints)
        partners.set_their_token(tx, new.id, TOKEN)
        return new

    partner = await store.write(furnish)

    async def token_for(partner: Partner) -> str:
        token = await store.glance(lambda tx: partners.their_token(tx, partner.id))
        assert token is not None
        return token

    ours = (OurParty("CPO", "NL", "CPO", "Partner"), OurParty("EMSP", "NL", "EMS", "Partner"))
    client = Client(token_for, Addresses("http://127.0.0.1"), [(each.role, each.party) for each in ours])
    return Run(Node("http://127.0.0.1", ours, store, client), partner, hello), client


async def compare(number: int, rounds: int) -> None:
    nothing = _nothing
    took: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, contestant("hello") as hello, contestant("whole") as whole:
        run, client = await opened(Path(folder), hello, whole)
        contestants: list[tuple[str, Callable[[int], Awaitable[None]], Callable[[int], Awaitable[int]]]] = [
            ("request", nothing, run.requests),
            ("upsert", nothing, run.upserts),
            ("delivery", run.prepare, run.deliver),
            ("pulled", run.forget, run.pull),
            ("pulled again", nothing, run.pull),
        ]
        for _ in track(range(rounds), "rounds", console=Console(stderr=True), transient=True):
            for name, before, measured in contestants:
                await before(number)
                began, computed = time.perf_counter(), time.process_time()
                done = await measured(number)
                took[name].append(((time.perf_counter() - began) / done, (time.process_time() - computed) / done))
        await client.close()
        await run.node.store.close()
    table = Table("", "a second", "CPU here, ms each", "of bare requests", "of bare upserts")
    seconds = {name: statistics.median(each for each, _ in times) for name, times in took.items()}
    for name, times in took.items():
        cpu = 1000 * statistics.median(each for _, each in times)
        shares = [f"{seconds[other] / seconds[name]:.2f}" for other in ("request", "upsert")]
        table.add_row(name, f"{1 / seconds[name]:,.0f}", f"{cpu:.2f}", *shares)
    Console().print(table)


async def _nothing(number: int) -> None:
    pass


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--objects", type=int, default=2000, help="requests, upserts and deliveries of each round")
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    uvloop.run(compare(given.objects, given.rounds))


if __name__ == "__main__":
    main()
