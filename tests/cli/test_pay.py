"""`evmesh invoice pay`: a file for the bank that closes what is owed, to the cent, and who is left out and why."""

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from evmesh import config
from tests.billing.charges import cdr, credit
from tests.cli.conftest import Evmesh
from tests.cli.test_invoice import MAY, SETTINGS, hold
from tests.cli.test_ledger import befriend

pytest.importorskip("sepaxml")

OURS, THEIRS = "SE4550000000058398257466", "DE89370400440532013000"


@pytest.fixture
def billed(volt: Path) -> Path:
    """A CPO that knows the accounts of both sides, and may collect from its partner."""
    known = f'iban = "{THEIRS}"\nmandate = {{ id = "M-1", signed_on = 2026-01-01 }}\n[[billing.customer]]\ncontract'
    settings = SETTINGS.replace("[billing]", '[billing]\ncreditor_id = "SE97ZZZ1234567890"')
    path = volt / config.FILE
    path.write_text(path.read_text() + settings.replace("[[billing.customer]]\ncontract", known))
    asyncio.run(befriend(volt))
    return volt


def said(path: Path, name: str) -> list[str]:
    return [each.text or "" for each in ET.parse(path).getroot().iter() if each.tag.endswith("}" + name)]


def test_what_we_owe_is_transferred(evmesh: Evmesh, billed: Path, tmp_path: Path) -> None:
    """The invoice that we wrote for the partner, what it gets back from ours, and its own invoice to us."""
    hold(billed, [cdr(1), credit(2, 1)], [cdr(1, "10", place="DEU") | {"country_code": "DE", "party_id": "DRV"}])
    evmesh("-C", billed, "invoice", "run", *MAY)
    evmesh("-C", billed, "invoice", "run", "--self-billing", *MAY)
    amounts = ("--before-taxes", "5", "--after-taxes", "5.95", "--currency", "EUR")
    evmesh("-C", billed, "reconcile", "B-7", "--partner", "drive", *amounts)
    path = tmp_path / "transfers.xml"
    paid = evmesh(
        "-C", billed, "invoice", "pay", "--format", "pain.001", "--output", path, "--date", "2026-06-10", "--json"
    )
    assert [(each["number"], each["amount"], each["date"]) for each in paid.json["payments"]] == [
        ("CRN-2026-00001", "3.46", "2026-06-10"), ("SB-DRIVE-2026-00001", "11.90", "2026-07-02"),
        ("B-7", "5.95", "2026-06-10"),
    ]  # fmt: skip
    assert said(path, "InstdAmt") == ["3.46", "5.95", "11.90"]
    assert said(path, "IBAN").count(THEIRS) == 3
    assert set(said(path, "IBAN")) == {OURS, THEIRS}
    assert paid.json["left_out"] == []

    evmesh("-C", billed, "invoice", "mark", "SB-DRIVE-2026-00001", "paid")
    evmesh("-C", billed, "reconcile", "B-7", "--paid")
    left = evmesh("-C", billed, "invoice", "pay", "--format", "pain.001", "--output", path)
    assert "1 payments, 3.46 EUR" in left.out
    payable = next(
        each for each in evmesh("-C", billed, "ledger", "balances", "--json").json if each["side"] == "payable"
    )
    assert (payable["open"], payable["paid"]) == ("0", "17.85")


def test_what_is_owed_us_is_collected(evmesh: Evmesh, billed: Path, tmp_path: Path) -> None:
    hold(billed, [cdr(1)])
    evmesh("-C", billed, "invoice", "run", *MAY)
    path = tmp_path / "debits.xml"
    shown = evmesh("-C", billed, "invoice", "pay", "--format", "pain.008", "--partner", "drive", "--output", path)
    assert "INV-2026-00001" in shown.out
    assert (said(path, "InstdAmt"), said(path, "MndtId")) == (["3.46"], ["M-1"])
    other = evmesh("-C", billed, "invoice", "pay", "--format", "pain.008", "--partner", "x", "--output", path)
    assert "nothing to pay" in other.sentence


def test_who_is_left_out_is_told_and_why(evmesh: Evmesh, billed: Path, tmp_path: Path) -> None:
    """Another currency, a driver without a mandate, an invoice that does not agree with its CDRs."""
    path = tmp_path / "out.xml"
    token = cdr()["cdr_token"] | {"contract_id": "se-drv-c1"}
    hold(billed, [cdr(1), cdr(2, "10.30", currency="SEK")], [cdr(3, "10", cdr_token=token, party_id="DRV")])
    evmesh("-C", billed, "invoice", "run", *MAY)
    evmesh("-C", billed, "invoice", "run", "--driver", "SE-DRV-C1", *MAY[2:])
    shown = evmesh("-C", billed, "invoice", "pay", "--format", "pain.008", "--output", path, "--json")
    assert [each["number"] for each in shown.json["payments"]] == ["INV-2026-00001"]
    crowns, driver = shown.json["left_out"]
    assert "SEPA moves euros, not SEK" in crowns
    assert "DRV-2026-00001" in driver

    evmesh("-C", billed, "reconcile", "B-8", "--partner", "drive", "--before-taxes", "5", "--currency", "SEK")
    said = evmesh("-C", billed, "invoice", "pay", "--format", "pain.001", "--output", tmp_path / "none.xml")
    assert "B-8: SEPA moves euros, not SEK" in said.sentence
    assert not (tmp_path / "none.xml").exists()
