"""Links between platforms survive what networks and partners do: everything arrives, once, in its last state."""

import asyncio

import pytest

from evmesh.ocpi.types import timestamp
from evmesh.roaming import pull
from evmesh.roaming.pull import PullResult
from evmesh.sandbox import city
from evmesh.store import deliveries, objects
from evmesh.store.transaction import Tx
from evmesh.transport.limits import Limits
from tests.journeys.gate import (
    Act,
    CutOff,
    Exchange,
    HangUp,
    Hold,
    Instead,
    LoseAnswer,
    always,
    once,
    refuse,
)
from tests.journeys.platforms import Market, Platform, all_heard, before_now, charged

HTML = Instead(200, b"<!DOCTYPE html><title>Welcome</title>", content_type="text/html")
BAD_GATEWAY = Instead(502, b"<html>bad gateway</html>", content_type="text/html")
THEIR_FAILURE = refuse(200, 3000, "our database is down")


def writes(platform: Platform) -> list[Exchange]:
    """What this platform was told by partners."""
    return [each for each in platform.gate.log if each.method in ("PUT", "PATCH", "DELETE", "POST")]


async def three(market: Market) -> tuple[Platform, Platform, Platform]:
    """A CPO with two eMSPs, everything pulled."""
    volt, driver = await market.pair("2.2.1")
    other = await market.platform("other", "EMSP:SE:OTH")
    await market.connect(volt, other, "2.3.0")
    await other.pulled("volt", "locations", "tariffs")
    # Only what a partner was told can be taken back.
    await volt.publish("tariffs", *city.tariffs(volt.party, before_now(hours=3)))
    await volt.told_everything()
    driver.gate.log.clear()
    return volt, driver, other


async def a_busy_day(volt: Platform) -> None:
    """Each Location changes again and again, a tariff goes, a new one comes."""
    for status in ("CHARGING", "AVAILABLE", "OUTOFORDER"):
        for number in (1, 2, 3):
            await volt.set_status(f"L{number:03d}", f"E{number:03d}01", status)
    await volt.withdraw("tariffs", "DC")
    (night,) = (each for each in city.tariffs(volt.party, before_now(hours=2)) if each["id"] == "NIGHT")
    await volt.publish("tariffs", {**night, "id": "NEW"})


async def test_what_changes_while_a_partner_is_down_arrives_once_in_its_last_state(market: Market) -> None:
    volt, driver, other = await three(market)
    await driver.stop()
    await a_busy_day(volt)
    # The other one gets everything while the first is still down.
    await volt.told_everything("other")
    assert await other.theirs("locations") == all_heard("locations", await volt.ours("locations"), "2.3.0")

    await driver.start()
    # It says something, and so it is known to be there again.
    await pull.pull(driver.node, await driver.partner("volt"), "tariffs", full=False)
    await volt.told_everything()
    assert await driver.theirs("locations") == all_heard("locations", await volt.ours("locations"), "2.2.1")
    assert (await driver.theirs("tariffs")).keys() == {"AC", "NIGHT", "NEW"}
    told = [each.path for each in writes(driver)]
    assert len(told) == len(set(told))
    assert {path.rpartition("/")[2] for path in told} == {"L001", "L002", "L003", "DC", "NEW"}


async def test_a_partner_that_hangs_delays_no_other(market: Market) -> None:
    volt, driver, other = await three(market)
    healed = asyncio.Event()
    driver.gate.rules.append(always(Hold(healed)))
    await a_busy_day(volt)
    await driver.gate.sees(lambda: driver.gate.asked("PUT"))
    await volt.told_everything("other")
    assert not any(each.status for each in writes(driver))
    assert await other.theirs("locations") == all_heard("locations", await volt.ours("locations"), "2.3.0")
    healed.set()
    await volt.told_everything()
    assert await driver.theirs("locations") == all_heard("locations", await volt.ours("locations"), "2.2.1")


@pytest.mark.parametrize(
    "act",
    [LoseAnswer(), HangUp(), CutOff(), HTML, BAD_GATEWAY, THEIR_FAILURE, Instead(503, headers={"Retry-After": "1"})],
    ids=["answer lost", "hangs up", "closes half-way", "HTML", "502", "3000", "503"],
)
async def test_what_a_partner_does_to_a_push_costs_a_try_and_no_object(market: Market, act: Act) -> None:
    volt, driver = await market.pair("2.2.1")
    driver.gate.log.clear()
    driver.gate.rules += [
        once(act, lambda asked: asked.asks("PUT", "/locations/")),
        once(act, lambda asked: asked.asks("POST", "/cdrs")),
        once(act, lambda asked: asked.asks("DELETE", "/tariffs/")),
    ]
    await volt.set_status("L001", "E00101", "CHARGING")
    await volt.publish("cdrs", charged("C1", volt, driver))
    await volt.told_everything()
    # Only what a partner was told can be taken back.
    stamp = timestamp(before_now(hours=1))
    await volt.publish("tariffs", {**(await volt.ours("tariffs"))["DC"], "last_updated": stamp})
    await volt.told_everything()
    await volt.withdraw("tariffs", "DC")
    await volt.told_everything()

    assert len(driver.gate.asked("PUT", "/locations/")) == 2
    assert len(driver.gate.asked("POST", "/cdrs")) == 2
    assert len(driver.gate.asked("DELETE", "/tariffs/")) == 2
    assert await driver.theirs("locations") == all_heard("locations", await volt.ours("locations"), "2.2.1")
    assert await driver.theirs("cdrs") == all_heard("cdrs", await volt.ours("cdrs"), "2.2.1")
    assert (await driver.theirs("tariffs")).keys() == {"AC", "NIGHT"}
    assert not await volt.faults()
    ids = [each.headers["X-Request-ID"] for each in driver.gate.log]
    assert len(ids) == len(set(ids))


async def test_a_cdr_whose_answer_was_lost_and_whose_repetition_is_refused_is_a_fault_to_look_at(
    market: Market,
) -> None:
    volt, driver = await market.pair("2.2.1")
    driver.gate.rules += [
        once(LoseAnswer(), lambda asked: asked.asks("POST", "/cdrs")),
        always(refuse(200, 2001, "we have that one"), lambda asked: asked.asks("POST", "/cdrs")),
    ]
    await volt.publish("cdrs", charged("C1", volt, driver))

    def doubtful(tx: Tx) -> bool:
        return any(count.doubtful for count in deliveries.counts(tx).values())

    await volt.until(doubtful)
    (fault,) = await volt.faults()
    assert (fault.kind, fault.subject) == ("delivery_doubtful", "driver: cdrs SE*VLT*C1")
    await volt.set_status("L001", "E00101", "CHARGING")
    await volt.told_everything()
    assert len(driver.gate.asked("POST", "/cdrs")) == 2
    assert (await driver.theirs("cdrs")).keys() == {"C1"}


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (HTML, "text/html"),
        (THEIR_FAILURE, "3000"),
        (CutOff(), "broke off"),
        (HangUp(), "broke off"),
        (refuse(404, 2003), "404"),
        (Instead(200, {"status_code": 1000, "data": {"id": "L1"}, "timestamp": "2026-01-01T00:00:00Z"}), "no list"),
    ],
    ids=["HTML", "3000", "closes half-way", "hangs up", "404", "no list"],
)
async def test_a_pull_that_breaks_off_removes_nothing_and_is_made_good(market: Market, act: Act, word: str) -> None:
    volt, driver = await market.pair("2.2.1", locations=230)
    before = await driver.theirs("locations")
    await lost(volt, "L001")
    volt.gate.rules.append(always(act, lambda asked: asked.asks("GET", "/locations") and "offset=" in asked.target))
    broken = await pulled(driver)
    assert not broken.complete
    assert word in str(broken.detail)
    assert await driver.theirs("locations") == before
    assert [fault.kind for fault in await driver.faults()] == ["pull_broken"]

    volt.gate.rules.clear()
    whole = await pulled(driver)
    assert whole.complete
    assert (await driver.theirs("locations")).keys() == before.keys() - {"L001"}
    assert not await driver.faults()


async def pulled(driver: Platform) -> PullResult:
    return await pull.pull(driver.node, await driver.partner("volt"), "locations", full=True)


async def lost(volt: Platform, id: str) -> None:
    """A Location goes, and nobody is told: a partner sees it by its absence only."""

    def run(tx: Tx) -> None:
        (held,) = objects.find(tx, "locations", id)
        objects.remove(tx, held.seq)

    await volt.node.store.write(run)


async def test_a_list_that_leads_in_a_circle_is_left(market: Market) -> None:
    volt, driver = await market.pair("2.2.1", locations=230)
    before = await driver.theirs("locations")
    first = volt.gate.asked("GET", "/locations")[-3]
    link = f'<{volt.gate.url}{first.target}>; rel="next"'
    circle = Instead(200, first.answer, {"Link": link, "X-Total-Count": "230", "X-Limit": "100"})
    volt.gate.log.clear()
    volt.gate.rules.append(always(circle, lambda asked: asked.asks("GET", "/locations")))
    broken = await pulled(driver)
    assert not broken.complete
    assert "circle" in str(broken.detail)
    assert len(volt.gate.asked("GET", "/locations")) <= 2
    assert await driver.theirs("locations") == before


async def test_a_list_that_leads_elsewhere_is_left(market: Market) -> None:
    volt, driver = await market.pair("2.2.1", locations=230)
    stranger = await market.platform("stranger", "CPO:SE:STR")
    before = await driver.theirs("locations")
    first = volt.gate.asked("GET", "/locations")[-3]
    link = f'<{stranger.gate.url}/ocpi/2.2.1/sender/locations?offset=100>; rel="next"'
    volt.gate.rules.append(
        always(Instead(200, first.answer, {"Link": link}), lambda asked: asked.asks("GET", "/locations"))
    )
    broken = await pulled(driver)
    assert not broken.complete
    assert stranger.gate.log == []
    assert await driver.theirs("locations") == before


async def test_a_partner_that_never_answers_is_not_waited_for_for_ever(market: Market) -> None:
    volt, driver = await market.pair("2.2.1", limits=Limits(answer_seconds=0.5))
    driver.gate.log.clear()
    never = asyncio.Event()
    driver.gate.rules.append(once(Hold(never), lambda asked: asked.asks("PUT", "/locations/")))
    await volt.set_status("L001", "E00101", "CHARGING")
    await volt.told_everything()
    assert [each.status for each in driver.gate.asked("PUT", "/locations/")] == [None, 200]
    assert await driver.theirs("locations") == all_heard("locations", await volt.ours("locations"), "2.2.1")
    never.set()
