"""An invoice in the terms of EN 16931, as it is kept: everything that its documents say, and nothing of how.

All amounts are decimals of the currency's coins, except where a name says `exact`. A credit note says what is given
back as positive amounts. Texts are in the language of who reads it.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from evmesh.billing.vat import Category
from evmesh.billing.words import LANGUAGES, Language, PaidBy, Words

Direction = Literal["sale", "self_billing", "driver"]
"""We invoice a partner; we write a partner's invoice to us; we invoice a driver."""
TypeCode = Literal["380", "381", "389", "261"]
"""UNTDID 1001: invoice, credit note, self-billed invoice, self-billed credit note."""

CREDIT_NOTES = ("381", "261")


class Company(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """BG-4 or BG-7. `endpoint` with its scheme is the address that Peppol delivers to."""

    name: str
    country: str
    street: str | None = None
    street2: str | None = None
    postcode: str | None = None
    city: str | None = None
    vat_id: str | None = None
    legal_id: str | None = None
    legal_scheme: str | None = None
    endpoint: str | None = None
    endpoint_scheme: str | None = None
    contact: str | None = None
    phone: str | None = None
    email: str | None = None
    iban: str | None = None
    bic: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """BG-25. The price stands for the whole quantity (BT-149), so that amount = quantity × price to the cent."""

    id: str
    name: str
    description: str | None
    quantity: Decimal
    unit: Literal["KWH", "C62"]
    charges: int
    energy: Decimal
    amount: Decimal
    category: Category
    rate: Decimal
    begin: date
    end: date


class VatTotal(msgspec.Struct, frozen=True, kw_only=True):
    """BG-23: one category and rate."""

    category: Category
    rate: Decimal
    taxable: Decimal
    tax: Decimal
    reason: str | None = None
    reason_code: str | None = None


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver's charge is made of. `what` is a dimension of tariffs; `quantity` is in kWh, hours or pieces, and
    `price` for one of them, as the tariff says it."""

    what: str
    net: Decimal
    gross: Decimal | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    price_has_vat: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One CDR of the annex. `key` names it among all: country, party and id."""

    key: str
    id: str
    line: str
    start: datetime
    end: datetime
    location: str
    evse: str
    contract: str
    tariff: str
    energy: Decimal
    exact_net: Decimal
    components: tuple[Component, ...] = ()


class Preceding(msgspec.Struct, frozen=True):
    """BG-3: the invoice that a credit note gives back from."""

    number: str
    issued_on: date


class DirectDebit(msgspec.Struct, frozen=True):
    """By what the seller collects from the buyer's account: BT-89 and BT-90."""

    mandate: str
    creditor_id: str


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """`rounding_difference` is the total before VAT less what the CDRs say exactly; `payable_rounding` is BT-114."""

    number: str
    type_code: TypeCode
    direction: Direction
    issued_on: date
    due_on: date | None
    period_begin: date
    period_end: date
    currency: str
    places: int
    language: Language = "en"
    seller: Company
    buyer: Company
    buyer_reference: str | None = None
    order_reference: str | None = None
    contract_reference: str | None = None
    delivery_country: str | None = None
    preceding: tuple[Preceding, ...] = ()
    notes: tuple[str, ...] = ()
    paid_by: PaidBy | None = None
    debit: DirectDebit | None = None
    lines: tuple[Line, ...]
    vat: tuple[VatTotal, ...]
    rows: tuple[Row, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    payable_rounding: Decimal
    payable: Decimal
    exact_net: Decimal
    rounding_difference: Decimal

    @property
    def is_credit_note(self) -> bool:
        return self.type_code in CREDIT_NOTES

    @property
    def words(self) -> Words:
        return LANGUAGES[self.language]

    @property
    def title(self) -> str:
        return self.words.receipt if self.paid and not self.is_credit_note else self.words.titles[self.type_code]

    @property
    def paid(self) -> bool:
        return self.paid_by is not None

    @property
    def how_paid(self) -> str | None:
        """How money went already: from the driver, or back."""
        if self.paid_by is None:
            return None
        return self.words.refunded if self.is_credit_note else self.words.paid_by[self.paid_by]

    @property
    def paid_amount(self) -> Decimal:
        """BT-113."""
        return self.total + self.payable_rounding if self.paid else Decimal(0).scaleb(-self.places)


def remarks(invoice: Invoice) -> list[str]:
    """BG-1: the notes, and what the cents left over."""
    found = list(invoice.notes)
    if invoice.rounding_difference:
        words = invoice.words
        sign = "+" if invoice.rounding_difference > 0 else ""
        found.append(
            words.rounding_difference.format(
                exact=words.money(invoice.exact_net),
                difference=sign + words.money(invoice.rounding_difference),
                currency=invoice.currency,
            )
        )
    return found


def document(invoice: Invoice) -> dict[str, Any]:
    """For machines: decimals as exact strings, dates in ISO 8601."""
    found: dict[str, Any] = msgspec.json.decode(text(invoice))
    return found


def text(invoice: Invoice) -> bytes:
    """How an invoice is kept; the same invoice always gives the same bytes."""
    return _encoder.encode(invoice)


def read(document: bytes | str) -> Invoice:
    """The invoice that `text` wrote."""
    return _decoder.decode(document)


_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(Invoice)
