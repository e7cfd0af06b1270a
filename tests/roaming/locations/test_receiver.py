"""Partners' Locations, EVSEs and connectors: stored inside the Location, stamps rising, nothing going back."""

from typing import Any

import pytest

from evmesh.ocpi.status_codes import InvalidParameter, NotFound
from evmesh.ports import Document, Partner
from evmesh.roaming.locations import receiver
from evmesh.roaming.node import Node
from evmesh.store import objects
from tests.roaming.calls import (
    EMS,
    RELEASES,
    answer,
    befriend,
    call,
    connector,
    data,
    document_of,
    evse,
    location,
    say,
    stamp,
)

CPO = (("CPO", EMS),)
PLACES = {"location": ("LOC1",), "evse": ("LOC1", "E1"), "connector": ("LOC1", "E1", "1")}


async def ask(node: Node, partner: Partner, method: str, what: str, *path: str, body: Any = None) -> Any:
    given = call(partner, f"locations.receiver.{method}_{what}", *EMS, *path, body=body)
    return data(await answer(receiver.handlers(node), given))


async def with_location(node: Node, release: str, **fields: Any) -> tuple[Partner, Document]:
    partner = await befriend(node, release=release, roles=CPO)
    said = await say(node, "locations", location(EMS, **fields), release)
    await ask(node, partner, "put", "location", "LOC1", body=said)
    return partner, said


async def canonical(node: Node) -> Document:
    return document_of((await node.store.read(lambda tx: objects.find(tx, "locations", "LOC1")))[0])


@pytest.mark.parametrize("release", RELEASES)
async def test_location_evse_and_connector_are_got_from_one_document(node: Node, release: str) -> None:
    partner, said = await with_location(node, release)

    assert await ask(node, partner, "get", "location", "LOC1") == said
    assert await ask(node, partner, "get", "evse", "LOC1", "E2") == said["evses"][1]
    assert await ask(node, partner, "get", "connector", "LOC1", "E2", "1") == said["evses"][1]["connectors"][0]


@pytest.mark.parametrize("release", RELEASES)
async def test_an_evse_is_put_in_place_and_raises_the_location(node: Node, release: str) -> None:
    partner, said = await with_location(node, release)
    new = (await say(node, "locations", location(EMS, evses=[evse("E2", "CHARGING", at=5)]), release))["evses"][0]
    new["x_unknown"] = "kept"

    await ask(node, partner, "put", "evse", "LOC1", "E2", body=new)

    now = await ask(node, partner, "get", "location", "LOC1")
    assert now == {**said, "evses": [said["evses"][0], new], "last_updated": stamp(5)}
    assert (await canonical(node))["evses"][1]["status"] == "CHARGING"
    assert (await canonical(node))["last_updated"] == stamp(5)


@pytest.mark.parametrize("release", RELEASES)
async def test_a_new_evse_and_a_new_connector_are_added(node: Node, release: str) -> None:
    partner, said = await with_location(node, release)
    whole = await say(node, "locations", location(EMS, evses=[evse("E3", at=5)]), release)
    plug = {**whole["evses"][0]["connectors"][0], "id": "3", "last_updated": stamp(6)}

    await ask(node, partner, "put", "evse", "LOC1", "E3", body=whole["evses"][0])
    await ask(node, partner, "put", "connector", "LOC1", "E3", "3", body=plug)

    now = await ask(node, partner, "get", "location", "LOC1")
    assert [each["uid"] for each in now["evses"]] == ["E1", "E2", "E3"]
    assert [each["id"] for each in now["evses"][2]["connectors"]] == ["1", "2", "3"]
    assert now["evses"][2]["last_updated"] == now["last_updated"] == stamp(6)
    assert now["evses"][0] == said["evses"][0]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("what", "raised"), [("location", 0), ("evse", 1), ("connector", 2)])
async def test_a_patch_raises_all_above(node: Node, release: str, what: str, raised: int) -> None:
    partner, said = await with_location(node, release)
    field, value = {
        "location": ("name", "New"),
        "evse": ("status", "OUTOFORDER"),
        "connector": ("format", "CABLE"),
    }[what]
    change = {field: value, "last_updated": stamp(5)}

    await ask(node, partner, "patch", what, *PLACES[what], body=change)

    now = await ask(node, partner, "get", "location", "LOC1")
    levels = [now, now["evses"][0], now["evses"][0]["connectors"][0]]
    assert levels[raised][field] == value
    assert [each["last_updated"] for each in levels] == [stamp(5)] * (raised + 1) + [stamp()] * (2 - raised)
    assert now["evses"][1] == said["evses"][1]


@pytest.mark.parametrize("what", ["evse", "connector"])
async def test_a_patch_of_2_1_1_needs_no_stamp(node: Node, what: str) -> None:
    partner, _ = await with_location(node, "2.1.1")
    change = {"evse": {"status": "BLOCKED"}, "connector": {"format": "CABLE"}}[what]

    await ask(node, partner, "patch", what, *PLACES[what], body=change)

    now = await ask(node, partner, "get", what, *PLACES[what])
    assert now.items() >= change.items()
    assert now["last_updated"] == stamp()


@pytest.mark.parametrize("what", ["location", "evse", "connector"])
async def test_a_patch_of_2_2_1_needs_one(node: Node, what: str) -> None:
    partner, _ = await with_location(node, "2.2.1")

    with pytest.raises(InvalidParameter, match="last_updated"):
        await ask(node, partner, "patch", what, *PLACES[what], body={"last_known": 1})


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize("what", ["evse", "connector"])
async def test_what_is_older_changes_nothing(node: Node, method: str, what: str) -> None:
    partner, said = await with_location(node, "2.2.1", at=10)
    older = {"evse": evse("E1", "BLOCKED", at=9), "connector": connector("1", at=9, format="CABLE")}[what]

    await ask(node, partner, method, what, *PLACES[what], body=older)

    assert await ask(node, partner, "get", "location", "LOC1") == said


async def test_a_location_does_not_sink_to_the_stamp_of_its_evse(node: Node) -> None:
    partner, _ = await with_location(node, "2.2.1", at=10, evses=[evse("E1", at=1)])

    await ask(node, partner, "patch", "evse", "LOC1", "E1", body={"status": "BLOCKED", "last_updated": stamp(5)})

    now = await ask(node, partner, "get", "location", "LOC1")
    assert (now["evses"][0]["status"], now["last_updated"]) == ("BLOCKED", stamp(10))


@pytest.mark.parametrize("release", ["2.2.1", "2.3.0"])
async def test_uids_compare_without_case(node: Node, release: str) -> None:
    partner, _ = await with_location(node, release)

    await ask(node, partner, "patch", "evse", "loc1", "e1", body={"status": "BLOCKED", "last_updated": stamp(5)})

    statuses = [each["status"] for each in (await ask(node, partner, "get", "location", "LOC1"))["evses"]]
    assert statuses == ["BLOCKED", "AVAILABLE"]


async def test_in_2_1_1_with_case(node: Node) -> None:
    partner, _ = await with_location(node, "2.1.1")

    with pytest.raises(NotFound):
        await ask(node, partner, "patch", "evse", "LOC1", "e1", body={"status": "BLOCKED"})


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("location", ("NONE",)),
        ("evse", ("NONE", "E1")),
        ("evse", ("LOC1", "NONE")),
        ("connector", ("LOC1", "NONE", "1")),
        ("connector", ("LOC1", "E1", "NONE")),
    ],
)
@pytest.mark.parametrize("method", ["get", "patch"])
async def test_what_is_not_known_is_404(node: Node, method: str, what: str, path: tuple[str, ...]) -> None:
    partner, _ = await with_location(node, "2.2.1")
    change = None if method == "get" else {"last_updated": stamp(5)}

    with pytest.raises(NotFound):
        await ask(node, partner, method, what, *path, body=change)


async def test_an_evse_of_an_unknown_location_and_a_connector_of_an_unknown_evse_are_404(node: Node) -> None:
    partner, _ = await with_location(node, "2.2.1")

    with pytest.raises(NotFound):
        await ask(node, partner, "put", "evse", "NONE", "E1", body=evse())
    with pytest.raises(NotFound):
        await ask(node, partner, "put", "connector", "LOC1", "NONE", "1", body=connector())


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("evse", evse("E9", at=5)),
        ("evse", {"uid": "E1", "last_updated": stamp(5)}),
        ("evse", []),
        ("connector", connector("9", at=5)),
        ("connector", {"id": "1"}),
    ],
)
async def test_what_is_incomplete_or_something_else_is_refused(node: Node, what: str, body: Any) -> None:
    partner, said = await with_location(node, "2.2.1")

    with pytest.raises(InvalidParameter):
        await ask(node, partner, "put", what, *PLACES[what], body=body)
    assert await ask(node, partner, "get", "location", "LOC1") == said


@pytest.mark.parametrize(
    ("what", "change"),
    [("evse", {"uid": "E7"}), ("evse", {"status": None}), ("evse", {"connectors": []}), ("connector", {"id": "7"})],
)
async def test_a_patch_may_not_rename_or_empty(node: Node, what: str, change: Document) -> None:
    partner, said = await with_location(node, "2.2.1")

    if change == {"connectors": []}:
        # Read as it is: an EVSE without connectors is odd, not unusable.
        await ask(node, partner, "patch", what, *PLACES[what], body={**change, "last_updated": stamp(5)})
        assert (await ask(node, partner, "get", "evse", "LOC1", "E1"))["connectors"] == []
        return
    with pytest.raises(InvalidParameter):
        await ask(node, partner, "patch", what, *PLACES[what], body={**change, "last_updated": stamp(5)})
    assert await ask(node, partner, "get", "location", "LOC1") == said


@pytest.mark.parametrize("method", ["get", "put", "patch"])
@pytest.mark.parametrize("what", ["location", "evse", "connector"])
async def test_another_party_in_the_path_is_404(node: Node, method: str, what: str) -> None:
    partner, said = await with_location(node, "2.2.1")
    given = call(partner, f"locations.receiver.{method}_{what}", "NO", "NRD", *PLACES[what], body=said)

    with pytest.raises(NotFound):
        await answer(receiver.handlers(node), given)
