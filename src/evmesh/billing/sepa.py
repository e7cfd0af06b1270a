"""SEPA files for closing what invoices say is owed: credit transfers (pain.001) and direct debits (pain.008).

| document | who owes | file |
|---|---|---|
| invoice | the buyer us | pain.008, by mandate |
| credit note | we the buyer | pain.001 |
| self-billed invoice | we the seller | pain.001 |
| self-billed credit note | the seller us | pain.008, by mandate |
| partner's invoice | we the partner | pain.001 |
| invoice that the partner wrote for us | the partner us | pain.008, by mandate |

Each document is a payment of its own, with its number as reference. Needs the extra `sepa`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from evmesh.billing.errors import BillingError, MissingExtra
from evmesh.billing.invoice import Company, Invoice

Format = Literal["pain.001", "pain.008"]
WE_PAY = ("381", "389")
SCHEMAS: dict[Format, str] = {"pain.001": "pain.001.001.09", "pain.008": "pain.008.001.08"}
_LONGEST_REFERENCE = 35
_LETTERS = 55
"""From the code of a letter to its number in an IBAN: A is 10."""


class CannotPay(BillingError):
    """There is no SEPA payment for it; the sentence says why."""


class Mandate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a debtor signed. `first`: nothing was collected by it yet."""

    id: str
    signed_on: date
    first: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer or debit: with whom, how much (in cents), when, and the document that it closes."""

    other: Company
    iban: str
    cents: int
    on: date
    number: str
    text: str
    mandate: Mandate | None = None

    @property
    def amount(self) -> Decimal:
        return Decimal(self.cents).scaleb(-2)


def format_of(invoice: Invoice) -> Format:
    """Whether we pay the document or collect it."""
    return "pain.001" if invoice.type_code in WE_PAY else "pain.008"


def payment(invoice: Invoice, today: date, mandate: Mandate | None = None) -> Payment:
    """What closes an invoice that we wrote; CannotPay. It is due on the invoice's day, today at the earliest."""
    other = invoice.seller if invoice.direction == "self_billing" else invoice.buyer
    due = max(invoice.due_on or today, today)
    return closing(
        format_of(invoice), other, invoice.title, invoice.number, invoice.payable, invoice.currency, due, mandate
    )


def closing(
    format: Format,
    other: Company,
    title: str,
    number: str,
    amount: Decimal,
    currency: str,
    on: date,
    mandate: Mandate | None = None,
) -> Payment:
    """The payment of an amount that is open; CannotPay."""
    if currency != "EUR":
        raise CannotPay(f"{number}: SEPA moves euros, not {currency}")
    if amount <= 0:
        raise CannotPay(f"{number}: there is nothing to pay")
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise CannotPay(f"{number}: {amount} is no whole number of cents")
    if other.iban is None:
        raise CannotPay(f"{number}: the settings do not say the IBAN of {other.name}")
    if format == "pain.008" and mandate is None:
        raise CannotPay(f"{number}: {other.name} has given no mandate: add one to its [[billing.customer]]")
    given = mandate if format == "pain.008" else None
    return Payment(other, checked_iban(other.iban), int(cents), on, number, f"{title} {number}", given)


def file(format: Format, payments: list[Payment], company: Company | None, creditor_id: str | None = None) -> bytes:
    """The file, checked against its schema. CannotPay, MissingExtra."""
    if company is None or company.iban is None:
        raise CannotPay("the settings do not say from or to which account: add iban to [billing.company]")
    if not payments:
        raise CannotPay("there is nothing to pay")
    config: dict[str, Any] = {
        "name": company.name, "IBAN": checked_iban(company.iban), "batch": True, "currency": "EUR",
    }  # fmt: skip
    if company.bic is not None:
        config["BIC"] = company.bic
    try:
        import sepaxml
    except ImportError as error:
        raise MissingExtra("a SEPA file", "sepa") from error
    if format == "pain.001":
        made = sepaxml.SepaTransfer(config, schema=SCHEMAS[format])
    else:
        if creditor_id is None:
            raise CannotPay("the settings do not say who collects: add creditor_id to [billing]")
        made = sepaxml.SepaDD({**config, "creditor_id": creditor_id, "instrument": "CORE"}, schema=SCHEMAS[format])
    for each in payments:
        made.add_payment(_payment(each))
    content: bytes = made.export(validate=True)
    return content


def _payment(each: Payment) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": each.other.name,
        "IBAN": each.iban,
        "amount": each.cents,
        "description": each.text,
        "endtoend_id": reference(each.number),
    }
    if each.other.bic is not None:
        found["BIC"] = each.other.bic
    if each.mandate is None:
        return {**found, "execution_date": each.on}
    return {
        **found,
        "collection_date": each.on,
        "type": "FRST" if each.mandate.first else "RCUR",
        "mandate_id": each.mandate.id,
        "mandate_date": each.mandate.signed_on,
    }


def reference(number: str) -> str:
    """An invoice's number in the letters that banks pass on."""
    return re.sub(r"[^A-Za-z0-9+?().,'-]", "-", number)[:_LONGEST_REFERENCE]


def checked_iban(text: str) -> str:
    """Without spaces; CannotPay when its check digits are wrong. [ISO 13616]"""
    iban = re.sub(r"\s", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", iban):
        raise CannotPay(f"{text!r} is no IBAN")
    digits = "".join(each if each.isdigit() else str(ord(each) - _LETTERS) for each in iban[4:] + iban[:4])
    if int(digits) % 97 != 1:
        raise CannotPay(f"{text!r} is no IBAN: its check digits do not fit")
    return iban


def total(payments: list[Payment]) -> Decimal:
    return sum((each.amount for each in payments), Decimal(0))
