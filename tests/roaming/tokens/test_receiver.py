"""Partners' tokens: told apart by uid and type."""

from typing import Any

import pytest

from evmesh.ocpi.status_codes import InvalidParameter, NotFound
from evmesh.ports import Partner
from evmesh.roaming.node import Node
from evmesh.roaming.tokens import receiver
from evmesh.store import objects
from tests.roaming.calls import EMS, answer, befriend, call, data, document_of, say, stamp, token

UID = "04AABBCC"


async def ask(node: Node, partner: Partner, method: str, body: Any = None, uid: str = UID, **query: str) -> Any:
    given = call(partner, f"tokens.receiver.{method}", *EMS, uid, body=body, query=query)
    return data(await answer(receiver.handlers(node), given))


async def types(node: Node) -> list[str]:
    held = await node.store.read(lambda tx: objects.find(tx, "tokens", UID))
    return [document_of(each)["type"] for each in held]


async def test_uid_and_type_are_the_key(node: Node) -> None:
    partner = await befriend(node)
    for kind in ("RFID", "APP_USER"):
        await ask(node, partner, "put", await say(node, "tokens", token(type=kind), "2.2.1"), type=kind)

    assert await types(node) == ["RFID", "APP_USER"]
    assert (await ask(node, partner, "get", type="APP_USER"))["type"] == "APP_USER"
    assert (await ask(node, partner, "get", type="rfid"))["type"] == "RFID"
    assert (await ask(node, partner, "get"))["type"] == "RFID"


async def test_a_put_without_type_is_taken_by_its_body(node: Node) -> None:
    partner = await befriend(node)

    await ask(node, partner, "put", await say(node, "tokens", token(type="APP_USER"), "2.2.1"))

    assert await types(node) == ["APP_USER"]


async def test_a_put_whose_type_is_another_is_refused(node: Node) -> None:
    partner = await befriend(node)

    with pytest.raises(InvalidParameter):
        await ask(node, partner, "put", await say(node, "tokens", token(type="APP_USER"), "2.2.1"), type="RFID")
    assert await types(node) == []


@pytest.mark.parametrize("release", ["2.1.1", "2.2.1"])
async def test_without_type_the_only_token_of_a_uid_is_meant(node: Node, release: str) -> None:
    partner = await befriend(node, release=release)
    await ask(node, partner, "put", await say(node, "tokens", token(type="OTHER"), release))

    await ask(node, partner, "patch", {"valid": False, "last_updated": stamp(1)})

    assert (await ask(node, partner, "get"))["valid"] is False


async def test_2_1_1_has_no_type_in_its_urls(node: Node) -> None:
    partner = await befriend(node, release="2.1.1")
    said = await say(node, "tokens", token(type="OTHER"), "2.1.1")

    await ask(node, partner, "put", said, type="RFID")

    assert await ask(node, partner, "get", type="RFID") == said
    (held,) = await node.store.read(lambda tx: objects.find(tx, "tokens", UID))
    assert (held.country_code, held.party_id) == EMS


async def test_a_token_that_nobody_knows_is_404(node: Node) -> None:
    partner = await befriend(node)
    await ask(node, partner, "put", await say(node, "tokens", token(), "2.2.1"))

    for asked in ({"uid": "ELSE"}, {"type": "APP_USER"}):
        with pytest.raises(NotFound):
            await ask(node, partner, "get", **asked)
        with pytest.raises(NotFound):
            await ask(node, partner, "patch", {"last_updated": stamp()}, **asked)


async def test_a_patch_may_not_make_another_token_of_it(node: Node) -> None:
    partner = await befriend(node)
    await ask(node, partner, "put", await say(node, "tokens", token(), "2.2.1"))

    for change in ({"uid": "ELSE"}, {"type": "APP_USER"}):
        with pytest.raises(InvalidParameter):
            await ask(node, partner, "patch", {**change, "last_updated": stamp(1)})


async def test_a_token_is_found_by_its_contract(node: Node) -> None:
    partner = await befriend(node)
    await ask(node, partner, "put", await say(node, "tokens", token(contract_id="SE-EMS-C1"), "2.2.1"))

    held = await node.store.read(lambda tx: objects.token_of_contract(tx, "se-ems-c1"))

    assert document_of(held)["uid"] == UID
    assert await node.store.read(lambda tx: objects.token_of_contract(tx, "SE-EMS-C")) is None
