"""The table `[billing]` of a node's settings: who we are to a tax office, who our partners are, which VAT applies."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from evmesh.billing.countries import TWO_LETTERS
from evmesh.billing.errors import CannotInvoice
from evmesh.billing.invoice import Company
from evmesh.billing.numbers import checked_pattern
from evmesh.billing.peppol import NUMBERS
from evmesh.billing.sepa import Mandate
from evmesh.billing.vat import BuyerKind, VatRule, checked_rule
from evmesh.billing.words import Language, PaidBy


class Customer(Company, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A partner as we call it, or a driver by contract: whom we invoice, or (self-billing) who is paid by us.

    `tariffs`: files with what this driver pays; `paid_by`: how this driver has paid already.
    """

    partner: str | None = None
    contract: str | None = None
    kind: BuyerKind = "business"
    buyer_reference: str | None = None
    order_reference: str | None = None
    contract_reference: str | None = None
    due_days: int | None = None
    language: Language = "en"
    tariffs: list[str] = []
    paid_by: PaidBy | None = None
    mandate: Mandate | None = None

    @property
    def company(self) -> Company:
        return Company(**{name: getattr(self, name) for name in Company.__struct_fields__})


class NumberPatterns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How each kind of document is numbered."""

    invoice: str = "INV-{year}-{number:05}"
    credit_note: str = "CRN-{year}-{number:05}"
    self_billed: str = "SB-{partner}-{year}-{number:05}"
    self_billed_credit_note: str = "SC-{partner}-{year}-{number:05}"
    driver: str = "DRV-{year}-{number:05}"
    driver_credit_note: str = "DRC-{year}-{number:05}"


class Billing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`line_limit`: with more charges than this they are grouped. `round_payable`: the smallest amount that is paid in
    a currency, where that is more than its coin. `time_zone`: whose months they are. `driver_tariffs`: files with
    what drivers pay, instead of what the CDRs cost. `drivers_paid_by`: they have paid already, so they get receipts.
    `creditor_id`: who we are to the banks of those whom we collect from."""

    company: Company | None = None
    customer: list[Customer] = []
    vat: list[VatRule] = []
    numbers: NumberPatterns = msgspec.field(default_factory=NumberPatterns)
    due_days: int = 30
    line_limit: int = 20
    time_zone: str = "Etc/UTC"
    round_payable: dict[str, Decimal] = {}
    attach_cdrs: bool = True
    driver_tariffs: list[str] = []
    drivers_paid_by: PaidBy | None = None
    page: Literal["a4", "us-letter"] = "a4"
    creditor_id: str | None = None


def checked(billing: Billing) -> Billing:
    """The settings, if invoices can be made by them; CannotInvoice names what is wrong."""
    for name in NumberPatterns.__struct_fields__:
        checked_pattern(getattr(billing.numbers, name))
    series = [getattr(billing.numbers, name) for name in NumberPatterns.__struct_fields__]
    for pattern in series:
        if series.count(pattern) > 1:
            raise CannotInvoice(f"two kinds of documents share the number pattern {pattern!r}")
    for number, rule in enumerate(billing.vat, 1):
        where = f"the {number}. [[billing.vat]]"
        checked_rule(rule, where)
        for country in (rule.seller, rule.buyer, rule.place):
            if country != "*":
                _must_exist(country, where)
    if billing.company is not None:
        _check_company(billing.company, "[billing.company]")
    for customer in billing.customer:
        where = f"[[billing.customer]] {customer.name}"
        _check_company(customer, where)
        if (customer.partner is None) == (customer.contract is None):
            raise CannotInvoice(f"{where}: it is a partner or a driver's contract, one of the two")
        if customer.partner is not None and (customer.tariffs or customer.paid_by):
            raise CannotInvoice(f"{where}: tariffs and paid_by are a driver's; a partner's stand in [[contract]]")
    for currency, step in billing.round_payable.items():
        if not step.is_finite() or step <= 0:
            raise CannotInvoice(f"billing.round_payable: {step} {currency} cannot be rounded to")
    if billing.line_limit < 0 or billing.due_days < 0:
        raise CannotInvoice("billing: line_limit and due_days cannot be below 0")
    return billing


def _check_company(company: Company, where: str) -> None:
    _must_exist(company.country, where)
    for scheme, number in ((company.endpoint_scheme, company.endpoint), (company.legal_scheme, company.legal_id)):
        if scheme in NUMBERS and number is not None:
            _, message, fits = NUMBERS[scheme]
            if not fits(number):
                raise CannotInvoice(f"{where}: {message} (scheme {scheme}), not {number!r}")


def _must_exist(country: str, where: str) -> None:
    if country.upper() not in TWO_LETTERS.values():
        raise CannotInvoice(f"{where}: no country is called {country!r}; two letters are needed, such as SE")
