"""Simulated stations: what they do when asked, and what they tell of it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from evmesh.ports import Authorisation, MeterValue, Place, StationEvents, Stations
from evmesh.stations.simulator import Evse, Simulator, evses_of
from evmesh.stations.vehicle import Vehicle
from tests.stations.test_agenda import NOON, Time

PLACE = Place("SE", "VLT", "LOC1", "E1", "1")
OTHER = Place("SE", "VLT", "LOC1", "E2", "1")
CARD = {"uid": "CARD"}


@dataclass
class Log:
    """What the stations told, in order. Cards in `sessions` are allowed, under that session."""

    told: list[tuple[Any, ...]] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=lambda: {"CARD": "S1", "NEXT": "S2"})

    async def authorise(self, place: Place, uid: str, token_type: str) -> Authorisation:
        session = self.sessions.get(uid)
        return Authorisation(session is not None, "ALLOWED" if session else "UNKNOWN", session)

    async def started(self, session_id: str, place: Place, at: datetime, meter_id: str | None) -> None:
        self.told.append(("started", session_id, at))

    async def metered(self, session_id: str, value: MeterValue) -> None:
        self.told.append(("metered", session_id, value))

    async def stopped(self, session_id: str, value: MeterValue, reason: str | None) -> None:
        self.told.append(("stopped", session_id, value, reason))

    async def status(self, place: Place, status: str, at: datetime) -> None:
        self.told.append(("status", place.evse_uid, status))

    async def reservation_ended(self, reservation_id: str, at: datetime, used: bool) -> None:
        self.told.append(("reservation_ended", reservation_id, used))

    def names(self) -> list[str]:
        return [each[0] for each in self.told if each[0] != "metered"]

    def values(self) -> list[MeterValue]:
        return [each[2] for each in self.told if each[0] in ("metered", "stopped")]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def stations(log: Log, time: Time) -> Simulator:
    evses = [Evse(PLACE, Decimal(22)), Evse(OTHER, Decimal(150), dc=True)]
    return Simulator(log, evses, clock=time, sleep=time.sleep, seed=1)


def car(percent: int = 50, wanted: int = 80) -> Vehicle:
    return Vehicle(Decimal(60), Decimal(percent), Decimal(11), Decimal(120), Decimal(wanted))


def test_it_is_what_the_ports_ask_for(stations: Simulator, log: Log) -> None:
    port: Stations = stations
    events: StationEvents = log
    assert port.knows(Place("se", "vlt", "loc1", "e1"))
    assert not port.knows(Place("SE", "VLT", "LOC1", "E3"))
    assert events is log


async def test_a_charge_from_card_to_leaving(stations: Simulator, log: Log) -> None:
    allowed = await stations.swipe(PLACE, "CARD", vehicle=car())
    assert allowed.allowed
    await stations.settle()

    assert log.names() == ["started", "stopped"]
    values = log.values()
    assert values[-1].energy_kwh == pytest.approx(18, abs=Decimal("0.05"))
    assert (values[0].power_kw, values[-1].power_kw, values[-1].charging) == (11, 0, False)
    assert log.told[-1][3] == "unplugged"
    for before, after in pairwise(values):
        assert after.at > before.at
        assert after.energy_kwh >= before.energy_kwh
    assert max(after.at - before.at for before, after in pairwise(values[:-1])) == timedelta(seconds=60)


async def test_the_register_is_power_times_time(stations: Simulator, log: Log) -> None:
    await stations.swipe(OTHER, "CARD", vehicle=car(20, 90))
    await stations.settle()

    values = log.values()
    for before, after in pairwise(values):
        hours = Decimal((after.at - before.at).total_seconds()) / 3600
        assert abs(after.energy_kwh - before.energy_kwh - before.power_kw * hours) <= Decimal("0.001")
    assert values[0].power_kw == 120
    assert values[-2].power_kw == 0
    powers = [value.power_kw for value in values]
    assert powers == sorted(powers, reverse=True)


async def test_an_unknown_card_begins_nothing(stations: Simulator, log: Log) -> None:
    assert not (await stations.swipe(PLACE, "STRANGER")).allowed
    await stations.settle()
    assert log.told == []


async def test_the_same_card_ends_it(stations: Simulator, log: Log, time: Time) -> None:
    await stations.swipe(PLACE, "CARD", vehicle=car())
    await run_for(stations, time, 600)
    await stations.swipe(PLACE, "CARD")

    assert log.told[-1][0] == "stopped"
    assert log.told[-1][3] == "card"
    assert log.values()[-1].at == time.moment


async def run_for(stations: Simulator, time: Time, seconds: float) -> None:
    """Let so much time pass."""
    until = time.moment + timedelta(seconds=seconds)
    agenda = stations._agenda
    while (at := agenda._next()) is not None and at <= until:
        await agenda._sleep(agenda._left(at))
        await agenda._do(at)
    time.moment = until


async def test_commands(stations: Simulator, log: Log, time: Time) -> None:
    assert await stations.start(PLACE, "S1", CARD) == "ACCEPTED"
    assert await stations.start(PLACE, "S2", CARD) == "EVSE_OCCUPIED"
    assert await stations.start(Place("SE", "VLT", "X", "Y"), "S2", CARD) == "REJECTED"
    await run_for(stations, time, 120)
    assert await stations.stop(PLACE, "S2") == "REJECTED"
    assert await stations.stop(PLACE, "S1") == "ACCEPTED"
    assert await stations.unlock(PLACE) == "ACCEPTED"
    await stations.settle()

    assert log.names() == ["started", "stopped"]
    assert log.told[-1][3] == "command"
    assert await stations.start(PLACE, "S2", CARD) == "ACCEPTED"


async def test_a_stop_before_plugging_in_ends_nothing(stations: Simulator, log: Log) -> None:
    await stations.start(PLACE, "S1", CARD)
    assert await stations.stop(PLACE, "S1") == "ACCEPTED"
    await stations.settle()
    assert log.told == []


async def test_unlocking_ends_the_charge(stations: Simulator, log: Log, time: Time) -> None:
    await stations.start(PLACE, "S1", CARD)
    await run_for(stations, time, 120)
    await stations.unlock(PLACE)
    assert log.told[-1][3] == "unlocked"


async def test_a_reservation_holds_the_place(stations: Simulator, log: Log, time: Time) -> None:
    until = time.moment + timedelta(minutes=30)
    assert await stations.reserve(PLACE, "R1", CARD, until) == "ACCEPTED"
    assert await stations.reserve(PLACE, "R2", CARD, until) == "EVSE_OCCUPIED"
    assert await stations.reserve(PLACE, "R1", CARD, until) == "ACCEPTED"
    assert await stations.start(PLACE, "S2", {"uid": "NEXT"}) == "EVSE_OCCUPIED"
    assert await stations.start(PLACE, "S1", {"uid": "card"}) == "ACCEPTED"
    await stations.settle()

    assert log.names() == ["reservation_ended", "started", "stopped"]
    assert log.told[0] == ("reservation_ended", "R1", True)


async def test_a_reservation_ends_by_itself_or_is_cancelled(stations: Simulator, log: Log, time: Time) -> None:
    until = time.moment + timedelta(minutes=30)
    await stations.reserve(PLACE, "R1", CARD, until)
    await stations.reserve(OTHER, "R2", CARD, until)
    assert await stations.cancel(OTHER, "R1") == "UNKNOWN_RESERVATION"
    assert await stations.cancel(OTHER, "R2") == "ACCEPTED"
    await stations.settle()

    assert log.told == [("reservation_ended", "R1", False)]
    assert time.moment == until


async def test_a_broken_evse_refuses_and_what_charged_there_ends(stations: Simulator, log: Log, time: Time) -> None:
    await stations.start(PLACE, "S1", CARD)
    await run_for(stations, time, 120)
    await stations.break_down(PLACE)
    assert log.told[-1] == ("status", "E1", "OUTOFORDER")
    assert log.told[-2][3] == "fault"
    for asked in (stations.start(PLACE, "S2", CARD), stations.unlock(PLACE)):
        assert await asked == "EVSE_INOPERATIVE"
    assert (await stations.swipe(PLACE, "CARD")).reason == "INOPERATIVE"

    await stations.repair(PLACE)
    assert log.told[-1] == ("status", "E1", "AVAILABLE")
    assert await stations.start(PLACE, "S2", CARD) == "ACCEPTED"


async def test_an_evse_that_was_offline_tells_later(stations: Simulator, log: Log, time: Time) -> None:
    await stations.swipe(PLACE, "CARD", vehicle=car())
    await run_for(stations, time, 120)
    told = len(log.told)
    await stations.disconnect(PLACE)
    assert await stations.stop(PLACE, "S1") == "TIMEOUT"
    assert (await stations.swipe(PLACE, "CARD")).reason == "OFFLINE"
    await stations.settle()
    assert len(log.told) == told

    await stations.reconnect(PLACE)
    assert log.told[-1][0] == "stopped"
    values = log.values()
    assert values == sorted(values, key=lambda value: value.at)
    assert values[-1].energy_kwh == pytest.approx(18, abs=Decimal("0.05"))


async def test_what_is_not_taken_does_not_stop_a_station(
    stations: Simulator, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*told: Any) -> None:
        raise RuntimeError("nobody listens")

    log.metered = fails  # type: ignore[method-assign]
    await stations.swipe(PLACE, "CARD", vehicle=car())
    await stations.settle()
    assert log.names() == ["started", "stopped"]
    assert "nobody listens" in caplog.text

    log.started = fails  # type: ignore[method-assign]
    await stations.swipe(PLACE, "NEXT")
    await stations.settle()
    assert log.names() == ["started", "stopped"]
    assert await stations.start(PLACE, "S3", CARD) == "ACCEPTED"


async def test_what_is_told_stays_in_order(stations: Simulator, log: Log, time: Time) -> None:
    """A stop that comes while a meter value is on its way does not overtake it."""
    on_its_way, go_on, plain = asyncio.Event(), asyncio.Event(), log.metered

    async def slow(*told: Any) -> None:
        on_its_way.set()
        await go_on.wait()
        await plain(*told)

    log.metered = slow  # type: ignore[method-assign]
    await stations.swipe(PLACE, "CARD", vehicle=car())
    ticking = asyncio.create_task(run_for(stations, time, 90))
    async with asyncio.timeout(20):
        await on_its_way.wait()
        stopping = asyncio.create_task(stations.stop(PLACE, "S1"))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(ticking, stopping)

    assert [each[0] for each in log.told] == ["started", "metered", "stopped"]


async def test_a_stop_while_the_start_is_told(stations: Simulator, log: Log, time: Time) -> None:
    on_its_way, go_on, plain = asyncio.Event(), asyncio.Event(), log.started

    async def slow(*told: Any) -> None:
        on_its_way.set()
        await go_on.wait()
        await plain(*told)

    log.started = slow  # type: ignore[method-assign]
    await stations.start(PLACE, "S1", CARD)
    beginning = asyncio.create_task(run_for(stations, time, 60))
    async with asyncio.timeout(20):
        await on_its_way.wait()
        stopping = asyncio.create_task(stations.stop(PLACE, "S1"))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(beginning, stopping)
    await stations.settle()

    assert log.names() == ["started", "stopped"]
    assert log.values()[-1].energy_kwh == 0


async def test_a_charge_goes_on_after_a_restart(stations: Simulator, log: Log) -> None:
    stations.resume(PLACE, "S7", "CARD", Decimal("3.5"))
    await stations.settle()

    assert log.names() == ["stopped"]
    assert log.values()[0].energy_kwh > Decimal("3.5")


async def test_the_same_seed_gives_the_same_charges() -> None:
    told = []
    for _ in range(2):
        time, log = Time(), Log()
        stations = Simulator(log, [Evse(PLACE, Decimal(22))], clock=time, sleep=time.sleep, seed=42)
        await stations.swipe(PLACE, "CARD")
        await stations.settle()
        told.append(log.told)

    assert told[0] == told[1]


async def test_drivers_come_by_themselves(log: Log, time: Time) -> None:
    stop = asyncio.Event()
    log.sessions = {"CARD": "S1"}
    stations = Simulator(
        log, [Evse(PLACE, Decimal(22))], clock=time, sleep=time.sleep, cards=["CARD"], arrivals_per_hour=6
    )
    plain = log.stopped

    async def stopped(*told: Any) -> None:
        await plain(*told)
        stop.set()

    log.stopped = stopped  # type: ignore[method-assign]
    async with asyncio.timeout(20):
        await stations.run(stop)
    assert log.names()[:2] == ["started", "stopped"]


async def test_time_runs_as_fast_as_wanted(log: Log, time: Time) -> None:
    stations = Simulator(log, [Evse(PLACE, Decimal(22))], speed=60, clock=time, sleep=time.sleep)
    await stations.swipe(PLACE, "CARD", vehicle=car())
    await stations.settle()

    real = time.moment - NOON
    assert log.values()[-1].at - NOON == pytest.approx(real * 60, abs=timedelta(milliseconds=1))


def test_the_evses_of_a_location() -> None:
    def evse(uid: str, status: str = "AVAILABLE", **connector: Any) -> dict[str, Any]:
        plain = {"id": "1", "power_type": "AC_3_PHASE", "max_voltage": 230, "max_amperage": 32}
        return {"uid": uid, "status": status, "connectors": [{**plain, **connector}]}

    fast = {"power_type": "DC", "max_electric_power": 150000}
    place = {"country_code": "SE", "party_id": "VLT", "id": "LOC1"}
    found = evses_of({**place, "evses": [evse("E1"), evse("E2", **fast), evse("E3", "REMOVED")]})

    assert found == [Evse(PLACE, Decimal("22.08")), Evse(OTHER, Decimal(150), True)]
    assert evses_of(place) == []


async def test_more_stations_may_be_built(stations: Simulator) -> None:
    await stations.start(PLACE, "S1", CARD)
    new = Place("SE", "VLT", "LOC2", "E1", "1")
    stations.add([Evse(PLACE, Decimal(22)), Evse(new, Decimal(22))])

    assert stations.knows(new)
    assert await stations.start(PLACE, "S2", CARD) == "EVSE_OCCUPIED"
