"""`evmesh reconcile`: what partners say stands on their invoices, held against what we hold, and into the ledger."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evmesh import config
from evmesh.ocpi import wire
from evmesh.roaming.cdrs import posting
from evmesh.roaming.invoicereconciliation import incoming
from evmesh.store import objects, partners
from evmesh.store.database import Store
from evmesh.store.transaction import Tx
from tests.cli.conftest import Evmesh
from tests.roaming.calls import cdr, record

FJD = ("NO", "FJD")
ROLES = [{"role": "CPO", "country_code": "NO", "party_id": "FJD"}]


async def fill(folder: Path) -> None:
    settings = config.load(folder)
    store = await Store.open(settings.database, settings.secret_key)

    def put(tx: Tx, kind: str, partner: int, document: dict[str, Any]) -> objects.Held:
        key = "*".join((*FJD, document["id"])).casefold()
        text = wire.encode(document).decode()
        at = datetime(2026, 6, 2, tzinfo=UTC)
        return objects.put(tx, kind, partner, *FJD, document["id"], key, text, None, "2.3.0", at)[1]

    def run(tx: Tx) -> None:
        partners.insert(tx, "other", status="registered", roles=ROLES)
        fjord = partners.insert(tx, "fjord", status="registered", roles=ROLES)
        for id in ("C1", "C2", "C3"):
            posting.claimed(tx, fjord, put(tx, "cdrs", fjord.id, cdr(FJD, id)), cdr(FJD, id))
        incoming.told(tx, fjord, put(tx, "invoicereconciliation", fjord.id, record(FJD, "R1", "C1", "C2")))

    try:
        await store.write(run)
    finally:
        await store.close()


@pytest.fixture
def node(volt: Path) -> Path:
    asyncio.run(fill(volt))
    return volt


def test_the_sum_is_held_against_the_amount_until_it_is_right_and_paid(node: Path, evmesh: Evmesh) -> None:
    (found,) = evmesh("-C", node, "reconcile", "--json").json
    assert found["sums"] == [{"currency": "SEK", "before_taxes": "8", "after_taxes": "10"}]
    assert (found["agrees"], found["said"], found["open"]) == (True, None, None)

    said = evmesh("-C", node, "reconcile", "inv-r1", "--before-taxes", "9", "--after-taxes", "10.00")
    assert said.status == 1
    assert "9 SEK before taxes are invoiced, 8 charged: +1 SEK" in " ".join(said.out.split())
    assert "invoice_disagrees" in evmesh("-C", node, "faults").out
    assert evmesh("-C", node, "reconcile").status == 1, "what was said is kept"

    right = ("--before-taxes", "8", "--after-taxes", "10.00", "--date", "2026-06-03", "--json")
    (found,) = evmesh("-C", node, "reconcile", "INV-R1", *right).json
    assert found["said"] == {"currency": "SEK", "before_taxes": "8", "after_taxes": "10", "day": "2026-06-03"}
    assert (found["invoice_id"], found["agrees"], found["open"]) == ("INV-R1", True, "10")
    assert "invoice_disagrees" not in evmesh("-C", node, "faults").out

    (found,) = evmesh("-C", node, "reconcile", "INV-R1", "--paid", "--json").json
    assert found["open"] == "0"


def test_a_partner_without_records_is_named(node: Path, evmesh: Evmesh) -> None:
    amount = ("--before-taxes", "100", "--currency", "EUR")
    assert "name the --partner" in evmesh("-C", node, "reconcile", "B-7", *amount).sentence
    assert (
        "there is no partner nobody" in evmesh("-C", node, "reconcile", "B-7", *amount, "--partner", "nobody").sentence
    )
    (found,) = evmesh("-C", node, "reconcile", "b-7", *amount, "--partner", "other", "--json").json
    assert (found["invoice_id"], found["records"], found["open"]) == ("B-7", [], "100")
    shown = evmesh("-C", node, "reconcile")
    assert "EUR 100 100 no record has come" in " ".join(shown.out.split())
    assert "2 invoices" in shown.out
    assert evmesh("-C", node, "reconcile", "B-7", "--withdrawn").status == 0
    assert len(evmesh("-C", node, "reconcile", "--json").json) == 1


def test_two_partners_may_give_the_same_number(node: Path, evmesh: Evmesh) -> None:
    amount = ("--before-taxes", "8", "--currency", "sek")
    assert evmesh("-C", node, "reconcile", "INV-R1", *amount, "--partner", "other").status == 0
    assert "name the --partner" in evmesh("-C", node, "reconcile", "INV-R1", *amount).sentence
    (found,) = evmesh("-C", node, "reconcile", "INV-R1", "--partner", "fjord", "--json").json
    assert found["partner"] == "fjord"


def test_what_is_misused_is_said(node: Path, evmesh: Evmesh) -> None:
    for words in (("--before-taxes", "9"), ("--paid",), ("--withdrawn",)):
        assert "name it" in evmesh("-C", node, "reconcile", *words).misuse
    for amount in ("nine", "NaN"):
        assert "no amount" in evmesh("-C", node, "reconcile", "INV-R1", "--before-taxes", amount).misuse
    amount = ("--before-taxes", "9", "--currency", "XKR")
    assert "no currency is called 'XKR'" in evmesh("-C", node, "reconcile", "INV-R1", *amount).misuse
    assert "--before-taxes too" in evmesh("-C", node, "reconcile", "INV-R1", "--after-taxes", "9").misuse
    assert "no date" in evmesh("-C", node, "reconcile", "INV-R1", "--paid", "--date", "soon").misuse
    assert "not paid" in evmesh("-C", node, "reconcile", "INV-R1", "--paid", "--withdrawn").misuse
    assert "told us of an invoice INV-9" in evmesh("-C", node, "reconcile", "INV-9").sentence
    assert "say first what it amounts to" in evmesh("-C", node, "reconcile", "INV-R1", "--paid").sentence
