"""Our own objects from files: what must not be taken in, and what is said of it once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ports import Partner
from evmesh.roaming import importing, publish
from evmesh.roaming.cdrs import invoicing
from evmesh.roaming.cdrs.invoicing import Month, Order
from evmesh.roaming.importing import Candidate, Imported
from evmesh.roaming.node import Node
from evmesh.store import deliveries, objects
from tests.roaming.calls import befriend, cdr
from tests.roaming.cdrs.test_billable import BILLING, CUSTOMER


@pytest.fixture
async def emsp(node: Node) -> Partner:
    return await befriend(node, "ems")


async def take(node: Node, at: float, net: int) -> Imported:
    found = Candidate("item 1", cdr(id="C1", at=at, total_cost={"before_taxes": net}))
    return await importing.take(node, "cdrs", [found])


async def tell(node: Node, emsp: Partner) -> None:
    (row,) = await node.store.write(lambda tx: deliveries.due(tx, node.clock(), 1, 60.0))
    push = await publish.prepare(node, emsp, row, patch_allowed=True)
    assert push is not None
    assert await node.store.write(lambda tx: deliveries.delivered(tx, row.id, push.change, push.told))


async def invoice(node: Node, emsp: Partner) -> None:
    order = Order(
        direction="sale", customer=CUSTOMER, partner=emsp, month=Month(2026, 3), issued_on=date(2026, 4, 1)
    )  # fmt: skip
    assert (await invoicing.run(node, BILLING, [order])).issued


@pytest.mark.parametrize("out", [tell, invoice])
async def test_a_cdr_that_is_out_does_not_change(node: Node, emsp: Partner, out: Any) -> None:
    assert (await take(node, 0, 4)).created == 1
    assert (await take(node, 1, 5)).replaced == 1, "nobody has it yet"
    await out(node, emsp)

    imported = await take(node, 2, 6)

    assert [(position, found.code) for position, found in imported.findings] == [("item 1", "cdr_is_out")]
    assert (imported.refused, imported.replaced) == (1, 0)
    held = await node.store.read(lambda tx: objects.find(tx, "cdrs", "C1"))
    assert wire.decode(held[0].document)["total_cost"] == {"before_taxes": 5}
    assert (await take(node, 1, 5)).unchanged == 1
    assert (await take(node, 0, 4)).stale == 1


async def test_what_is_wrong_is_said_once(node: Node) -> None:
    document = cdr(id="C1", charging_periods=[])
    found = importing.candidates(node, "cdrs", [("the object", wire.encode(document))], "2.3.0")

    imported = await importing.take(node, "cdrs", found)

    assert [(finding.code, finding.pointer) for _, finding in imported.findings] == [
        ("empty_list", "/charging_periods")
    ]
    assert imported.refused == 1
