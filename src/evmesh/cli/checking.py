"""`evmesh cdrs check`: whether what partners charge us is right.

Many CDRs are judged by a process on each core. Each reads the database by itself and hands back the verdicts that have
changed; this one writes them, stretch by stretch, so that a node that runs meanwhile gets in between, and what was
written stays when the command is stopped.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evmesh.cli import output
from evmesh.cli.cdrs import Json, Of, Since, Until, Which, known_partners, partner_of
from evmesh.cli.days import moment
from evmesh.cli.families import family
from evmesh.cli.node import with_node
from evmesh.cli.progress import progress

if TYPE_CHECKING:
    import asyncio

    from evmesh.roaming.cdrs.check import Anew, Stretch
    from evmesh.roaming.node import Node

AT_ONCE = 2500
"""How long a stretch is, in numbers of objects."""
FEW = 5000
"""So many are judged sooner than other processes have begun."""
AHEAD = 2
"""Stretches in hand for each process."""

Run = Callable[["Stretch"], Awaitable["Anew"]]


def add_to(app: typer.Typer) -> None:
    family(app, "cdrs", "What partners charge us.").command(
        "check",
        help="Judge the CDRs of partners anew.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C driver cdrs check\n"
            "  evmesh -C driver cdrs check --partner volt --from 2026-05-01 --to 2026-06-01"
        ),
    )(check_all)


def check_all(
    context: typer.Context, partner: Of = None, since: Since = None, until: Until = None, json: Json = False
) -> None:
    first = None if since is None else moment(since, "--from")
    last = None if until is None else moment(until, "--to")

    async def work(node: Node) -> Counter[str]:
        import asyncio

        from evmesh.roaming.cdrs import check
        from evmesh.store import objects

        known = await node.store.read(known_partners)
        mine = partner_of(known, partner)
        counts = await node.store.read(objects.counts)
        total = sum(n for (kind, of), n in counts.items() if kind == "cdrs" and of and mine in (None, of))
        newest = await node.store.read(objects.newest_seq)
        found: Counter[str] = Counter()
        waiting: deque[asyncio.Future[Anew]] = deque()
        processes = len(os.sched_getaffinity(0)) if total > FEW else 0
        with progress("CDRs", total) as done, _hands(node, context.obj.folder, processes) as run:

            async def take() -> None:
                given = await waiting.popleft()
                if given.changed:
                    await node.store.write(partial(check.keep, node=node, given=given))
                found.update(given.found)
                done(sum(given.found.values()))

            try:
                for after in range(0, newest, AT_ONCE):
                    until = after + AT_ONCE
                    stretch = check.Stretch(after=after, until=until, partner_id=mine, since=first, before=last)
                    waiting.append(asyncio.ensure_future(run(stretch)))
                    if len(waiting) > AHEAD * processes:
                        await take()
                while waiting:
                    await take()
            finally:
                # Where one failed, nobody asks for the others any more.
                for each in waiting:
                    each.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
        return found

    found = with_node(context, work)
    if json:
        output.as_json({"checked": found.total(), "verdicts": dict(found)})
    elif found:
        output.table(["verdict", "CDRs"], [(each.replace("_", " "), found[each]) for each in Which if found[each]])
    else:
        print("there are no such CDRs")


@contextmanager
def _hands(node: Node, folder: Path, processes: int) -> Iterator[Run]:
    """What judges a stretch: so many processes, or this one."""
    if not processes:
        yield partial(_anew, node)
        return
    import asyncio
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    import msgspec

    from evmesh.roaming.cdrs import check

    # Fresh processes: none inherits locks or connections of this one.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin, (folder,))
    try:

        async def run(stretch: Stretch) -> Anew:
            written = await asyncio.wrap_future(pool.submit(_by_hand, stretch))
            return msgspec.msgpack.decode(written, type=check.Anew)

        yield run
    finally:
        pool.shutdown(cancel_futures=True)


_hand: list[Any] = []
"""In a process of its own: its event loop and its node."""


def _begin(folder: Path) -> None:
    import asyncio
    import gc
    import signal
    from multiprocessing.util import Finalize

    from evmesh.config import load
    from evmesh.platform import opened

    # A stretch makes many documents and hardly a ring: those are looked for when it is over.
    gc.freeze()
    gc.disable()
    # Whoever stops the command is answered by the process that writes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop = asyncio.new_event_loop()
    node = opened(load(folder))
    _hand[:] = loop, loop.run_until_complete(node.__aenter__())
    Finalize(None, lambda: loop.run_until_complete(node.__aexit__(None, None, None)), exitpriority=1)


def _by_hand(stretch: Stretch) -> bytes:
    """What is found goes from process to process in fewer bytes and less time than pickle would take."""
    import gc

    import msgspec

    loop, node = _hand
    given = msgspec.msgpack.encode(loop.run_until_complete(_anew(node, stretch)))
    gc.collect()
    return given


async def _anew(node: Node, stretch: Stretch) -> Anew:
    from evmesh.roaming.cdrs import check

    return check.anew(await node.store.read(partial(check.look, node=node, stretch=stretch)), node.clock())
