"""How many objects a second the store keeps, each on disk before its caller goes on.

    python -m bench.store [DATABASE_URL] [--seconds 2]

Callers at once share commits; the same with a commit for each tells what that is worth. The two take turns, three
times, in one run and on one database, so that whatever else the machine does meets both. Documents of 1 kB are what
sessions and tokens are like; the large one is a Location with some hundred EVSEs, of which one has changed its status.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from evmesh.store import batch, objects
from evmesh.store.database import Store
from evmesh.store.transaction import Tx

CALLERS = 64
START = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def a_commit_each() -> Iterator[None]:
    """Every batch ends with its first request."""
    usual, batch.BATCH_SECONDS = batch.BATCH_SECONDS, 0.0
    try:
        yield
    finally:
        batch.BATCH_SECONDS = usual


async def puts_per_second(store: Store, size: int, seconds: float, numbers: Iterator[int]) -> float:
    """A thousand objects, changed over and over by callers that each wait for their answer."""
    text = secrets.token_hex(size // 2)
    done = 0
    until = time.perf_counter() + seconds

    def put(number: int) -> Callable[[Tx], object]:
        id = str(number % 1000)
        moment = START + timedelta(seconds=number)
        # Longer and shorter, so that what follows a change moves and has to be written, as in real documents.
        document = "CHARGING"[: 1 + number % 7] + text
        return lambda tx: objects.put(tx, "sessions", 1, "SE", "VLT", id, id, document, None, "2.2.1", moment)

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await store.write(put(next(numbers)))
            done += 1

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.perf_counter() - begun)


async def measure(url: str, seconds: float) -> None:
    store = await Store.open(url, b"bench")
    numbers = count()
    print(f"{url.partition(':')[0]}, {CALLERS} callers at once")
    for name, size in (("1 kB", 1_000), ("100 kB", 100_000)):
        together, each = [], []
        for _ in range(3):
            together.append(await puts_per_second(store, size, seconds, numbers))
            with a_commit_each():
                each.append(await puts_per_second(store, size, seconds, numbers))
        grouped, alone = statistics.median(together), statistics.median(each)
        print(
            f"  {name:>6}: {grouped:8,.0f} puts/s in shared commits, {alone:8,.0f} with a commit each, "
            f"{grouped / alone:.1f} times as many"
        )
    await store.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("url", nargs="?", help="a database of its own; a new SQLite file when none is given")
    arguments.add_argument("--seconds", type=float, default=2.0, help="for each of the twelve measurements")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{Path(folder) / 'bench.db'}"
        asyncio.run(measure(url, given.seconds))


if __name__ == "__main__":
    main()
