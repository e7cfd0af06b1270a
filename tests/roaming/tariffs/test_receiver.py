"""Partners' tariffs: put, patched in 2.1.1 alone, deleted."""

import pytest

from evmesh.ocpi.status_codes import NotFound
from evmesh.roaming.node import Node
from evmesh.roaming.tariffs import receiver
from tests.roaming.calls import EMS, OPERATIONS, RELEASES, answer, befriend, call, data, say, stamp, tariff

CPO = (("CPO", EMS),)


@pytest.mark.parametrize("release", RELEASES)
async def test_a_tariff_from_put_to_delete(node: Node, release: str) -> None:
    partner = await befriend(node, release=release, roles=CPO)
    handlers = receiver.handlers(node)
    said = await say(node, "tariffs", tariff(EMS), release)
    path = (*EMS, "T1")

    await answer(handlers, call(partner, "tariffs.receiver.put", *path, body=said))
    got = data(await answer(handlers, call(partner, "tariffs.receiver.get", *path)))
    await answer(handlers, call(partner, "tariffs.receiver.delete", *path))

    assert got == said
    for gone in ("get", "delete"):
        with pytest.raises(NotFound):
            await answer(handlers, call(partner, f"tariffs.receiver.{gone}", *path))


async def test_2_1_1_patches_tariffs_and_nobody_else(node: Node) -> None:
    partner = await befriend(node, release="2.1.1", roles=CPO)
    handlers = receiver.handlers(node)
    said = await say(node, "tariffs", tariff(EMS), "2.1.1")
    path = (*EMS, "T1")
    await answer(handlers, call(partner, "tariffs.receiver.put", *path, body=said))

    await answer(handlers, call(partner, "tariffs.receiver.patch", *path, body={"currency": "EUR"}))

    got = data(await answer(handlers, call(partner, "tariffs.receiver.get", *path)))
    assert got == {**said, "currency": "EUR", "last_updated": stamp()}
    assert OPERATIONS["tariffs.receiver.patch"].releases == ("2.1.1",)
