"""Stations, sessions, commands and CDRs together: what a simulated driver does arrives as a bill."""

from decimal import Decimal

import pytest

from evmesh.roaming.commands import receiver
from evmesh.roaming.commands.carry_out import work
from evmesh.roaming.node import Node
from evmesh.roaming.sessions.meter import Meter, catch_up
from evmesh.stations.simulator import Simulator, evses_of
from evmesh.store import deliveries
from tests.roaming.calls import Clock, answer, befriend, call, stamp, token
from tests.roaming.sessions.charging import (
    OTHER_PLACE,
    PLACE,
    Partners,
    evse_status,
    give_token,
    one,
    open_city,
    ours,
)

CARD = "04AABBCC"


@pytest.fixture
async def simulator(node: Node, clock: Clock) -> Simulator:
    await open_city(node)

    async def sleep(seconds: float) -> None:
        clock.forward(seconds)

    simulator = Simulator(Meter(node), evses_of(await one(node, "locations")), clock=clock, sleep=sleep, seed=3)
    node.stations = simulator
    return simulator


async def test_a_card_at_the_reader_becomes_a_cdr(node: Node, simulator: Simulator, clock: Clock) -> None:
    await give_token(node, await befriend(node), token())
    assert (await simulator.swipe(PLACE, CARD)).allowed
    await simulator.settle()
    await catch_up(node)

    cdr, session = await one(node, "cdrs"), await one(node, "sessions")
    assert session["status"] == "COMPLETED"
    assert cdr["total_energy"] == session["kwh"] > 1
    assert cdr["total_cost"]["before_taxes"] == cdr["total_energy"] * 4
    assert cdr["meter_id"] == "SIM-E1"
    kinds = {d["type"] for p in cdr["charging_periods"] for d in p["dimensions"]}
    assert kinds >= {"ENERGY", "TIME", "PARKING_TIME", "MAX_POWER"}
    assert cdr["total_parking_time"] > 0
    assert await evse_status(node) == "AVAILABLE"


async def test_a_command_becomes_a_cdr(node: Node, simulator: Simulator, peers: Partners) -> None:
    partner = await befriend(node)
    url = "https://ems.example/r"
    body = {"response_url": url, "token": token(type="APP_USER"), "location_id": "LOC1", "evse_uid": "E2"}
    await answer(receiver.handlers(node), call(partner, "commands.receiver.start_session", body=body))
    await work(node)
    assert [each.body["result"] for each in peers.heard("commands.sender.result")] == ["ACCEPTED"]
    await simulator.settle()

    cdr = await one(node, "cdrs")
    assert (cdr["auth_method"], cdr["cdr_token"]["type"], cdr["cdr_location"]["evse_uid"]) == (
        "COMMAND",
        "APP_USER",
        "E2",
    )


async def test_who_reserved_charges_and_nobody_else(node: Node, simulator: Simulator, clock: Clock) -> None:
    partner = await befriend(node)
    await give_token(node, partner, token())
    await give_token(node, partner, token(uid="OTHER"))
    body = {
        "response_url": "https://ems.example/r",
        "token": token(),
        "expiry_date": stamp(60),
        "reservation_id": "R1",
        "location_id": "LOC1",
        "evse_uid": "E1",
    }
    await answer(receiver.handlers(node), call(partner, "commands.receiver.reserve_now", body=body))
    await work(node)
    held = await one(node, "sessions")

    assert (await simulator.swipe(PLACE, "OTHER")).reason == "RESERVED"
    assert (await simulator.swipe(OTHER_PLACE, "OTHER")).allowed
    assert (await simulator.swipe(PLACE, CARD)).session_id == held["id"]
    await simulator.settle()

    cdrs = {cdr["id"]: cdr for cdr in await ours(node, "cdrs")}
    assert len(cdrs) == 2
    assert cdrs[held["id"]]["cdr_location"]["evse_uid"] == "E1"


async def test_every_watt_hour_of_a_busy_day_is_billed(node: Node, simulator: Simulator) -> None:
    """The bills add up to what the registers say, and every eMSP lacks exactly its own."""
    partner = await befriend(node)
    for number in range(6):
        await give_token(node, partner, token(uid=f"CARD{number}"))
        assert (await simulator.swipe((PLACE, OTHER_PLACE)[number % 2], f"CARD{number}")).allowed
        if number % 2:
            await simulator.settle()

    sessions, cdrs = await ours(node, "sessions"), await ours(node, "cdrs")
    assert {each["status"] for each in sessions} == {"COMPLETED"}
    for session, cdr in zip(sorted(sessions, key=by_id), sorted(cdrs, key=by_id), strict=True):
        told = sum(
            (d["volume"] for p in cdr["charging_periods"] for d in p["dimensions"] if d["type"] == "ENERGY"), Decimal(0)
        )
        assert told == cdr["total_energy"] == session["kwh"]
    rows = await node.store.read(lambda tx: deliveries.listing(tx, limit=1000))
    assert len([row for row in rows if row.kind == "cdrs"]) == 6


def by_id(document: dict) -> str:
    return str(document["id"])
