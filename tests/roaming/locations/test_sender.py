"""Our Locations as partners pull them one by one."""

from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.status_codes import NotFound
from evmesh.ports import Document, Partner
from evmesh.roaming import publish
from evmesh.roaming.locations import sender
from evmesh.roaming.node import Node
from tests.roaming.calls import EMS, RELEASES, answer, befriend, call, data, location, stamp

NRD = ("NO", "NRD")


async def ask(node: Node, partner: Partner, what: str, *path: str, **rest: Any) -> Any:
    return data(await answer(sender.handlers(node), call(partner, f"locations.sender.{what}", *path, **rest)))


async def ours(node: Node, *documents: Document) -> None:
    for document in documents:
        await node.store.write(lambda tx, d=document: publish.publish(tx, node, "locations", d, partners=[]))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("listed_before", [False, True])
async def test_single_ones_are_cut_from_what_the_list_shows(node: Node, release: str, listed_before: bool) -> None:
    partner = await befriend(node, release=release)
    await ours(node, location())
    if listed_before:
        await ask(node, partner, "list")
        await ours(node, location(at=1, name="Since changed"))

    one = await ask(node, partner, "get_location", "LOC1")
    place = await ask(node, partner, "get_evse", "LOC1", "E2")
    plug = await ask(node, partner, "get_connector", "LOC1", "E2", "1")

    assert one == (await ask(node, partner, "list"))[0]
    assert one["name"] == ("Since changed" if listed_before else "Harbour")
    assert wire.check("Location", one, release) == []
    assert (place, plug) == (one["evses"][1], one["evses"][1]["connectors"][0])


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("get_location", ("NONE",)),
        ("get_evse", ("LOC1", "NONE")),
        ("get_evse", ("NONE", "E1")),
        ("get_connector", ("LOC1", "E1", "NONE")),
    ],
)
async def test_what_is_not_there_is_404(node: Node, what: str, path: tuple[str, ...]) -> None:
    partner = await befriend(node)
    await ours(node, location())

    with pytest.raises(NotFound):
        await ask(node, partner, what, *path)


async def test_only_what_the_caller_sees(node: Node) -> None:
    old = await befriend(node, "old", "2.1.1")
    cpo = await befriend(node, "cpo", roles=(("CPO", EMS),))
    await ours(node, location(id="A"), location(NRD, "B"), location(id="C", publish=False))

    assert (await ask(node, old, "get_location", "A"))["id"] == "A"
    for partner, id in ((old, "B"), (old, "C"), (cpo, "A")):
        with pytest.raises(NotFound):
            await ask(node, partner, "get_location", id)


async def test_one_that_is_gone_is_404(node: Node) -> None:
    partner = await befriend(node)
    held = await node.store.write(lambda tx: publish.publish(tx, node, "locations", location(), partners=[]))
    await node.store.write(lambda tx: publish.retract(tx, node, held))

    with pytest.raises(NotFound):
        await ask(node, partner, "get_location", "LOC1")


async def test_an_id_of_two_of_our_parties_is_told_apart_by_whom_is_asked(node: Node) -> None:
    partner = await befriend(node)
    await ours(node, location(), location(NRD, name="Fjord"))

    assert (await ask(node, partner, "get_location", "LOC1", to_party=("no", "nrd")))["name"] == "Fjord"
    assert (await ask(node, partner, "get_location", "LOC1", to_party=("SE", "VLT")))["name"] == "Harbour"
    assert (await ask(node, partner, "get_location", "LOC1"))["last_updated"] == stamp()


async def test_ids_compare_as_the_release_compares_them(node: Node) -> None:
    new, old = await befriend(node, "new"), await befriend(node, "old", "2.1.1")
    await ours(node, location())

    assert (await ask(node, new, "get_evse", "loc1", "e1"))["uid"] == "E1"
    with pytest.raises(NotFound):
        await ask(node, old, "get_location", "loc1")
