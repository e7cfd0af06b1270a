"""Who sees what of ours, in lists and counts, and who is told of it."""

from typing import Any

import pytest

from evmesh.ocpi.status_codes import InvalidParameter
from evmesh.ports import Document, Partner
from evmesh.roaming import lists, publish, visibility
from evmesh.roaming.node import Node, Roaming
from tests.roaming.calls import (
    DOCUMENTS,
    EMS,
    RELEASES,
    Clock,
    befriend,
    call,
    cdr,
    data,
    location,
    session,
    stamp,
    tariff,
    token,
)

NRD = ("NO", "NRD")
ELSE = ("DE", "ELS")


async def ours(node: Node, kind: str, *documents: Document) -> None:
    for document in documents:
        await node.store.write(lambda tx, d=document: publish.publish(tx, node, kind, d, partners=[]))


async def ids(node: Node, partner: Partner, kind: str, **query: Any) -> list[str]:
    """What a list shows, whose count must agree with it."""
    if kind == "sessions":
        query = {"date_from": stamp(-600)} | query
    answer = await lists.listing(node, call(partner, f"{kind}.sender.list", query=query), kind)
    shown = [item.get("id") or item["uid"] for item in data(answer)]
    assert answer.page is not None
    if answer.page.next_query is None:
        assert answer.page.total == int(query.get("offset", 0)) + len(shown)
    return shown


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("kind", "role"), [("locations", "EMSP"), ("tariffs", "EMSP"), ("tokens", "CPO")])
async def test_where_a_connection_has_one_party_only_its_objects_are_seen(
    node: Node, release: str, kind: str, role: str
) -> None:
    partner = await befriend(node, release=release, roles=((role, EMS),))
    make = DOCUMENTS[kind]
    await ours(node, kind, make(("SE", "VLT"), "A"), make(NRD, "B"))  # type: ignore[operator]

    assert await ids(node, partner, kind) == (["A"] if release == "2.1.1" else ["A", "B"])


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("kind", ["sessions", "cdrs"])
async def test_sessions_and_cdrs_are_shown_to_whose_token_was_used(node: Node, release: str, kind: str) -> None:
    partner = await befriend(node, release=release)
    other = await befriend(node, "other", release=release, roles=(("EMSP", ELSE),))
    make: Any = {"sessions": session, "cdrs": cdr}[kind]
    await ours(node, "locations", location())
    await ours(node, kind, make(id="1"), make(id="2", driver=ELSE), make(id="3", driver=("se", "ems")))

    assert await ids(node, partner, kind) == ["1", "3"]
    assert await ids(node, other, kind) == ["2"]


@pytest.mark.parametrize("kind", DOCUMENTS)
async def test_who_is_no_receiver_of_a_module_sees_nothing(node: Node, kind: str) -> None:
    role = "EMSP" if kind == "tokens" else "CPO"
    partner = await befriend(node, roles=((role, EMS),))
    document = DOCUMENTS[kind](("SE", "VLT"))  # type: ignore[operator]
    await ours(node, kind, document)

    assert await ids(node, partner, kind) == []
    assert visibility.receivers(node, [partner], kind, document) == []


async def test_who_offers_no_receiver_endpoint_is_not_told(node: Node) -> None:
    deaf = await befriend(node, "deaf", modules=["tariffs"])
    hears = await befriend(node, "hears")
    sends_only = await befriend(node, "sends")
    sends_only.endpoints = [each for each in sends_only.endpoints if each["role"] == "SENDER"]

    told = visibility.receivers(node, [deaf, hears, sends_only], "locations", location())

    assert [partner.name for partner in told] == ["hears"]


@pytest.mark.parametrize("status", ["invited", "suspended", "removed"])
async def test_only_registered_partners_are_told(node: Node, status: Any) -> None:
    partner = await befriend(node)
    partner.status = status

    assert visibility.receivers(node, [partner], "locations", location()) == []


@pytest.mark.parametrize("release", RELEASES)
async def test_a_push_goes_where_a_list_would_show_it(node: Node, release: str) -> None:
    one = await befriend(node, "one", release=release)
    two = await befriend(node, "two", release=release, roles=(("EMSP", ELSE),), our_party=NRD)
    cases = [(kind, make(owner)) for kind, make in DOCUMENTS.items() for owner in (("SE", "VLT"), NRD)]  # type: ignore[operator]
    await ours(node, "locations", location(), location(NRD))

    for number, (kind, document) in enumerate(cases):
        document |= {"uid" if kind == "tokens" else "id": f"X{number}"}
        await ours(node, kind, document)
        told = visibility.receivers(node, [one, two], kind, document)
        shown = [p for p in (one, two) if f"X{number}" in await ids(node, p, kind)]
        assert told == shown, (kind, document)


async def test_dates_are_inclusive_and_exclusive(node: Node) -> None:
    partner = await befriend(node)
    await ours(node, "tariffs", *(tariff(id=f"T{n}", at=-n) for n in (3, 2, 1)))

    assert await ids(node, partner, "tariffs", date_from=stamp(-2)) == ["T2", "T1"]
    assert await ids(node, partner, "tariffs", date_to=stamp(-2)) == ["T3"]
    assert await ids(node, partner, "tariffs", date_from=stamp(-2), date_to=stamp(-1)) == ["T2"]


async def test_pages_follow_their_links_or_count_offsets(node: Node) -> None:
    partner = await befriend(node)
    await ours(node, "tariffs", *(tariff(id=f"T{n}") for n in range(7)))

    linked: list[str] = []
    query: dict[str, str] | None = {"limit": "3"}
    while query is not None:
        answer = await lists.listing(node, call(partner, "tariffs.sender.list", query=query), "tariffs")
        assert answer.page is not None
        assert (answer.page.total, answer.page.limit) == (7, 3)
        linked += [item["id"] for item in data(answer)]
        query = answer.page.next_query
    counted = [id for offset in (0, 3, 6) for id in await ids(node, partner, "tariffs", offset=str(offset), limit="3")]

    assert linked == counted == [f"T{n}" for n in range(7)]


async def test_the_last_page_has_no_link_even_when_it_is_full(node: Node) -> None:
    partner = await befriend(node)
    await ours(node, "tariffs", *(tariff(id=f"T{n}") for n in range(4)))

    answer = await lists.listing(
        node, call(partner, "tariffs.sender.list", query={"limit": "2", "offset": "2"}), "tariffs"
    )

    assert answer.page is not None
    assert answer.page.next_query is None


async def test_an_empty_list_is_a_list(node: Node) -> None:
    partner = await befriend(node)

    answer = await lists.listing(node, call(partner, "tariffs.sender.list"), "tariffs")

    assert answer.data == b"[]"
    assert answer.page is not None
    assert answer.page.total == 0


async def test_the_cap_bounds_the_limit(node: Node) -> None:
    node.settings = Roaming(page_limits={"tariffs": 2})
    partner = await befriend(node)
    await ours(node, "tariffs", *(tariff(id=f"T{n}") for n in range(3)))

    answer = await lists.listing(node, call(partner, "tariffs.sender.list", query={"limit": "500"}), "tariffs")

    assert answer.page is not None
    assert answer.page.limit == 2
    assert len(data(answer)) == 2
    assert Roaming().page_limit("tariffs") >= 100


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "-1"},
        {"limit": "0"},
        {"limit": "many"},
        {"offset": "-1"},
        {"offset": "1.5"},
        {"offset": "٣"},
        {"date_from": "yesterday"},
        {"date_to": "2026-02-30T00:00:00Z"},
        {"cursor": "x"},
    ],
)
async def test_what_makes_no_sense_is_named(node: Node, query: dict[str, str]) -> None:
    partner = await befriend(node)

    with pytest.raises(InvalidParameter, match=next(iter(query))):
        await lists.listing(node, call(partner, "tariffs.sender.list", query=query), "tariffs")


async def test_absurd_numbers_are_no_failure(node: Node) -> None:
    partner = await befriend(node)
    await ours(node, "tariffs", tariff())

    for query in ({"offset": "9" * 40}, {"cursor": "9" * 40}):
        answer = await lists.listing(node, call(partner, "tariffs.sender.list", query=query), "tariffs")
        assert data(answer) == []
    assert await ids(node, partner, "tariffs", limit="9" * 40) == ["T1"]


async def test_sessions_are_asked_for_from_a_date_on(node: Node) -> None:
    partner = await befriend(node)

    with pytest.raises(InvalidParameter, match="date_from"):
        await lists.listing(node, call(partner, "sessions.sender.list"), "sessions")


async def test_what_a_release_cannot_say_is_neither_shown_nor_counted(node: Node) -> None:
    old, new = await befriend(node, "old", "2.1.1"), await befriend(node, "new", "2.2.1")
    await ours(node, "locations", location(id="A"), location(id="B", publish=False), location(id="C"))

    assert await ids(node, old, "locations") == ["A", "C"]
    assert await ids(node, new, "locations") == ["A", "B", "C"]


async def test_a_tariff_of_the_future_appears_in_2_1_1_when_it_begins(node: Node, clock: Clock) -> None:
    old, new = await befriend(node, "old", "2.1.1"), await befriend(node, "new", "2.2.1")
    await ours(node, "tariffs", tariff(id="A", at=-120), tariff(id="B", at=-120, start_date_time=stamp(30)))

    assert await ids(node, new, "tariffs") == ["A", "B"]
    assert await ids(node, old, "tariffs") == ["A"]
    clock.forward(30 * 60)
    assert await ids(node, old, "tariffs") == ["A", "B"]
    assert await ids(node, old, "tariffs", date_from=stamp(1)) == ["B"]


async def test_a_session_of_2_1_1_appears_when_its_location_does(node: Node) -> None:
    partner = await befriend(node, release="2.1.1")
    await ours(node, "sessions", session())

    assert await ids(node, partner, "sessions") == []
    await ours(node, "locations", location())
    assert await ids(node, partner, "sessions") == ["S1"]


async def test_a_private_location_stands_in_its_drivers_session(node: Node) -> None:
    partner = await befriend(node, release="2.1.1")
    await ours(node, "locations", location(publish=False))
    await ours(node, "sessions", session())

    assert await ids(node, partner, "locations") == []
    assert await ids(node, partner, "sessions") == ["S1"]


async def test_a_stamp_ahead_of_our_clock_hides_nothing(node: Node) -> None:
    partner = await befriend(node)
    await ours(node, "tariffs", tariff(at=5))

    assert await ids(node, partner, "tariffs") == ["T1"]


async def test_lists_follow_changes(node: Node) -> None:
    partner = await befriend(node)
    await ours(node, "tokens", token(("SE", "VLT")))
    cpo = await befriend(node, "cpo", roles=(("CPO", ELSE),))
    assert await ids(node, partner, "tokens") == []

    await ours(node, "tokens", token(("SE", "VLT"), at=1, valid=False))
    answer = await lists.listing(node, call(cpo, "tokens.sender.list"), "tokens")

    assert [item["valid"] for item in data(answer)] == [False]
