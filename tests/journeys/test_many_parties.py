"""Platforms of several parties and roles: both sides charge and provide, and each party's things stay its own."""

import pytest

from evmesh.config import StationsTable
from evmesh.ocpi import wire
from evmesh.ports import Place
from evmesh.roaming.node import Roaming
from evmesh.sandbox import city
from evmesh.stations.simulator import Simulator
from evmesh.store import objects
from tests.journeys.gate import Exchange
from tests.journeys.platforms import MORNING, RELEASES, Market, Platform, raw
from tests.roaming.calls import location, tariff

SIMULATED = {
    "roaming": Roaming(session_update_every=0.05),
    "stations": StationsTable(simulate=True, speed=3600),
}


async def both_ways(market: Market, release: str) -> tuple[Platform, Platform]:
    """Two platforms that are CPO and eMSP each, with a city and cards of their own."""
    one = await market.platform("one", "CPO:SE:ONE", "EMSP:SE:ONE", **SIMULATED)
    two = await market.platform("two", "EMSP:NO:TWO", "CPO:NO:TWO", **SIMULATED)
    for each in (one, two):
        await each.publish("tariffs", *city.tariffs(each.party, MORNING))
        await each.publish("locations", *city.locations(each.party, MORNING, count=4))
        await each.publish("tokens", {**city.tokens(each.party, MORNING, count=2)[0], "uid": each.party[1]})
    await market.connect(one, two, release)
    for each, other in ((one, "two"), (two, "one")):
        await each.pulled(other, "locations", "tariffs", "tokens")
    return one, two


@pytest.mark.parametrize("release", ["2.2.1", "2.3.0"])
async def test_drivers_of_both_charge_at_both(market: Market, release: str) -> None:
    one, two = await both_ways(market, release)
    for there, home in ((one, two), (two, one)):
        place = Place(*there.party, "L004", "E00401", "1")
        stations = there.node.stations
        assert isinstance(stations, Simulator)
        await there.until(lambda tx, stations=stations, place=place: stations.knows(place))
        assert (await stations.swipe(place, home.party[1])).allowed
        # At home a card needs no asking.
        at_home = Place(*there.party, "L004", "E00402", "1")
        assert (await stations.swipe(at_home, there.party[1])).allowed
    for there, home in ((one, two), (two, one)):
        await home.until(lambda tx: objects.listing(tx, "cdrs", theirs=True))
        await there.until(lambda tx: len(objects.listing(tx, "cdrs")) == 2)
        await there.told_everything()
        (cdr,) = (await home.theirs("cdrs")).values()
        assert (cdr["country_code"], cdr["party_id"]) == there.party
        assert cdr["cdr_token"]["party_id"] == home.party[1]
        assert len(there.gate.asked("POST", "/authorize")) == 1
        assert not await there.faults()


async def test_each_party_is_asked_for_its_own_and_answers_for_all(market: Market) -> None:
    """A platform with two CPOs: everything is pulled, whoever is asked first."""
    volt = await market.platform("volt", "CPO:SE:VLT", "CPO:NO:VLT")
    for country in ("SE", "NO"):
        await volt.publish("tariffs", tariff((country, "VLT"), "T1"))
        await volt.publish("locations", location((country, "VLT"), "L1"))
    driver = await market.platform("driver", "EMSP:SE:DRV", "EMSP:NO:DRV")
    await market.connect(volt, driver, "2.2.1")
    await driver.pulled("volt", "locations", "tariffs")
    owners = await driver.read(lambda tx: {each.owner for each in objects.listing(tx, "locations", theirs=True)})
    assert owners == {"SE*VLT", "NO*VLT"}
    asked = volt.gate.asked("GET", "/sender/locations")[0]
    assert asked.headers["OCPI-to-party-id"] == "VLT"
    await volt.publish("tariffs", tariff(("NO", "VLT"), "T1", at=5))
    await volt.told_everything()
    (put,) = driver.gate.asked("PUT", "/tariffs/")
    assert put.path.endswith("/receiver/tariffs/NO/VLT/T1")
    assert (put.headers["OCPI-from-country-code"], put.headers["OCPI-from-party-id"]) == ("NO", "VLT")


@pytest.mark.parametrize("country", ["SE", "NO"])
async def test_a_2_1_1_partner_sees_the_party_that_was_meant(market: Market, country: str) -> None:
    volt = await market.platform("volt", "CPO:SE:VLT", "CPO:NO:VLT")
    for each in ("SE", "NO"):
        await volt.publish("tariffs", tariff((each, "VLT"), f"T-{each}"))
        await volt.publish("locations", location((each, "VLT"), f"L-{each}"))
    driver = await market.platform("driver", "EMSP:SE:DRV")
    await market.connect(volt, driver, "2.1.1", us=f"CPO:{country}:VLT")
    await driver.pulled("volt", "locations", "tariffs")
    assert (await driver.theirs("locations")).keys() == {f"L-{country}"}
    assert (await driver.theirs("tariffs")).keys() == {f"T-{country}"}
    for each in ("SE", "NO"):
        await volt.publish("tariffs", tariff((each, "VLT"), f"T-{each}", at=5))
    await volt.told_everything()
    assert [put.path.rpartition("/")[2] for put in driver.gate.asked("PUT", "/tariffs/")] == [f"T-{country}"]


@pytest.mark.parametrize("release", RELEASES)
async def test_what_is_one_platforms_is_not_anothers(market: Market, release: str) -> None:
    """A third platform with a good token of its own gets at nothing that is between two others."""
    volt, driver = await market.pair(release)
    thief = await market.platform("thief", "EMSP:SE:THF")
    await market.connect(volt, thief, release)
    await thief.pulled("volt", "locations", "tariffs")
    token = await thief.token_for("volt")

    async def tries(method: str, path: str, body: bytes | None = None) -> Exchange:
        url = f"{volt.gate.url}/ocpi/{release}/{path}"
        return await raw(method, url, token, body=body, base64_token=release != "2.1.1")

    uid = "04A20000000001"
    card = (await driver.ours("tokens"))[uid]
    said = {**card, "valid": False, "last_updated": "2099-01-01T00:00:00Z"}
    body = wire.encode(said)
    for method in ("PUT", "PATCH"):
        assert (await tries(method, f"receiver/tokens/SE/DRV/{uid}", body)).status == 404
    assert (await tries("GET", f"receiver/tokens/SE/DRV/{uid}")).status == 404
    # Under its own name it is another token, and the first stays as it was.
    own = wire.encode({**said, "party_id": "THF"})
    await tries("PUT", f"receiver/tokens/SE/THF/{uid}", own)
    held = await volt.read(lambda tx: {each.owner: each for each in objects.find(tx, "tokens", uid)})
    assert wire.decode(held["SE*DRV"].document)["valid"] is True
    start = {
        "response_url": f"{thief.gate.url}/ocpi/{release}/sender/commands/START_SESSION/1",
        "token": card,
        "location_id": "L001",
        "evse_uid": "E00101",
    }
    refused = await tries("POST", "receiver/commands/START_SESSION", wire.encode(start))
    assert b'"ACCEPTED"' not in refused.answer
    assert await volt.ours("sessions") == {}
