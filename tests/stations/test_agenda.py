"""Simulated time: in order, as fast as wanted, and stopped when told."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from evmesh.stations.agenda import Agenda

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Time:
    """Real time as a test has it: sleeping moves the clock and takes no time."""

    def __init__(self) -> None:
        self.moment = NOON
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


def writes(log: list[str], name: str):
    async def action(at: datetime) -> None:
        log.append(f"{name} {(at - NOON).total_seconds():g}")

    return action


async def test_things_happen_in_order_and_as_fast_as_wanted() -> None:
    time = Time()
    agenda, log = Agenda(time, time.sleep, 60), []
    agenda.after(120, "a", writes(log, "late"))
    agenda.after(60, "a", writes(log, "first"))
    agenda.after(60, "a", writes(log, "second"))
    agenda.after(90, "a", writes(log, "never")).off = True
    await agenda.settle()

    assert log == ["first 60", "second 60", "late 120"]
    assert time.slept == [1, 1]
    assert agenda.now() == NOON + timedelta(seconds=120)


async def test_what_happens_may_ask_for_more() -> None:
    time = Time()
    agenda, log = Agenda(time, time.sleep, 1), []

    async def again(at: datetime) -> None:
        log.append((at - NOON).total_seconds())
        if len(log) < 3:
            agenda.add(at + timedelta(seconds=10), "a", again)

    agenda.after(10, "a", again)
    await agenda.settle()

    assert log == [10, 20, 30]


async def test_it_runs_until_told_to_stop_and_notices_what_comes() -> None:
    time, stop, happened = Time(), asyncio.Event(), asyncio.Event()
    agenda = Agenda(time, time.sleep, 1)
    loop = asyncio.create_task(agenda.run(stop))
    await asyncio.sleep(0)

    async def action(at: datetime) -> None:
        happened.set()

    agenda.after(5, "a", action)
    async with asyncio.timeout(20):
        await happened.wait()
        stop.set()
        await loop


async def test_stations_do_not_wait_for_each_other_and_an_error_is_told() -> None:
    time, both = Time(), asyncio.Barrier(2)
    agenda = Agenda(time, time.sleep, 1)

    async def meets(at: datetime) -> None:
        await both.wait()

    async def fails(at: datetime) -> None:
        await both.wait()
        raise RuntimeError("broken")

    agenda.after(5, "a", meets)
    agenda.after(5, "b", fails)
    async with asyncio.timeout(20):
        with pytest.raises(RuntimeError, match="broken"):
            await agenda.settle()


def test_time_must_pass() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Agenda(lambda: NOON, asyncio.sleep, 0)
