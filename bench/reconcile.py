"""How long it takes to hold a year of partners' CDRs against what is known: `evmesh cdrs check` on SQLite.

    python -m bench.reconcile [--cdrs 1000000] [--again]

Fills a database with CDRs of two partners: of a thousand 15 have a known habit, 10 a wrong total, 5 lack their tariff,
10 are credits, and the others are right. There are six tariffs (a price for all, steps, by the time of day, parking,
a least price, weekends and time), one period or two in most CDRs, and for a third of them the Session. Runs the command
as a process of its own, and prints seconds, CDRs a second, the most memory that its processes held together, and the
verdicts. The yardstick, in the same run: decoding the JSON of as many CDRs with orjson (msgspec where
that is not installed). Exit status 1 when a verdict is not the one that was put in, or a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.partners_cdrs import LONG_AGO, fill
from bench.pricing import yardstick
from evmesh import config
from evmesh.store import objects
from evmesh.store.database import Store

TARGET_SECONDS = 120.0
"""For a million."""
TARGET_MEGABYTES = 1500
SAMPLE = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cdrs", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="a second time, when every CDR has its verdict")
    asked = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as temporary:
        folder = Path(temporary)
        _evmesh(folder, "init", "--url", "http://127.0.0.1:8100", "--party", "EMSP:NL:MSP", "--name", "Driver BV")
        begun = time.perf_counter()
        deserved, decoding = asyncio.run(_filled(folder, asked.cdrs))
        seconds, before = time.perf_counter() - begun, _size(folder)
        console.print(f"{asked.cdrs:,} CDRs in {before / 1e9:.2f} GB, made in {seconds:.0f} s")
        table = Table("run", "seconds", "processor s", "CDRs/s", "most MB", "× yardstick", "database")
        missed = False
        for run in ("first", "again") if asked.again else ("first",):
            took, used, most, found = _checked(folder)
            times = used / (decoding * asked.cdrs)
            grown = f"+{(_size(folder) - before) / 1e6:,.0f} MB"
            table.add_row(
                run, f"{took:.1f}", f"{used:.1f}", f"{asked.cdrs / took:,.0f}", f"{most:,.0f}", f"{times:.1f}", grown
            )
            missed |= took > TARGET_SECONDS * asked.cdrs / 1e6 or most > TARGET_MEGABYTES
            if found != deserved:
                console.print(table)
                sys.exit(f"the verdicts are {dict(found)}, put in were {dict(deserved)}")
        console.print(table)
        console.print(", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in deserved.most_common()))
        console.print(f"yardstick: {yardstick()[0]} decodes {1 / decoding:,.0f} CDRs a second")
        sys.exit(1 if missed else 0)


async def _filled(folder: Path, cdrs: int) -> tuple[Counter[str], float]:
    """How many CDRs deserve each verdict, and the seconds that the yardstick takes for one."""
    settings = config.load(folder)
    # The partners told their tariffs before the first charge began.
    store = await Store.open(settings.database, settings.secret_key, clock=lambda: LONG_AGO)
    try:
        with Progress(console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task("making CDRs", total=cdrs)
            deserved = await fill(store, cdrs, lambda count: shown.advance(task, count))
        page = await store.read(lambda tx: objects.listing(tx, "cdrs", theirs=True, limit=min(cdrs, SAMPLE)))
    finally:
        await store.close()
    texts = [held.document.encode() for held in page]
    _, decode = yardstick()
    begun = time.perf_counter()
    for text in texts:
        decode(text)
    return deserved, (time.perf_counter() - begun) / len(texts)


def _checked(folder: Path) -> tuple[float, float, float, Counter[str]]:
    """Seconds, processor seconds, the most megabytes of all its processes together, and the verdicts."""
    begun, used = time.perf_counter(), _children_seconds()
    running = subprocess.Popen(_command(folder, "cdrs", "check", "--json"), stdout=subprocess.PIPE)
    most = 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.1):
            most = max(most, sum(_megabytes(each) for each in _tree(running.pid)))

    watching = threading.Thread(target=watch)
    watching.start()
    answer, _ = running.communicate()
    took = time.perf_counter() - begun
    ended.set()
    watching.join()
    if running.returncode:
        sys.exit(f"evmesh cdrs check ended with {running.returncode}")
    return took, _children_seconds() - used, most, Counter(json.loads(answer)["verdicts"])


def _evmesh(folder: Path, *arguments: str) -> None:
    subprocess.run(_command(folder, *arguments), check=True, stdout=subprocess.DEVNULL)


def _command(folder: Path, *arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("evmesh")), "-C", str(folder), *arguments]


def _children_seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _tree(pid: int) -> Iterator[int]:
    """A process and all below it, as Linux tells them."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = children.read_text().split()
        except OSError:
            continue  # it has ended meanwhile
        for child in below:
            yield from _tree(int(child))


def _megabytes(pid: int) -> float:
    """Resident, what processes share counted for each."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.db*"))


if __name__ == "__main__":
    main()
