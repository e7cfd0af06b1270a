"""Real charges between two platforms: by card and by command, told while they go on, billed once, on each release."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.config import StationsTable
from evmesh.ocpi import wire
from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Authorisation, Document, Place
from evmesh.roaming.commands import sender
from evmesh.roaming.node import Roaming
from evmesh.stations.simulator import Simulator
from evmesh.store import objects
from evmesh.store.commands import Command
from evmesh.store.transaction import Tx
from tests.journeys.gate import Instead, LoseAnswer, always, once
from tests.journeys.platforms import RELEASES, Market, Platform, all_heard, as_heard, by_id
from tests.postgres import fresh_database

FAST = Place("SE", "VLT", "L004", "E00401", "1")
"""Under the tariff DC of the city: 5 SEK to start, 4.80 SEK per kWh, 25 % VAT."""

CARD, SECOND_CARD, BLOCKED_CARD = "04A20000000001", "04A20000000002", "04A20000000004"
AN_HOUR_A_SECOND = 3600.0
A_MINUTE_A_SECOND = 60.0


async def street(market: Market, release: str, speed: float, **more: Any) -> tuple[Platform, Platform]:
    """A pair whose CPO has simulated stations and tells of charges as often as it can."""
    simulated = StationsTable(simulate=True, speed=speed)
    told_at_once = Roaming(session_update_every=0.05)
    volt, driver = await market.pair(release, locations=4, roaming=told_at_once, stations=simulated, **more)
    await volt.until(lambda tx: stations(volt).knows(FAST))
    volt.gate.log.clear()
    driver.gate.log.clear()
    return volt, driver


def stations(platform: Platform) -> Simulator:
    found = platform.node.stations
    assert isinstance(found, Simulator)
    return found


async def swipe(platform: Platform, card: str, place: Place = FAST) -> Authorisation:
    return await stations(platform).swipe(place, card)


async def session_of(platform: Platform, status: str, *, theirs: bool = True) -> Document:
    """The one session, as soon as it has this status."""

    def look(tx: Tx) -> Document | None:
        found = by_id(objects.listing(tx, "sessions", theirs=theirs)).values()
        return next((each for each in found if each["status"] == status), None)

    found = await platform.until(look)
    assert found is not None
    return found


async def the_bill(platform: Platform) -> Document:
    (cdr,) = await platform.until(lambda tx: list(by_id(objects.listing(tx, "cdrs", theirs=True)).values()))
    return cdr


async def as_it_should_be_heard(
    volt: Platform, driver: Platform, kind: str, document: Document, release: str
) -> Document:
    """What the eMSP should hold: a 2.1.1 Session is said with the CPO's Location in it, and read with our card."""
    locations, cards = await volt.ours("locations"), await driver.ours("tokens")
    contracts = {card["contract_id"]: card for card in cards.values() if card["type"] == "RFID"}

    def lookup(name: str, *key: str) -> Document | None:
        return contracts.get(key[0]) if name == "Token" else locations.get(key[-1])

    return as_heard(kind, document, release, lookup)


async def energy_has_flowed(driver: Platform, kwh: int = 0) -> None:
    """As far as the eMSP has been told."""
    await driver.until(
        lambda tx: any(each["kwh"] > kwh for each in by_id(objects.listing(tx, "sessions", theirs=True)).values())
    )


def check_figures(session: Document, cdr: Document) -> None:
    """What both documents say agrees, and the price is the tariff's."""
    energy = Decimal(cdr["total_energy"])
    assert energy > 5
    assert session["kwh"] == cdr["total_energy"]
    volumes = [
        Decimal(dimension["volume"])
        for period in cdr["charging_periods"]
        for dimension in period["dimensions"]
        if dimension["type"] == "ENERGY"
    ]
    assert sum(volumes) == energy
    assert Decimal(cdr["total_cost"]["before_taxes"]) == (5 + energy * Decimal("4.80")).quantize(Decimal("0.0001"))
    assert session["total_cost"] == cdr["total_cost"]
    lasted = parse_timestamp(cdr["end_date_time"]) - parse_timestamp(cdr["start_date_time"])
    assert abs(Decimal(cdr["total_time"]) * 3600 - round(lasted.total_seconds())) <= 1


@pytest.mark.parametrize("release", RELEASES)
async def test_a_charge_by_card_from_the_reader_to_the_bill(market: Market, release: str) -> None:
    volt, driver = await street(market, release, AN_HOUR_A_SECOND)
    allowed = await swipe(volt, CARD)
    assert allowed.allowed, allowed
    (asked,) = driver.gate.asked("POST", f"/tokens/{CARD}/authorize")
    assert wire.decode(asked.answer)["data"]["allowed"] == "ALLOWED"

    await driver.until(lambda tx: evse_status(tx, "L004", "E00401") == "CHARGING")
    await session_of(driver, "ACTIVE")
    cdr = await the_bill(driver)
    session = await session_of(driver, "COMPLETED")
    await volt.told_everything()
    assert allowed.session_id == session["id"]
    mine = {**(await volt.ours("sessions")), "cdr": (await volt.ours("cdrs"))[cdr["id"]]}
    assert session == await as_it_should_be_heard(volt, driver, "sessions", mine[session["id"]], release)
    assert cdr == await as_it_should_be_heard(volt, driver, "cdrs", mine["cdr"], release)
    check_figures(mine[session["id"]], mine["cdr"])
    assert mine["cdr"]["cdr_token"] == {
        "country_code": "SE", "party_id": "DRV", "uid": CARD, "type": "RFID", "contract_id": "SE-DRV-C00000001-X",
    }  # fmt: skip
    assert mine["cdr"]["auth_method"] == "AUTH_REQUEST"

    posts = driver.gate.asked("POST", "/cdrs")
    assert len(posts) == 1
    told = [each for each in driver.gate.log if "/sessions/" in each.path and each.method in ("PUT", "PATCH")]
    assert len(told) >= 3
    assert {each.method for each in told} == {"PUT", "PATCH"}
    await driver.until(lambda tx: evse_status(tx, "L004", "E00401") == "AVAILABLE")
    assert not await volt.faults()
    assert not await driver.faults()


def evse_status(tx: Tx, location_id: str, evse_uid: str) -> str:
    """What we know of a partner's EVSE."""
    (held,) = objects.find(tx, "locations", location_id)
    return next(evse["status"] for evse in wire.decode(held.document)["evses"] if evse["uid"] == evse_uid)


async def command(driver: Platform, name: str, **document: Any) -> Command:
    """What `evmesh command` does: send it, and wait for its result."""
    ticket = await sender.send(driver.node, await driver.partner("volt"), name, document)
    return await sender.result(driver.node, ticket)


def outcome(command: Command) -> str:
    said = command.result or command.response
    assert said is not None
    return str(said["result"])


async def our_card(driver: Platform, uid: str = CARD) -> Document:
    return (await driver.ours("tokens"))[uid]


@pytest.mark.parametrize("release", RELEASES)
async def test_a_charge_by_command_is_started_and_stopped(market: Market, release: str) -> None:
    volt, driver = await street(market, release, A_MINUTE_A_SECOND)
    started = await command(
        driver, "START_SESSION", token=await our_card(driver), location_id="L004", evse_uid="E00401"
    )
    assert (started.state, outcome(started)) == ("answered", "ACCEPTED")
    session = await session_of(driver, "ACTIVE")
    assert session["auth_method"] == ("AUTH_REQUEST" if release == "2.1.1" else "COMMAND")
    # Energy has flowed when the Session has said so.
    await energy_has_flowed(driver)
    stopped = await command(driver, "STOP_SESSION", session_id=session["id"])
    assert (stopped.state, outcome(stopped)) == ("answered", "ACCEPTED")
    cdr = await the_bill(driver)
    await session_of(driver, "COMPLETED")
    assert cdr == await as_it_should_be_heard(volt, driver, "cdrs", (await volt.ours("cdrs"))[cdr["id"]], release)
    assert len(driver.gate.asked("POST", "/cdrs")) == 1
    assert driver.gate.asked("POST", "/authorize") == []
    again = await command(driver, "STOP_SESSION", session_id=session["id"])
    assert outcome(again) == "REJECTED"
    assert not await volt.faults()
    assert not await driver.faults()


@pytest.mark.parametrize("release", RELEASES)
async def test_a_reservation_holds_the_place_for_one_card(market: Market, release: str) -> None:
    volt, driver = await street(market, release, A_MINUTE_A_SECOND)
    reserved = await command(
        driver,
        "RESERVE_NOW",
        token=await our_card(driver),
        location_id="L004",
        evse_uid="E00401",
        reservation_id="4711",
        expiry_date="2099-01-01T00:00:00Z",
    )
    assert outcome(reserved) == "ACCEPTED"
    await driver.until(lambda tx: evse_status(tx, "L004", "E00401") == "RESERVED")
    assert not (await swipe(volt, SECOND_CARD)).allowed
    if release != "2.1.1":
        cancelled = await command(driver, "CANCEL_RESERVATION", reservation_id="4711")
        assert outcome(cancelled) == "ACCEPTED"
        await driver.until(lambda tx: evse_status(tx, "L004", "E00401") == "AVAILABLE")
        assert (await swipe(volt, SECOND_CARD)).allowed
    else:
        assert (await swipe(volt, CARD)).allowed
    await session_of(driver, "ACTIVE")


@pytest.mark.parametrize("release", RELEASES)
async def test_who_may_not_charge_does_not(market: Market, release: str) -> None:
    volt, driver = await street(market, release, A_MINUTE_A_SECOND)
    blocked, stranger = await swipe(volt, BLOCKED_CARD), await swipe(volt, "DEADBEEF")
    assert not blocked.allowed
    assert not stranger.allowed
    assert (blocked.session_id, stranger.session_id) == (None, None)
    # Both were asked for in real time: the one by its owner's word, the other of everybody.
    assert len(driver.gate.asked("POST", "/authorize")) == 2
    # Nobody answers, and the card says NEVER without an answer.
    driver.gate.rules.append(always(Instead(502), lambda asked: asked.asks("POST", "/authorize")))
    assert not (await swipe(volt, CARD)).allowed
    unlocked = await command(driver, "UNLOCK_CONNECTOR", location_id="L004", evse_uid="E00401", connector_id="1")
    assert outcome(unlocked) == "ACCEPTED"
    assert await volt.ours("sessions") == {}


async def test_a_charge_survives_what_the_network_loses(market: Market) -> None:
    """Each answer to a session or a CDR is lost once, and the CPO is stopped and started in the middle."""
    volt, driver = await street(market, "2.2.1", AN_HOUR_A_SECOND / 4)
    driver.gate.rules += [
        once(LoseAnswer(), lambda asked: asked.asks("PUT", "/sessions/")),
        once(LoseAnswer(), lambda asked: asked.asks("PATCH", "/sessions/")),
        once(LoseAnswer(), lambda asked: asked.asks("POST", "/cdrs")),
    ]
    assert (await swipe(volt, CARD)).allowed
    await energy_has_flowed(driver, 1)
    await volt.stop()
    await volt.start()
    cdr = await the_bill(driver)
    session = await session_of(driver, "COMPLETED")
    await volt.told_everything()
    check_figures((await volt.ours("sessions"))[session["id"]], (await volt.ours("cdrs"))[cdr["id"]])
    assert (await driver.theirs("cdrs")).keys() == {session["id"]}
    mine = (await volt.ours("sessions"))[session["id"]]
    assert session == await as_it_should_be_heard(volt, driver, "sessions", mine, "2.2.1")
    assert not [fault for fault in await volt.faults() if fault.kind.startswith("delivery")]


async def test_a_charge_between_platforms_on_postgresql(market: Market, postgres_url: str) -> None:
    with fresh_database(postgres_url) as one, fresh_database(postgres_url) as other:
        volt, driver = await street(market, "2.2.1", AN_HOUR_A_SECOND, databases=(one, other))
        assert (await swipe(volt, CARD)).allowed
        cdr = await the_bill(driver)
        session = await session_of(driver, "COMPLETED")
        await volt.told_everything()
        check_figures((await volt.ours("sessions"))[session["id"]], (await volt.ours("cdrs"))[cdr["id"]])
        assert cdr == await as_it_should_be_heard(volt, driver, "cdrs", (await volt.ours("cdrs"))[cdr["id"]], "2.2.1")
        assert await driver.theirs("locations") == all_heard("locations", await volt.ours("locations"), "2.2.1")
        assert not await volt.faults()
        await market.close()
