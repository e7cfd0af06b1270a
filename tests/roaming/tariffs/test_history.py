"""Whatever way a tariff takes, its versions are kept: pushed, patched, pulled, published."""

import pytest

from evmesh.ocpi import wire
from evmesh.ports import Document
from evmesh.roaming import pull
from evmesh.roaming.node import Node
from evmesh.roaming.tariffs import receiver
from evmesh.store import tariff_history
from tests.roaming.calls import EMS, RELEASES, Clock, Peers, answer, befriend, call, page, say, stamp, tariff
from tests.roaming.sessions.charging import publish_all

CPO = (("CPO", EMS),)


async def kept(node: Node, partner_id: int, owner: str = "SE*EMS") -> list[Document | None]:
    """The versions; None is a deletion."""
    found = await node.store.read(lambda tx: tariff_history.versions(tx, partner_id, owner, "T1"))
    return [None if each.document is None else wire.decode(each.document) for each in found]


def currencies(versions: list[Document | None]) -> list[str | None]:
    return [each and each["currency"] for each in versions]


def in_(currency: str, at: float) -> Document:
    return tariff(EMS, at=at, currency=currency)


@pytest.mark.parametrize("release", RELEASES)
async def test_every_version_that_was_pushed(node: Node, release: str) -> None:
    partner = await befriend(node, release=release, roles=CPO)
    for currency, at in (("SEK", 0), ("EUR", 1), ("EUR", 1), ("DKK", 0.5)):
        body = await say(node, "tariffs", in_(currency, at), release)
        await answer(receiver.handlers(node), call(partner, "tariffs.receiver.put", *EMS, "T1", body=body))

    # The same again is no version, and neither is one that is older than what we have.
    assert currencies(await kept(node, partner.id)) == ["SEK", "EUR"]


async def test_what_was_patched_and_deleted_stays(node: Node) -> None:
    partner = await befriend(node, release="2.1.1", roles=CPO)
    handlers = receiver.handlers(node)
    body = await say(node, "tariffs", in_("SEK", 0), "2.1.1")
    await answer(handlers, call(partner, "tariffs.receiver.put", *EMS, "T1", body=body))
    await answer(handlers, call(partner, "tariffs.receiver.patch", *EMS, "T1", body={"currency": "EUR"}))
    await answer(handlers, call(partner, "tariffs.receiver.delete", *EMS, "T1"))

    assert currencies(await kept(node, partner.id)) == ["SEK", "EUR", None]


async def test_what_was_pulled(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    for currency, at in (("SEK", 0), ("EUR", 1)):
        peers.lists["tariffs.sender.list"] = [page(await say(node, "tariffs", in_(currency, at), "2.2.1"))]
        await pull.pull(node, partner, "tariffs", full=True)

    assert currencies(await kept(node, partner.id)) == ["SEK", "EUR"]


async def test_what_we_published(node: Node, clock: Clock) -> None:
    await publish_all(node, ("tariffs", tariff()))
    clock.forward(60)
    await publish_all(node, ("tariffs", tariff(at=1, currency="EUR")))

    assert [each and (each["currency"], each["last_updated"]) for each in await kept(node, 0, "SE*VLT")] == [
        ("SEK", stamp(0)),
        ("EUR", stamp(1)),
    ]
