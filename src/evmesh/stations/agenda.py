"""What is to happen when, in simulated time.

Simulated time begins at the real moment of the start and runs `speed` times as fast. Things happen in the order of
their moments, and of being asked for where these are the same; what concerns different stations may happen at once.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from evmesh.base.clock import Clock

Sleep = Callable[[float], Awaitable[None]]
Action = Callable[[datetime], Awaitable[None]]


@dataclass(order=True, slots=True)
class Entry:
    at: datetime
    number: int
    of: object = field(compare=False)
    action: Action = field(compare=False)
    off: bool = field(default=False, compare=False)


class Agenda:
    """`clock` and `sleep` are real time's; tests give their own."""

    def __init__(self, clock: Clock, sleep: Sleep, speed: float) -> None:
        if speed <= 0:
            raise ValueError("time must pass: the speed is to be above 0")
        self._clock, self._sleep, self._speed = clock, sleep, speed
        self._begun = clock()
        self._entries: list[Entry] = []
        self._numbers = itertools.count()
        self._news = asyncio.Event()

    def now(self) -> datetime:
        return self._begun + (self._clock() - self._begun) * self._speed

    def add(self, at: datetime, of: object, action: Action) -> Entry:
        """Do something at a moment; `of` names whom it concerns. Set `off` to let it be."""
        entry = Entry(at, next(self._numbers), of, action)
        heapq.heappush(self._entries, entry)
        self._news.set()
        return entry

    def after(self, seconds: float, of: object, action: Action) -> Entry:
        return self.add(self.now() + timedelta(seconds=seconds), of, action)

    async def settle(self) -> None:
        """Do everything that is on it, until nothing is."""
        while (at := self._next()) is not None:
            await self._sleep(self._left(at))
            await self._do(at)

    async def run(self, stop: asyncio.Event) -> None:
        """Do everything at its time, until told to stop."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._news.clear()
                at = self._next()
                if at is not None and at <= self.now():
                    await self._do(self.now())
                    continue
                waits: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._news.wait()), stopped}
                if at is not None:
                    waits.add(asyncio.ensure_future(self._sleep(self._left(at))))
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits - {stopped}:
                    wait.cancel()
        finally:
            stopped.cancel()

    def _left(self, at: datetime) -> float:
        return max(0.0, (at - self.now()).total_seconds() / self._speed)

    def _next(self) -> datetime | None:
        while self._entries and self._entries[0].off:
            heapq.heappop(self._entries)
        return self._entries[0].at if self._entries else None

    async def _do(self, until: datetime) -> None:
        """Everything up to a moment: one after another for each station, the stations at once."""
        due: dict[int, list[Entry]] = {}
        while (at := self._next()) is not None and at <= until:
            entry = heapq.heappop(self._entries)
            due.setdefault(id(entry.of), []).append(entry)
        ended = await asyncio.gather(*map(self._in_turn, due.values()), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _in_turn(self, entries: list[Entry]) -> None:
        for entry in entries:
            if not entry.off:
                await entry.action(entry.at)
