"""Simulated stations: vehicles come, identify, charge and leave, and stations fail, as they do outside.

One EVSE at a time goes

    free ── swipe, start ──▶ waiting ── plugged in ──▶ charging ── full ──▶ idle ── unplugged ──▶ free
                                │                         │                  │
                                └── not in time ──▶ free  └── card, command, fault, stop ──▶ free

A vehicle draws what its power curve says (`vehicle.py`); a meter value goes out every `meter_every` seconds and
whenever the vehicle begins or ends to ask for power. An EVSE that is broken refuses, one that is offline does not
answer and tells later what it metered meanwhile.

The same seed, cards and moments give the same charges. Simulated time is the real one, `speed` times as fast.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from evmesh.base.clock import Clock, utc_now
from evmesh.ports import Authorisation, CommandOutcome, Document, MeterValue, Place, StationEvents
from evmesh.stations.agenda import Agenda, Entry, Sleep
from evmesh.stations.vehicle import Vehicle, any_vehicle

log = logging.getLogger(__name__)

WATT_HOUR = Decimal("0.001")
PLUG_IN_SECONDS = (2, 20)
LINGER_SECONDS = (0, 1200)
PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}


@dataclass(frozen=True, slots=True)
class Evse:
    """What is simulated: a connector at a place, and what it gives."""

    place: Place
    limit_kw: Decimal
    dc: bool = False


def evses_of(location: Document) -> list[Evse]:
    """The EVSEs of a canonical Location, each with its first connector."""
    found = []
    for evse in location.get("evses") or ():
        if evse.get("status") in ("REMOVED", "PLANNED"):
            continue
        connector = evse["connectors"][0]
        kind = connector["power_type"]
        most = connector.get("max_electric_power")
        limit = Decimal(most) if most else Decimal(connector["max_voltage"]) * connector["max_amperage"] * PHASES[kind]
        place = Place(location["country_code"], location["party_id"], location["id"], evse["uid"], connector["id"])
        found.append(Evse(place, limit / 1000, kind == "DC"))
    return found


@dataclass(slots=True)
class _Held:
    reservation_id: str
    uid: str
    until: datetime
    end: Entry | None = None


@dataclass(slots=True)
class _Station:
    """One EVSE as it now is."""

    evse: Evse
    broken: bool = False
    online: bool = True
    vehicle: Vehicle | None = None
    session_id: str | None = None
    uid: str = ""
    charging: bool = False
    energy_kwh: Decimal = Decimal(0)
    power_kw: Decimal = Decimal(0)
    at: datetime | None = None
    next: Entry | None = None
    held: _Held | None = None
    untold: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)


class Simulator:
    """`ports.Stations` of simulated stations. What happens there is told to `events`.

    `cards` and `arrivals_per_hour` let drivers come by themselves while it runs.
    """

    def __init__(
        self,
        events: StationEvents,
        evses: Iterable[Evse],
        *,
        speed: float = 1.0,
        clock: Clock = utc_now,
        sleep: Sleep = asyncio.sleep,
        seed: int = 0,
        meter_every: float = 60.0,
        cards: Sequence[str] = (),
        arrivals_per_hour: float = 0.0,
    ) -> None:
        self._events = events
        self._agenda = Agenda(clock, sleep, speed)
        self._random = Random(seed)
        self._meter_every = meter_every
        self._cards, self._arrivals_per_hour = tuple(cards), arrivals_per_hour
        self._stations = {_key(evse.place): _Station(evse) for evse in evses}

    def add(self, evses: Iterable[Evse]) -> None:
        """More stations; those that are there already stay as they are."""
        for evse in evses:
            self._stations.setdefault(_key(evse.place), _Station(evse))

    def now(self) -> datetime:
        return self._agenda.now()

    async def run(self, stop: asyncio.Event) -> None:
        """Let time pass until told to stop."""
        if self._cards and self._arrivals_per_hour > 0:
            self._next_arrival()
        await self._agenda.run(stop)

    async def settle(self) -> None:
        """Let time pass until nothing happens any more: all who charge have left."""
        await self._agenda.settle()

    def place(self, location_id: str, evse_uid: str) -> Place | None:
        """The simulated EVSE of that uid, whoever of us owns it."""
        wanted = (location_id.casefold(), evse_uid.casefold())
        return next((s.evse.place for key, s in self._stations.items() if key[2:] == wanted), None)

    def knows(self, place: Place) -> bool:
        return _key(place) in self._stations

    async def start(self, place: Place, session_id: str, token: Document) -> CommandOutcome:
        station = self._stations.get(_key(place))
        if station is None:
            return "REJECTED"
        refused = self._refusal(station)
        if refused is not None:
            return refused
        if station.session_id is not None:
            return "EVSE_OCCUPIED"
        if station.held is not None and station.held.uid != token["uid"].casefold():
            return "EVSE_OCCUPIED"
        self._expect(station, session_id, token["uid"])
        return "ACCEPTED"

    async def stop(self, place: Place, session_id: str) -> CommandOutcome:
        station = self._stations.get(_key(place))
        if station is None:
            return "REJECTED"
        if not station.online:
            return "TIMEOUT"
        if station.session_id != session_id:
            return "REJECTED"
        await self._finish(station, self.now(), "command")
        return "ACCEPTED"

    async def unlock(self, place: Place) -> CommandOutcome:
        station = self._stations.get(_key(place))
        if station is None:
            return "REJECTED"
        refused = self._refusal(station)
        if refused is not None:
            return refused
        if station.session_id is not None:
            await self._finish(station, self.now(), "unlocked")
        return "ACCEPTED"

    async def reserve(self, place: Place, reservation_id: str, token: Document, until: datetime) -> CommandOutcome:
        station = self._stations.get(_key(place))
        if station is None:
            return "REJECTED"
        refused = self._refusal(station)
        if refused is not None:
            return refused
        other = station.held is not None and station.held.reservation_id != reservation_id
        if other or station.session_id is not None:
            return "EVSE_OCCUPIED"
        self._let_go(station)
        held = station.held = _Held(reservation_id, token["uid"].casefold(), until)

        async def over(at: datetime) -> None:
            station.held = None
            await self._tell(station, lambda: self._events.reservation_ended(reservation_id, at, False))

        held.end = self._agenda.add(until, station, over)
        return "ACCEPTED"

    async def cancel(self, place: Place, reservation_id: str) -> CommandOutcome:
        station = self._stations.get(_key(place))
        if station is None or station.held is None or station.held.reservation_id != reservation_id:
            return "UNKNOWN_RESERVATION"
        if not station.online:
            return "TIMEOUT"
        self._let_go(station)
        return "ACCEPTED"

    async def swipe(
        self, place: Place, uid: str, token_type: str = "RFID", vehicle: Vehicle | None = None
    ) -> Authorisation:
        """A driver holds a card to the reader: begins to charge, or ends it with the same card.

        The vehicle, one of those that come by when none is given, is plugged in a little later.
        """
        station = self._stations[_key(place)]
        if station.broken or not station.online:
            return Authorisation(False, "INOPERATIVE" if station.broken else "OFFLINE")
        allowed = await self._events.authorise(station.evse.place, uid, token_type)
        if not allowed.allowed or allowed.session_id is None:
            return allowed
        if station.session_id == allowed.session_id:
            await self._finish(station, self.now(), "card")
        elif station.session_id is None:
            self._expect(station, allowed.session_id, uid, vehicle)
        return allowed

    async def unplug(self, place: Place) -> None:
        """The driver takes the cable out."""
        await self._finish(self._stations[_key(place)], self.now(), "unplugged")

    async def break_down(self, place: Place) -> None:
        """The EVSE fails: what charged there ends."""
        station = self._stations[_key(place)]
        station.broken = True
        await self._finish(station, self.now(), "fault")
        at = self.now()
        await self._tell(station, lambda: self._events.status(station.evse.place, "OUTOFORDER", at))

    async def repair(self, place: Place) -> None:
        station = self._stations[_key(place)]
        station.broken, at = False, self.now()
        await self._tell(station, lambda: self._events.status(station.evse.place, "AVAILABLE", at))

    async def disconnect(self, place: Place) -> None:
        """The station cannot be reached any more. It charges on."""
        self._stations[_key(place)].online = False

    async def reconnect(self, place: Place) -> None:
        """It can be reached again, and tells what it metered meanwhile."""
        station = self._stations[_key(place)]
        async with station.telling:
            station.online = True
            while station.untold:
                await self._taken(station, station.untold.pop(0))

    def resume(self, place: Place, session_id: str, uid: str, energy_kwh: Decimal) -> None:
        """A charge that was going on when the platform was stopped goes on, its register where it was."""
        station = self._stations[_key(place)]
        station.vehicle = any_vehicle(self._random)
        station.session_id, station.uid = session_id, uid.casefold()
        station.charging, station.energy_kwh = True, energy_kwh
        self._from_now_on(station, self.now())

    def _refusal(self, station: _Station) -> CommandOutcome | None:
        if not station.online:
            return "TIMEOUT"
        return "EVSE_INOPERATIVE" if station.broken else None

    def _let_go(self, station: _Station) -> None:
        if station.held is not None:
            if station.held.end is not None:
                station.held.end.off = True
            station.held = None

    def _expect(self, station: _Station, session_id: str, uid: str, vehicle: Vehicle | None = None) -> None:
        """The driver may plug in, and does so soon."""
        station.vehicle = vehicle or any_vehicle(self._random)
        station.session_id, station.uid = session_id, uid.casefold()
        station.charging, station.energy_kwh = False, Decimal(0)

        async def plugged_in(at: datetime) -> None:
            await self._begin(station, session_id, at)

        station.next = self._agenda.after(self._random.randint(*PLUG_IN_SECONDS), station, plugged_in)

    async def _begin(self, station: _Station, session_id: str, at: datetime) -> None:
        held, place = station.held, station.evse.place
        if held is not None:
            self._let_go(station)
            await self._tell(station, lambda: self._events.reservation_ended(held.reservation_id, at, True))
        meter_id = f"SIM-{place.evse_uid}"
        station.charging, station.power_kw, station.at = True, Decimal(0), at
        taken = await self._tell(station, lambda: self._events.started(session_id, place, at, meter_id))
        if station.session_id != session_id:
            return  # ended while it was told
        if taken:
            self._from_now_on(station, at)
        else:
            # Nobody would pay for what flows now.
            station.session_id, station.vehicle, station.next, station.charging = None, None, None, False

    def _from_now_on(self, station: _Station, at: datetime) -> None:
        """What the vehicle draws until something changes, and when to look again."""
        assert station.vehicle is not None
        station.at = at
        station.power_kw = station.vehicle.power_kw(station.evse.limit_kw, station.evse.dc)
        seconds = self._meter_every
        if station.power_kw > 0:
            # Ready to the watt-hour, not a tick later.
            ready = station.vehicle.wants_kwh() * 3600 / station.power_kw
            seconds = min(seconds, max(1.0, float(ready)))
            station.next = self._agenda.add(at + timedelta(seconds=round(seconds)), station, self._ticks(station))
        else:
            linger = self._random.randint(*LINGER_SECONDS)

            async def leaves(moment: datetime) -> None:
                await self._finish(station, moment, "unplugged")

            station.next = self._agenda.add(at + timedelta(seconds=linger), station, leaves)

    def _ticks(self, station: _Station) -> Callable[[datetime], Awaitable[None]]:
        async def tick(at: datetime) -> None:
            self._draw(station, at)
            self._from_now_on(station, at)
            value, session_id = self._value(station, at), station.session_id
            if session_id is not None:
                await self._tell(station, lambda: self._events.metered(session_id, value))

        return tick

    def _draw(self, station: _Station, at: datetime) -> None:
        """Energy flows up to a moment."""
        if station.at is None or station.vehicle is None or at <= station.at:
            return
        hours = Decimal(round((at - station.at).total_seconds() * 1000)) / 3_600_000
        energy = (station.power_kw * hours).quantize(WATT_HOUR)
        station.energy_kwh += energy
        station.vehicle = station.vehicle.charged(energy)
        station.at = at

    def _value(self, station: _Station, at: datetime) -> MeterValue:
        assert station.vehicle is not None
        return MeterValue(
            at=at,
            energy_kwh=station.energy_kwh,
            power_kw=station.power_kw,
            charging=station.power_kw > 0,
            state_of_charge=station.vehicle.percent.quantize(Decimal("0.1")),
        )

    async def _finish(self, station: _Station, at: datetime, reason: str) -> None:
        """The charge ends, for whatever reason; the vehicle leaves."""
        session_id = station.session_id
        if station.next is not None:
            station.next.off = True
            station.next = None
        if session_id is None:
            return
        if station.charging:
            self._draw(station, at)
            value = self._value(station, at)
            station.session_id, station.charging, station.vehicle, station.at = None, False, None, None
            await self._tell(station, lambda: self._events.stopped(session_id, value, reason))
        else:
            station.session_id, station.vehicle = None, None

    async def _tell(self, station: _Station, what: Callable[[], Awaitable[None]]) -> bool:
        """In order, and at once where it can be; False when it was not taken."""
        async with station.telling:
            if station.online and not station.untold:
                return await self._taken(station, what)
            station.untold.append(what)
            return True

    async def _taken(self, station: _Station, what: Callable[[], Awaitable[None]]) -> bool:
        """A station goes on whatever becomes of what it tells."""
        try:
            await what()
        except Exception:
            log.exception("what %s told was not taken", station.evse.place.evse_uid)
            return False
        return True

    def _next_arrival(self) -> None:
        seconds = self._random.expovariate(self._arrivals_per_hour / 3600)

        async def arrives(at: datetime) -> None:
            self._next_arrival()
            free = [s for s in self._stations.values() if s.session_id is None and s.online and not s.broken]
            if free:
                station, card = self._random.choice(free), self._random.choice(self._cards)
                await self.swipe(station.evse.place, card)

        self._agenda.after(seconds, self, arrives)


def _key(place: Place) -> tuple[str, ...]:
    return tuple(part.casefold() for part in (place.country_code, place.party_id, place.location_id, place.evse_uid))
