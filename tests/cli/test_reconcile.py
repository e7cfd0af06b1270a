"""`evmesh reconcile`: what partners say stands on their invoices, held against what we hold."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evmesh import config
from evmesh.ocpi import wire
from evmesh.store import objects, partners
from evmesh.store.database import Store
from evmesh.store.transaction import Tx
from tests.cli.conftest import Evmesh
from tests.roaming.calls import cdr, record

FJD = ("NO", "FJD")


async def fill(folder: Path) -> None:
    settings = config.load(folder)
    store = await Store.open(settings.database, settings.secret_key)

    def put(tx: Tx, kind: str, partner: int, document: dict[str, Any]) -> None:
        key = "*".join((*FJD, document["id"])).casefold()
        text = wire.encode(document).decode()
        objects.put(tx, kind, partner, *FJD, document["id"], key, text, None, "2.3.0", datetime(2026, 6, 2, tzinfo=UTC))

    def run(tx: Tx) -> None:
        fjord = partners.insert(tx, "fjord", status="registered").id
        for id in ("C1", "C2", "C3"):
            put(tx, "cdrs", fjord, cdr(FJD, id))
        put(tx, "invoicereconciliation", fjord, record(FJD, "R1", "C1", "C2"))

    try:
        await store.write(run)
    finally:
        await store.close()


@pytest.fixture
def node(volt: Path) -> Path:
    asyncio.run(fill(volt))
    return volt


def test_the_sum_is_held_against_the_amount(node: Path, evmesh: Evmesh) -> None:
    (found,) = evmesh("-C", node, "reconcile", "--json").json
    assert found["sums"] == [{"currency": "SEK", "before_taxes": "8", "after_taxes": "10"}]
    assert found["agrees"] is True
    assert evmesh("-C", node, "reconcile", "INV-R1", "--after-taxes", "10.00").status == 0

    said = evmesh("-C", node, "reconcile", "inv-r1", "--before-taxes", "9", "--after-taxes", "10.00")
    assert said.status == 1
    assert "9 SEK before taxes are invoiced, 8 charged: +1 SEK" in " ".join(said.out.split())
    assert "invoice_disagrees" in evmesh("-C", node, "faults").out

    assert evmesh("-C", node, "reconcile", "INV-R1", "--before-taxes", "9", "--tolerance", "1").status == 0
    assert "invoice_disagrees" not in evmesh("-C", node, "faults").out


def test_what_is_misused_is_said(node: Path, evmesh: Evmesh) -> None:
    assert "name it" in evmesh("-C", node, "reconcile", "--before-taxes", "9").misuse
    assert "no amount" in evmesh("-C", node, "reconcile", "INV-R1", "--before-taxes", "nine").misuse
    assert "no amount" in evmesh("-C", node, "reconcile", "INV-R1", "--before-taxes", "NaN").misuse
    assert "told us of an invoice INV-9" in evmesh("-C", node, "reconcile", "INV-9").sentence
