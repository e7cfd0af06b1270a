"""`evmesh ledger`: what was charged, billed and paid between us and partners, and what is open."""

import asyncio
from pathlib import Path

import pytest

from evmesh import config
from evmesh.store import partners
from evmesh.store.database import Store
from tests.billing.charges import cdr, credit
from tests.cli.conftest import Evmesh
from tests.cli.test_invoice import MAY, SETTINGS, hold


async def befriend(folder: Path) -> None:
    """The partner `drive`, which charges our drivers, too."""
    settings = config.load(folder)
    store = await Store.open(settings.database, settings.secret_key)
    roles = [{"role": role, "country_code": "DE", "party_id": "DRV"} for role in ("CPO", "EMSP")]
    await store.write(lambda tx: partners.insert(tx, "drive", roles=roles, status="registered"))
    await store.close()


@pytest.fixture
def billed(volt: Path) -> Path:
    """A CPO that has invoiced its partner, and has an invoice of it."""
    path = volt / config.FILE
    path.write_text(path.read_text() + SETTINGS)
    asyncio.run(befriend(volt))
    hold(volt, [cdr(1), cdr(2), credit(3, 2)])
    return volt


@pytest.fixture
def two_way(evmesh: Evmesh, billed: Path) -> Path:
    assert evmesh("-C", billed, "invoice", "run", *MAY).status == 0
    amounts = ("--before-taxes", "5", "--currency", "EUR", "--date", "2026-06-10")
    assert evmesh("-C", billed, "reconcile", "B-7", "--partner", "drive", *amounts).status == 0
    return billed


def test_balances(evmesh: Evmesh, two_way: Path) -> None:
    theirs, ours = evmesh("-C", two_way, "ledger", "balances", "--date", "2026-07-15", "--json").json
    assert (ours["partner"], ours["side"], ours["currency"]) == ("drive", "receivable", "EUR")
    assert (ours["charged"], ours["not_billed"], ours["billed"]) == ("3.4567", "0", "3.46")
    assert (ours["open"], ours["by_age"]["up_to_60_days"], ours["by_age"]["up_to_30_days"]) == ("3.46", "3.46", "0")
    assert (theirs["side"], theirs["open"], theirs["charged"]) == ("payable", "5", "0")
    assert "they owe us" in evmesh("-C", two_way, "ledger", "balances", "--partner", "drive").out


def test_a_statement_tells_every_entry_and_what_is_open_after_it(evmesh: Evmesh, two_way: Path) -> None:
    evmesh("-C", two_way, "invoice", "mark", "INV-2026-00001", "cancelled")
    evmesh("-C", two_way, "reconcile", "B-7", "--paid", "--date", "2026-06-20")
    rows = evmesh("-C", two_way, "ledger", "statement", "drive", "--json").json
    billed = [each for each in rows if "CDR" not in each["what"]]
    assert [(each["what"], each["number"], each["amount"], each["open"]) for each in billed] == [
        ("our invoice", "INV-2026-00001", "6.92", "6.92"),
        ("our invoice", "CRN-2026-00001", "-3.46", "3.46"),
        ("their invoice", "B-7", "-5", "-1.54"),
        ("our invoice, taken back", "INV-2026-00001", "-6.92", "-8.46"),
        ("payment", "B-7/1", "5", "-3.46"),
    ]  # fmt: skip
    assert len(rows) == 8
    (last,) = evmesh("-C", two_way, "ledger", "statement", "drive", "--since", "2026-06-20", "--json").json[-1:]
    assert (last["date"], last["postings"]) == ("2026-06-20", {"invoices_payable": "5", "bank": "-5"})
    assert "8 entries" in evmesh("-C", two_way, "ledger", "statement", "drive").out
    assert "0 entries" in evmesh("-C", two_way, "ledger", "statement", "drive", "--currency", "SEK").out
    assert "0 entries" not in evmesh("-C", two_way, "ledger", "statement", "drive", "--currency", "eur").out


def test_what_both_owe_is_set_against_each_other(evmesh: Evmesh, two_way: Path) -> None:
    found = evmesh("-C", two_way, "ledger", "net", "drive", "--json").json
    assert [each["number"] for each in found["open"]] == ["CRN-2026-00001", "INV-2026-00001", "B-7"]
    assert found["net"] == [{"currency": "EUR", "owed_to_us": "3.46", "owed_by_us": "5", "net": "-1.54"}]
    assert "we pay drive 1.54" in evmesh("-C", two_way, "ledger", "net", "drive").out


def test_an_empty_book(evmesh: Evmesh, billed: Path) -> None:
    assert evmesh("-C", billed, "ledger", "balances", "--json").json == []
    assert "nothing is open with drive" in evmesh("-C", billed, "ledger", "net", "drive").out
    for command in (("net", "nobody"), ("statement", "nobody"), ("balances", "--partner", "nobody")):
        assert "no partner nobody" in evmesh("-C", billed, "ledger", *command).sentence
    assert "no date" in evmesh("-C", billed, "ledger", "statement", "drive", "--since", "May").misuse
