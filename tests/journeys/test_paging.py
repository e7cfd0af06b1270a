"""A thousand Locations by pages, asked for as partners ask: by following links, by counting, filtered, while more come.

One node for all; what a test changes it changes for the next as well, so each speaks of what it counts itself.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.types import timestamp
from evmesh.roaming.node import Roaming
from tests.journeys.gate import Exchange
from tests.journeys.platforms import Market, Platform, before_now, raw
from tests.roaming.calls import location

OURS = ("SE", "VLT")
THOUSAND = 1000
CAP = 150
FIRST = before_now(days=2)
"""Each Location is a minute younger than the one before."""


def stamp(number: int) -> str:
    return timestamp(FIRST + timedelta(minutes=number))


def numbered(number: int) -> dict[str, Any]:
    return {**location(OURS, f"L{number:04d}"), "evses": [], "last_updated": stamp(number)}


@dataclass
class Shop:
    """A CPO with a thousand Locations, and what its partner calls it with."""

    volt: Platform
    token: str

    async def page(self, query: str = "", url: str | None = None) -> Exchange:
        got = await raw("GET", url or f"{self.volt.gate.url}/ocpi/2.2.1/sender/locations{query}", self.token)
        assert (got.status, got.status_code) == (200, 1000)
        return got

    async def walk(self, query: str = "") -> list[str]:
        """All ids, by following the links."""
        found, url = [], None
        while True:
            got = await self.page(query, url)
            found += ids(got)
            url = link(got)
            if url is None:
                return found


def ids(page: Exchange) -> list[str]:
    return [each["id"] for each in wire.decode(page.answer)["data"]]


def link(page: Exchange) -> str | None:
    header = page.answer_headers.get("Link")
    if header is None:
        return None
    found = re.fullmatch(r'<([^>]+)>; rel="next"', header)
    assert found is not None, header
    return found[1]


def total(page: Exchange) -> int:
    return int(page.answer_headers["X-Total-Count"])


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    market = Market(tmp_path_factory.mktemp("shop"))
    volt = await market.platform("volt", "CPO:SE:VLT", roaming=Roaming(page_limits={"locations": CAP}))
    await volt.publish("locations", *(numbered(n) for n in range(THOUSAND)))
    driver = await market.platform("driver", "EMSP:SE:DRV", roaming=Roaming(pull_on_registration=False))
    await market.connect(volt, driver, "2.2.1")
    yield Shop(volt, await driver.token_for("volt"))
    await market.close()


async def test_following_links_shows_everything_once(shop: Shop) -> None:
    everything = await shop.walk()
    assert everything == [f"L{n:04d}" for n in range(len(everything))]
    assert len(everything) >= THOUSAND


async def test_a_page_holds_what_was_asked_for_and_at_most_the_cap(shop: Shop) -> None:
    for asked, shown in (("", CAP), ("?limit=10", 10), ("?limit=150", 150), ("?limit=5000", CAP), ("?limit=1", 1)):
        page = await shop.page(asked)
        assert len(ids(page)) == shown
        assert int(page.answer_headers["X-Limit"]) == shown
        assert total(page) >= THOUSAND


async def test_counting_offsets_shows_the_same_as_following_links(shop: Shop) -> None:
    counted: list[str] = []
    while more := ids(await shop.page(f"?offset={len(counted)}&limit=120")):
        counted += more
    assert counted == await shop.walk("?limit=90")


async def test_an_offset_beyond_the_end_is_an_empty_page(shop: Shop) -> None:
    page = await shop.page("?offset=1000000")
    assert ids(page) == []
    assert link(page) is None
    assert total(page) >= THOUSAND


async def test_the_last_page_has_no_link(shop: Shop) -> None:
    count = total(await shop.page())
    assert link(await shop.page(f"?offset={count - 10}&limit=10")) is None
    assert link(await shop.page(f"?offset={count - 10}&limit=9")) is not None


async def test_a_link_is_absolute_and_keeps_the_filters(shop: Shop) -> None:
    # A date that holds characters which must be escaped in a query.
    since = stamp(100).replace("Z", "+00:00")
    page = await shop.page(f"?date_from={quote(since)}&date_to={quote(stamp(400))}&limit=50")
    following = link(page)
    assert following is not None
    assert following.startswith(f"{shop.volt.gate.url}/ocpi/2.2.1/sender/locations?")
    query = parse_qs(urlsplit(following).query)
    assert query["date_from"] == [since]
    assert query["date_to"] == [stamp(400)]
    assert query["limit"] == ["50"]
    assert query["offset"] == ["50"]
    walked = await shop.walk(f"?date_from={quote(since)}&date_to={quote(stamp(400))}&limit=50")
    assert walked == [f"L{n:04d}" for n in range(100, 400)]


async def test_date_from_is_inclusive_and_date_to_exclusive(shop: Shop) -> None:
    page = await shop.page(f"?date_from={stamp(10)}&date_to={stamp(20)}")
    assert ids(page) == [f"L{n:04d}" for n in range(10, 20)]
    assert total(page) == 10
    assert ids(await shop.page(f"?date_from={stamp(10)}&date_to={stamp(10)}")) == []
    assert ids(await shop.page(f"?date_to={stamp(1)}")) == ["L0000"]


async def test_a_fraction_of_a_second_counts(shop: Shop) -> None:
    just_after = stamp(10).replace("Z", ".001Z")
    assert ids(await shop.page(f"?date_from={just_after}&date_to={stamp(12)}")) == ["L0011"]
    assert ids(await shop.page(f"?date_from={stamp(10)}&date_to={just_after}")) == ["L0010"]


async def test_what_comes_meanwhile_moves_nothing(shop: Shop) -> None:
    first = await shop.page("?limit=100")
    count = total(first)
    await shop.volt.publish("locations", *(numbered(n) for n in range(count, count + 20)))
    # One that was shown already changes: it is not shown again, and none is passed over.
    await shop.volt.publish("locations", {**numbered(5), "name": "Renamed", "last_updated": stamp(5000 - 3600)})
    rest, url = [], link(first)
    while url is not None:
        page = await shop.page(url=url)
        rest += ids(page)
        url = link(page)
    assert ids(first) + rest == [f"L{n:04d}" for n in range(count + 20)]
    assert total(await shop.page()) == count + 20


async def test_what_goes_meanwhile_hides_nothing_else(shop: Shop) -> None:
    first = await shop.page("?limit=100")
    count = total(first)
    gone = ids(first)[-1]
    await shop.volt.withdraw("locations", gone)
    url = link(first)
    assert url is not None
    assert ids(await shop.page(url=url))[0] == f"L{int(gone[1:]) + 1:04d}"
    assert total(await shop.page()) == count - 1
    await shop.volt.publish("locations", {**numbered(int(gone[1:])), "name": "Back", "last_updated": stamp(2000)})
