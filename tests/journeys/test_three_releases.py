"""One CPO with three partners on three releases at once: the same charges, each in its own words, each its own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from evmesh.config import StationsTable
from evmesh.ocpi import wire
from evmesh.ocpi.types import timestamp
from evmesh.ports import Document, Place
from evmesh.roaming.node import Roaming
from evmesh.sandbox import city
from evmesh.stations.simulator import Simulator
from evmesh.store import objects
from evmesh.store.transaction import Tx
from tests.journeys.gate import Exchange
from tests.journeys.platforms import MORNING, RELEASES, Market, Platform, before_now, by_id, raw

OURS = ("SE", "VLT")
PARTIES = {"2.1.1": "OLD", "2.2.1": "MID", "2.3.0": "NEW"}
PRIVATE = "L003"
PLACES = {
    "2.1.1": Place(*OURS, PRIVATE, "E00301", "1"),
    "2.2.1": Place(*OURS, "L004", "E00401", "1"),
    "2.3.0": Place(*OURS, "L004", "E00402", "1"),
}


@dataclass
class Street:
    volt: Platform
    partners: dict[str, Platform]
    market: Market

    async def ask(self, release: str, target: str) -> Exchange:
        """What the partner of a release sees when it asks the CPO."""
        token = await self.partners[release].token_for("volt")
        base64_token = release != "2.1.1"
        return await raw(
            "GET", f"{self.volt.gate.url}/ocpi/{release}/sender/{target}", token, base64_token=base64_token
        )

    async def data(self, release: str, target: str) -> Any:
        got = await self.ask(release, target)
        assert got.status_code == 1000, got
        return wire.decode(got.answer)["data"]


def card_of(party: str) -> str:
    return f"04{party}0001"


def cards(party: str) -> Document:
    (card, *_) = city.tokens(("SE", party), MORNING, count=2)
    return {**card, "uid": card_of(party)}


@pytest.fixture(scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    """Everything has happened: three charges by three cards at one CPO, all of it told."""
    market = Market(tmp_path_factory.mktemp("street"))
    volt = await market.platform(
        "volt",
        "CPO:SE:VLT",
        roaming=Roaming(session_update_every=0.05),
        stations=StationsTable(simulate=True, speed=3600),
    )
    least: dict[str, Any] = {"min_price": {"before_taxes": 20}, "id": "LEAST"}
    await volt.publish("tariffs", *city.tariffs(OURS, MORNING), {**city.tariffs(OURS, MORNING)[2], **least})
    places = city.locations(OURS, MORNING, count=4)
    await volt.publish("locations", *({**each, "publish": each["id"] != PRIVATE} for each in places))
    partners = {}
    for release, party in PARTIES.items():
        partner = partners[release] = await market.platform(party, f"EMSP:SE:{party}")
        await partner.publish("tokens", cards(party))
        await market.connect(volt, partner, release)
        await partner.pulled("volt", "locations", "tariffs")
        await volt.pulled(party, "tokens")
    stations = volt.node.stations
    assert isinstance(stations, Simulator)
    await volt.until(lambda tx: all(stations.knows(place) for place in PLACES.values()))
    for release, party in PARTIES.items():
        allowed = await stations.swipe(PLACES[release], card_of(party))
        assert allowed.allowed, allowed
    for partner in partners.values():
        await partner.until(lambda tx: objects.listing(tx, "cdrs", theirs=True))
        await partner.until(completed)
    await volt.told_everything()
    yield Street(volt, partners, market)
    await market.close()


def completed(tx: Tx) -> bool:
    return any(each["status"] == "COMPLETED" for each in by_id(objects.listing(tx, "sessions", theirs=True)).values())


async def the_only(partner: Platform, kind: str) -> Document:
    (found,) = (await partner.theirs(kind)).values()
    return found


@pytest.mark.parametrize("release", RELEASES)
async def test_each_has_its_own_charge_and_no_other(street: Street, release: str) -> None:
    session, cdr = [await the_only(street.partners[release], kind) for kind in ("sessions", "cdrs")]
    mine = (await street.volt.ours("cdrs"))[cdr["id"]]
    assert mine["cdr_token"]["party_id"] == PARTIES[release]
    assert cdr["cdr_token"]["contract_id"] == session["cdr_token"]["contract_id"] == mine["cdr_token"]["contract_id"]
    for name in ("start_date_time", "end_date_time", "total_energy", "currency"):
        assert cdr[name] == mine[name]
    assert cdr["total_cost"]["before_taxes"] == mine["total_cost"]["before_taxes"]
    assert session["kwh"] == mine["total_energy"]
    assert len(street.partners[release].gate.asked("POST", "/cdrs")) == 1


@pytest.mark.parametrize("release", RELEASES)
async def test_each_reads_the_same_in_its_own_words(street: Street, release: str) -> None:
    body = wire.decode(street.partners[release].gate.asked("POST", "/cdrs")[0].body)
    (mine,) = (
        each for each in (await street.volt.ours("cdrs")).values() if each["cdr_token"]["party_id"] == PARTIES[release]
    )
    cost, energy = mine["total_cost"], mine["total_energy"]
    words = {
        "2.1.1": {"total_cost": cost["before_taxes"], "auth_id": mine["cdr_token"]["contract_id"]},
        "2.2.1": {"total_cost": {"excl_vat": cost["before_taxes"], "incl_vat": with_taxes(cost)}},
        "2.3.0": {"total_cost": cost},
    }[release]
    assert {name: body[name] for name in words} == words
    assert body["total_energy"] == energy
    place = body["location"] if release == "2.1.1" else body["cdr_location"]
    assert place["id"] == PLACES[release].location_id
    assert ("party_id" in body) == (release != "2.1.1")
    assert ("stop_date_time" in body) == (release == "2.1.1")


def with_taxes(cost: Document) -> Any:
    return cost["before_taxes"] + sum(tax["amount"] for tax in cost["taxes"])


@pytest.mark.parametrize("release", RELEASES)
async def test_lists_show_each_its_own(street: Street, release: str) -> None:
    (cdr,) = await street.data(release, "cdrs")
    (session,) = await street.data(release, "sessions?date_from=2020-01-01T00:00:00Z")
    assert cdr["id"] == (await the_only(street.partners[release], "cdrs"))["id"]
    assert session["id"] == (await the_only(street.partners[release], "sessions"))["id"]
    assert (await street.ask(release, "cdrs")).answer_headers["X-Total-Count"] == "1"


@pytest.mark.parametrize("release", RELEASES)
async def test_a_private_location_is_withheld_where_it_cannot_be_said_to_be_private(
    street: Street, release: str
) -> None:
    seen = {"L001", "L002", "L004"} | ({PRIVATE} if release != "2.1.1" else set())
    assert (await street.partners[release].theirs("locations")).keys() == seen
    got = await street.ask(release, "locations")
    assert int(got.answer_headers["X-Total-Count"]) == len(seen)
    single = await street.ask(release, f"locations/{PRIVATE}")
    assert single.status == (404 if release == "2.1.1" else 200)
    if release == "2.1.1":
        # A charge there is told all the same, with the place in it.
        session = street.partners[release].gate.asked("PUT", "/sessions/")[-1].document
        assert session["location"]["id"] == PRIVATE


@pytest.mark.parametrize("release", RELEASES)
async def test_a_least_price_is_withheld_where_there_are_no_words_for_it(street: Street, release: str) -> None:
    expected = {"AC", "NIGHT", "DC"} | ({"LEAST"} if release != "2.1.1" else set())
    assert (await street.partners[release].theirs("tariffs")).keys() == expected
    assert int((await street.ask(release, "tariffs")).answer_headers["X-Total-Count"]) == len(expected)


async def test_one_change_is_told_to_all_in_their_words(street: Street) -> None:
    stamp = timestamp(before_now(hours=1))
    tariff = (await street.volt.ours("tariffs"))["AC"]
    dear = {"price_components": [{"type": "ENERGY", "price": 9, "vat": 25, "step_size": 1}]}
    await street.volt.publish("tariffs", {**tariff, "elements": [dear], "last_updated": stamp})
    await street.volt.told_everything()
    for release, partner in street.partners.items():
        (put,) = partner.gate.asked("PUT", "/tariffs/")
        assert put.path.split("/")[2] == release
        assert (await partner.theirs("tariffs"))["AC"]["elements"][0]["price_components"][0]["price"] == 9


async def test_nobody_sees_faults(street: Street) -> None:
    everybody = (street.volt, *street.partners.values())
    assert [await each.faults() for each in everybody] == [[]] * 4
    await asyncio.gather(*(each.told_everything() for each in everybody))
