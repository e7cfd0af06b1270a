"""Waiting for a change, whoever makes it.

Our own commits are told at once. What other processes write (a command line beside the running node) is looked for a
few times a second, and only while somebody waits: noticing costs one small question, not a thread and not a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.2


class Watch:
    """`look` asks the database for the newest change number."""

    def __init__(self, newest: int, look: Callable[[], Awaitable[int]]) -> None:
        self.newest = newest
        self._look = look
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._looking: asyncio.Task[None] | None = None

    def tell(self, change: int) -> None:
        if change > self.newest:
            self.newest = change
            for waiter, after in list(self._waiting.items()):
                if after < change and not waiter.done():
                    waiter.set_result(None)

    async def past(self, after: int, timeout: float) -> int:
        """Return the newest change number as soon as it is above `after`, or when the time is over."""
        if self.newest > after:
            return self.newest
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = after
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_around())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await waiter
        finally:
            del self._waiting[waiter]
        return self.newest

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def _look_around(self) -> None:
        while self._waiting:
            self.tell(await self._look())
            await asyncio.sleep(LOOK_SECONDS)
