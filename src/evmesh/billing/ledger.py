"""Double entry, for each partner and currency: what was charged, what was billed of it, what was paid of that.

    what happens                  debit                    credit
    a partner's CDR               costs                    cdrs_payable
    its invoice                   cdrs_payable, vat_paid   invoices_payable
    we pay                        invoices_payable         bank
    a CDR of ours                 cdrs_receivable          revenue
    our invoice                   invoices_receivable      cdrs_receivable, vat_owed
    we are paid                   bank                     invoices_receivable

An amount above 0 is a debit, one below a credit; those of an entry add up to nothing, or there is no such entry. A
credit CDR is a CDR of a negative amount, so it reverses what it takes back. What the cents of an invoice add to the
exact sum of its CDRs goes to `rounding`; what a partner's invoice asks for beyond its CDRs, to `differences`. Amounts
are exact: they have as many digits as they need.

Where the partner writes our invoice, or we write its, the accounts are those of whoever is owed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from evmesh.billing.errors import BillingError
from evmesh.billing.money import decimal

Side = Literal["payable", "receivable"]
"""Whether we owe, or are owed."""

Account = Literal[
    "costs", "revenue", "cdrs_payable", "cdrs_receivable", "invoices_payable", "invoices_receivable",
    "vat_paid", "vat_owed", "rounding", "differences", "bank",
]  # fmt: skip
Kind = Literal["cdr", "invoice", "payment"]


class DoesNotBalance(BillingError):
    """The postings of an entry do not add up to nothing."""


@dataclass(frozen=True, slots=True)
class Posting:
    account: Account
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """`subject` names what was posted: a CDR's key, an invoice's or a payment's number; with the side and the kind it
    is posted once. `reference` is the CDR that a credit takes back, or the invoice that a payment closes. `day` is
    the one that stands on the document."""

    side: Side
    kind: Kind
    subject: str
    currency: str
    postings: tuple[Posting, ...]
    reference: str | None = None
    day: date | None = None

    def __post_init__(self) -> None:
        left = sum((Fraction(posting.amount) for posting in self.postings), Fraction(0))
        if left:
            raise DoesNotBalance(f"{self.kind} {self.subject}: {decimal(left)} {self.currency} too much on one side")

    def on(self, account: Account) -> Decimal:
        """What it moves on one account."""
        return decimal(sum((Fraction(each.amount) for each in self.postings if each.account == account), Fraction(0)))


def cdr(side: Side, subject: str, currency: str, net: Fraction, *, takes_back: str | None = None) -> Entry:
    """A CDR, at its exact amount before taxes, which is negative in a credit."""
    left: tuple[Account, Account] = ("costs", "cdrs_payable") if side == "payable" else ("cdrs_receivable", "revenue")
    return Entry(side, "cdr", subject, currency, _moved(*left, net), takes_back)


def invoice(
    side: Side,
    number: str,
    currency: str,
    gathered: Fraction,
    *,
    net: Fraction,
    tax: Fraction,
    rounding: Fraction = Fraction(0),
    left_over: Literal["rounding", "differences"] = "rounding",
    day: date | None = None,
) -> Entry:
    """An invoice that gathers CDRs worth `gathered`, exact. `net` and `tax` are its totals, `rounding` what was added
    to make the sum payable; what is then left over is posted there. A credit note has negative amounts."""
    sign = 1 if side == "receivable" else -1
    total = net + tax + rounding
    parts: list[tuple[Account, Fraction]] = [
        (_named("invoices", side), total),
        (_named("cdrs", side), -gathered),
        ("vat_owed" if side == "receivable" else "vat_paid", -tax),
        (left_over, gathered + tax - total),
    ]
    postings = tuple(Posting(account, decimal(sign * amount)) for account, amount in parts if amount)
    return Entry(side, "invoice", number, currency, postings, day=day)


def payment(
    side: Side, number: str, of_invoice: str, currency: str, amount: Fraction, *, day: date | None = None
) -> Entry:
    """Money that came in or went out for an invoice."""
    account = _named("invoices", side)
    moved = _moved("bank", account, amount) if side == "receivable" else _moved(account, "bank", amount)
    return Entry(side, "payment", number, currency, moved, of_invoice, day)


def reversal(entry: Entry) -> Entry:
    """What takes an entry back: the same the other way round."""
    return replace(entry, postings=tuple(Posting(each.account, each.amount.copy_negate()) for each in entry.postings))


def balances(entries: Iterable[Entry]) -> dict[Account, Decimal]:
    """What stands on each account; together it is nothing. Accounts at nothing are left out."""
    sums: dict[Account, Fraction] = {}
    for entry in entries:
        for posting in entry.postings:
            sums[posting.account] = sums.get(posting.account, Fraction(0)) + Fraction(posting.amount)
    return {account: decimal(amount) for account, amount in sorted(sums.items()) if amount}


def owed(entry: Entry) -> Decimal:
    """What an entry adds to what is owed, whatever the side: a CDR until it is billed, an invoice until it is paid;
    below 0 for a credit and for a payment."""
    amount = entry.on(_named("cdrs" if entry.kind == "cdr" else "invoices", entry.side))
    return amount if entry.side == "receivable" else amount.copy_negate()


def total(entries: Iterable[Entry]) -> Fraction:
    """What entries add to what is owed, together."""
    return sum((Fraction(owed(entry)) for entry in entries), Fraction(0))


def still_open(invoice_entry: Entry, payments: Iterable[Entry]) -> Decimal:
    """What of an invoice has not been paid: above 0 whatever the side, below 0 for a credit note or what was paid too
    much."""
    mine = (entry for entry in payments if entry.kind == "payment" and entry.reference == invoice_entry.subject)
    return decimal(total((invoice_entry, *mine)))


def _moved(debit: Account, credit: Account, amount: Fraction) -> tuple[Posting, ...]:
    return Posting(debit, decimal(amount)), Posting(credit, decimal(-amount))


def _named(what: Literal["cdrs", "invoices"], side: Side) -> Account:
    if what == "cdrs":
        return "cdrs_payable" if side == "payable" else "cdrs_receivable"
    return "invoices_payable" if side == "payable" else "invoices_receivable"
