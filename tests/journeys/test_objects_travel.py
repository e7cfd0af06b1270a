"""What a CPO and an eMSP tell each other outside of charges, on each release, over real HTTP."""

import pytest

from evmesh.ocpi.types import timestamp
from evmesh.sandbox import city
from tests.journeys.gate import Exchange, always, refuse
from tests.journeys.platforms import RELEASES, Market, Platform, all_heard, before_now


@pytest.mark.parametrize("release", RELEASES)
async def test_an_emsp_pulls_everything_by_pages_and_gives_its_tokens(market: Market, release: str) -> None:
    volt, driver = await market.pair(release, locations=230)
    for kind in ("locations", "tariffs"):
        assert await driver.theirs(kind) == all_heard(kind, await volt.ours(kind), release)
    assert await volt.theirs("tokens") == all_heard("tokens", await driver.ours("tokens"), release)
    pages = volt.gate.asked("GET", "/locations")
    assert [each.answer_headers["X-Total-Count"] for each in pages] == ["230"] * 3
    assert ["Link" in each.answer_headers for each in pages] == [True, True, False]
    assert not await volt.faults()
    assert not await driver.faults()


async def connected(market: Market, release: str) -> tuple[Platform, Platform]:
    """A pair, and each object pushed once, so that what was told is known."""
    volt, driver = await market.pair(release)
    later = city.locations(volt.party, before_now(hours=4), count=3)
    await volt.publish("locations", *later)
    await driver.publish("tokens", *city.tokens(driver.party, before_now(hours=4), count=4))
    await volt.told_everything()
    await driver.told_everything()
    volt.gate.log.clear()
    driver.gate.log.clear()
    return volt, driver


def of(exchanges: list[Exchange], *modules: str) -> list[tuple[str, str]]:
    """(method, path below the release) of what was asked of these modules."""
    found = [(each.method, each.path.partition("/receiver/")[2]) for each in exchanges]
    return [(method, path) for method, path in found if path.split("/")[0] in modules]


async def same(volt: Platform, driver: Platform, release: str, kind: str) -> None:
    """The eMSP has the CPO's objects of a kind as its release tells them."""
    assert await driver.theirs(kind) == all_heard(kind, await volt.ours(kind), release)


@pytest.mark.parametrize("release", RELEASES)
async def test_a_change_of_an_evse_arrives_as_the_patch_of_that_evse(market: Market, release: str) -> None:
    volt, driver = await connected(market, release)
    await volt.set_status("L001", "E00101", "CHARGING")
    await volt.told_everything()
    assert of(driver.gate.log, "locations") == [("PATCH", "locations/SE/VLT/L001/E00101")]
    patch = driver.gate.asked("PATCH")[0].document
    assert patch.keys() == {"status", "last_updated"}
    assert patch["status"] == "CHARGING"
    there = (await driver.theirs("locations"))["L001"]
    assert there["evses"][0]["status"] == "CHARGING"
    assert there["last_updated"] == there["evses"][0]["last_updated"] == patch["last_updated"]
    await same(volt, driver, release, "locations")


@pytest.mark.parametrize("release", RELEASES)
async def test_a_change_of_a_location_arrives_as_a_patch(market: Market, release: str) -> None:
    volt, driver = await connected(market, release)
    location = (await volt.ours("locations"))["L002"]
    stamp = timestamp(before_now(hours=1))
    await volt.publish("locations", {**location, "name": "Renamed", "last_updated": stamp})
    await volt.told_everything()
    assert of(driver.gate.log, "locations") == [("PATCH", "locations/SE/VLT/L002")]
    assert driver.gate.asked("PATCH")[0].document == {"name": "Renamed", "last_updated": stamp}
    assert (await driver.theirs("locations"))["L002"]["name"] == "Renamed"
    await same(volt, driver, release, "locations")


@pytest.mark.parametrize("release", RELEASES)
async def test_a_patch_that_is_refused_is_followed_by_a_look_and_the_whole(market: Market, release: str) -> None:
    volt, driver = await connected(market, release)
    driver.gate.rules.append(always(refuse(200, 2001), lambda asked: asked.method == "PATCH"))
    await volt.set_status("L003", "E00301", "OUTOFORDER")
    await volt.told_everything()
    assert of(driver.gate.log, "locations") == [
        ("PATCH", "locations/SE/VLT/L003/E00301"),
        ("GET", "locations/SE/VLT/L003"),
        ("PUT", "locations/SE/VLT/L003"),
    ]
    assert (await driver.theirs("locations"))["L003"]["evses"][0]["status"] == "OUTOFORDER"
    await same(volt, driver, release, "locations")


@pytest.mark.parametrize("release", RELEASES)
async def test_a_tariff_changes_and_goes(market: Market, release: str) -> None:
    volt, driver = await connected(market, release)
    stamp = timestamp(before_now(hours=1))
    tariff = (await volt.ours("tariffs"))["DC"]
    dearer = {**tariff, "elements": [{"price_components": [{"type": "ENERGY", "price": 6, "step_size": 1}]}]}
    await volt.publish("tariffs", {**dearer, "last_updated": stamp})
    await volt.told_everything()
    assert of(driver.gate.log, "tariffs") == [("PUT", "tariffs/SE/VLT/DC")]
    await same(volt, driver, release, "tariffs")

    await volt.withdraw("tariffs", "DC")
    await volt.told_everything()
    assert of(driver.gate.log, "tariffs")[1:] == [("DELETE", "tariffs/SE/VLT/DC")]
    assert (await driver.theirs("tariffs")).keys() == {"AC", "NIGHT"}


@pytest.mark.parametrize("release", RELEASES)
async def test_a_token_is_invalidated(market: Market, release: str) -> None:
    volt, driver = await connected(market, release)
    uid = "04A20000000002"
    token = (await driver.ours("tokens"))[uid]
    stamp = timestamp(before_now(hours=1))
    await driver.publish("tokens", {**token, "valid": False, "last_updated": stamp})
    await driver.told_everything()
    assert of(volt.gate.log, "tokens") == [("PATCH", f"tokens/SE/DRV/{uid}")]
    assert volt.gate.log[-1].document == {"valid": False, "last_updated": stamp}
    assert (await volt.theirs("tokens"))[uid]["valid"] is False

    await driver.withdraw("tokens", uid)
    await driver.told_everything()
    assert (await volt.theirs("tokens"))[uid]["valid"] is False


@pytest.mark.parametrize("release", RELEASES)
async def test_a_location_that_goes_is_told_with_its_evses_removed(market: Market, release: str) -> None:
    volt, driver = await connected(market, release)
    await volt.withdraw("locations", "L001")
    await volt.told_everything()
    assert of(driver.gate.log, "locations") == [("PUT", "locations/SE/VLT/L001")]
    gone = (await driver.theirs("locations"))["L001"]
    assert {evse["status"] for evse in gone["evses"]} == {"REMOVED"}
