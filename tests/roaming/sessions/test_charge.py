"""The table of steps, and that no order of events breaks what it promises."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from evmesh.ocpi import wire
from evmesh.ports import MeterValue
from evmesh.roaming import kinds
from evmesh.roaming.node import Node
from evmesh.roaming.sessions.charge import OPEN, STEPS, IllegalStep, after
from evmesh.roaming.sessions.meter import Meter, catch_up
from evmesh.store import charges, objects, partners
from tests.roaming.calls import NOON, VOLTERA, Clock, befriend, token
from tests.roaming.sessions.charging import PLACE, at, give_token, open_city


def test_the_ends_are_ends() -> None:
    for state in ("COMPLETED", "INVALID"):
        assert [event for before, event in STEPS if before == state] == []
    assert {state for state, _ in STEPS} == set(OPEN)
    with pytest.raises(IllegalStep, match="COMPLETED cannot be metered"):
        after("COMPLETED", "metered")


EVENTS = some.lists(
    some.tuples(
        some.sampled_from(["started", "metered", "metered", "metered", "stopped", "waited", "again"]),
        some.integers(-2, 40),
        some.decimals(0, 50, places=3),
        some.booleans(),
    ),
    min_size=1,
    max_size=14,
)


@dataclass
class Told:
    """What a station has told that was taken."""

    states: list[str] = field(default_factory=list)
    registers: dict[datetime, Decimal] = field(default_factory=dict)


NUMBERS = count()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=EVENTS)
async def test_whatever_a_station_tells(node: Node, meter: Meter, clock: Clock, events: list) -> None:
    clock.moment = NOON
    uid = f"CARD{next(NUMBERS)}"
    partner = (await partners_of(node)) or await befriend(node)
    await give_token(node, partner, token(uid=uid))
    if not await node.store.read(lambda tx: objects.listing(tx, "locations")):
        await open_city(node)
    id = (await meter.authorise(PLACE, uid, "RFID")).session_id
    assert id is not None
    told = Told(["PENDING"])
    try:
        for what, minutes, kwh, charging in events:
            await happens(node, meter, clock, id, told, what, MeterValue(at(minutes), kwh, Decimal(7), charging))
            await holds(node, id, told)
    finally:
        await end(meter, node, clock, id, told)
    await holds(node, id, told)


async def happens(node, meter, clock, id, told, what, value) -> None:
    state = await state_of(node, id)
    try:
        if what in ("started", "again"):
            await meter.started(id, PLACE, at(3) if what == "again" else value.at, None)
        elif what == "metered":
            await meter.metered(id, value)
            told.registers[value.at] = value.energy_kwh
        elif what == "stopped":
            await meter.stopped(id, value, None)
            if state == "ACTIVE" and await state_of(node, id) == "COMPLETED":
                told.registers[value.at] = value.energy_kwh
        else:
            clock.forward(90)
            await catch_up(node)
    except IllegalStep:
        assert await state_of(node, id) == state


async def holds(node: Node, id: str, told: Told) -> None:
    """What must be true after any event."""
    state = await state_of(node, id)
    if state != told.states[-1]:
        assert state in [then for (before, _), then in STEPS.items() if before == told.states[-1]]
        told.states.append(state)
    key = kinds.CANONICAL.key(*VOLTERA, id)
    session, cdr = await node.store.read(lambda tx: (objects.get(tx, "sessions", key), objects.get(tx, "cdrs", key)))
    assert session is not None
    document = wire.decode(session.document)
    assert document["status"] == state
    assert (cdr is not None) == (state == "COMPLETED")
    if cdr is not None:
        bill = wire.decode(cdr.document)
        assert bill["total_energy"] == document["kwh"] == max(told.registers.values())
        assert energy(bill) == bill["total_energy"]
        assert bill["total_cost"] == document["total_cost"]
        assert bill["total_cost"]["before_taxes"] == bill["total_energy"] * 4
        starts = [period["start_date_time"] for period in bill["charging_periods"]]
        assert starts == sorted(starts)


def energy(document) -> Decimal:
    return sum(
        (
            dimension["volume"]
            for period in document["charging_periods"]
            for dimension in period["dimensions"]
            if dimension["type"] == "ENERGY"
        ),
        Decimal(0),
    )


async def state_of(node: Node, id: str) -> str:
    charge = await node.store.read(lambda tx: charges.get(tx, id))
    assert charge is not None
    return charge.state


async def partners_of(node: Node):
    found = await node.store.read(lambda tx: partners.all_partners(tx))
    return found[0] if found else None


async def end(meter: Meter, node: Node, clock: Clock, id: str, told: Told) -> None:
    """Leave the EVSE free for the next example."""
    if await state_of(node, id) == "ACTIVE":
        readings = await node.store.read(lambda tx: charges.readings_of(tx, id))
        charge = await node.store.read(lambda tx: charges.get(tx, id))
        assert charge is not None
        last = max([charge.start, *(moment for moment, _ in readings)])
        register = max((Decimal(value["energy_kwh"]) for _, value in readings), default=Decimal(0))
        await meter.stopped(id, MeterValue(last, register, Decimal(0), False), None)
        told.registers[last] = register
    clock.forward(3600)
    await catch_up(node)
