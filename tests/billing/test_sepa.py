"""SEPA files: valid to their schemas, to the cent, and never for what cannot be paid."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from evmesh.billing import sepa
from evmesh.billing.errors import MissingExtra
from evmesh.billing.invoice import Company, Invoice

pytest.importorskip("sepaxml")
TODAY = date(2026, 6, 1)
US = Company(name="Volt Laddning AB", country="SE", iban="SE45 5000 0000 0583 9825 7466", bic="ESSESESS")
THEM = Company(name="Müller & Söhne GmbH", country="DE", iban="DE89370400440532013000")
MANDATE = sepa.Mandate(id="M-1", signed_on=date(2026, 1, 1))


def invoice(number: str = "INV-2026-00001", payable: str = "1204.50", **fields: Any) -> Invoice:
    amount = Decimal(payable)
    given = {
        "number": number, "type_code": "380", "direction": "sale", "issued_on": date(2026, 5, 31),
        "due_on": date(2026, 6, 30), "period_begin": date(2026, 5, 1), "period_end": date(2026, 5, 31),
        "currency": "EUR", "places": 2, "seller": US, "buyer": THEM, "lines": (), "vat": (), "rows": (),
        "net": amount, "tax": Decimal(0), "total": amount, "payable_rounding": Decimal(0), "payable": amount,
        "exact_net": amount, "rounding_difference": Decimal(0),
    }  # fmt: skip
    return Invoice(**(given | fields))


def bought(number: str = "SB-1", payable: str = "10.10", **fields: Any) -> Invoice:
    """An invoice that we write in a partner's name: we owe it."""
    given = {"type_code": "389", "direction": "self_billing", "seller": THEM, "buyer": US}
    return invoice(number, payable, **(given | fields))


def texts(content: bytes, name: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(content).iter() if each.tag.endswith("}" + name)]


def test_transfers_are_to_the_cent() -> None:
    payments = [sepa.payment(each, TODAY) for each in (bought(), bought("SB-2", "0.07"))]
    content = sepa.file("pain.001", payments, US)
    assert texts(content, "InstdAmt") == ["10.10", "0.07"]
    assert set(texts(content, "CtrlSum")) == {"10.17"}
    assert texts(content, "EndToEndId") == ["SB-1", "SB-2"]
    assert texts(content, "IBAN") == ["SE4550000000058398257466", THEM.iban, THEM.iban]
    assert sepa.total(payments) == Decimal("10.17")


def test_debits_carry_their_mandate() -> None:
    content = sepa.file("pain.008", [sepa.payment(invoice(), TODAY, MANDATE)], US, "SE97ZZZ1234567890")
    assert texts(content, "MndtId") == ["M-1"]
    assert texts(content, "InstdAmt") == ["1204.50"]
    assert texts(content, "ReqdColltnDt") == ["2026-06-30"]
    assert texts(content, "SeqTp") == ["RCUR"]


@pytest.mark.parametrize(
    ("type_code", "direction", "format"),
    [
        ("380", "sale", "pain.008"), ("381", "sale", "pain.001"), ("389", "self_billing", "pain.001"),
        ("261", "self_billing", "pain.008"),
    ],
)  # fmt: skip
def test_who_owes_is_told_by_the_document(type_code: str, direction: str, format: str) -> None:
    assert sepa.format_of(invoice(type_code=type_code, direction=direction)) == format


def test_what_is_overdue_is_paid_today() -> None:
    assert sepa.payment(bought(due_on=date(2026, 5, 1)), TODAY).on == TODAY
    assert sepa.payment(bought(due_on=None), TODAY).on == TODAY
    assert sepa.payment(bought(), TODAY).on == date(2026, 6, 30)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (bought(currency="SEK"), "SEPA moves euros, not SEK"),
        (bought(payable="0"), "there is nothing to pay"),
        (bought(payable="-1"), "there is nothing to pay"),
        (bought(payable="0.005"), "no whole number of cents"),
        (bought(seller=msgspec.structs.replace(THEM, iban=None)), "do not say the IBAN of Müller"),
        (bought(seller=msgspec.structs.replace(THEM, iban="DE88370400440532013000")), "check digits do not fit"),
        (bought(seller=msgspec.structs.replace(THEM, iban="12345")), "is no IBAN"),
        (invoice(), "has given no mandate"),
    ],
)
def test_what_cannot_be_paid_says_why(made: Invoice, said: str) -> None:
    with pytest.raises(sepa.CannotPay, match=said):
        sepa.payment(made, TODAY)


def test_without_an_account_there_is_no_file() -> None:
    payments = [sepa.payment(bought(), TODAY)]
    with pytest.raises(sepa.CannotPay, match=r"billing\.company"):
        sepa.file("pain.001", payments, None)
    with pytest.raises(sepa.CannotPay, match="nothing to pay"):
        sepa.file("pain.001", [], US)
    with pytest.raises(sepa.CannotPay, match="creditor_id"):
        sepa.file("pain.008", [sepa.payment(invoice(), TODAY, MANDATE)], US)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sepaxml", None)
    with pytest.raises(MissingExtra, match=r"evmesh\[sepa\]"):
        sepa.file("pain.001", [sepa.payment(bought(), TODAY)], US)


def test_a_reference_is_what_banks_pass_on() -> None:
    assert sepa.reference("INV/2026 №7") == "INV-2026--7"
    assert len(sepa.reference("x" * 99)) == 35
