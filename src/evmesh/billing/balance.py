"""What stands between us and a partner, read from the entries of the ledger that count.

    expected: Sessions that ended and no CDR has followed, as they say themselves ─┐
    charged ─┬─ not billed: CDRs on no invoice yet, before taxes ──────────────────┴─ accruals
             └─ billed: invoices, with taxes ─┬─ paid
                                              └─ open, by the age of the invoice

Amounts are above 0 for whoever is owed: us where the side is receivable, the partner where it is payable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evmesh.billing import ledger
from evmesh.billing.checks import net_total
from evmesh.billing.ledger import Entry, Side
from evmesh.billing.money import decimal

AGES = (30, 60, 90)
"""Days since the invoice."""


@dataclass(frozen=True, slots=True)
class Open:
    """An invoice that is not paid, or not wholly; below 0 a credit note, or what was paid too much. `day` is None where
    the invoice was taken back and its payment is left."""

    number: str
    currency: str
    side: Side
    day: date | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Expected:
    """Sessions of the partner without a CDR, and what those cost together that say it."""

    sessions: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    """One side in one currency. `by_age` are the open amounts: `up_to_30_days`, …, `older`."""

    currency: str
    side: Side
    expected: Expected
    cdrs: int
    charged: Decimal
    not_billed: Decimal
    billed: Decimal
    paid: Decimal
    open: Decimal
    by_age: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Net:
    """Both sides of a currency against each other: above 0 the partner pays us, below we pay it."""

    currency: str
    owed_to_us: Decimal
    owed_by_us: Decimal
    net: Decimal


def balances(entries: Iterable[Entry], today: date, sessions: Iterable[Mapping[str, Any]] = ()) -> list[Balance]:
    """`entries`: CDRs that no invoice gathered, which `cdrs` counts, invoices, payments. `sessions`: the partner's,
    canonical, that no CDR has followed."""
    groups: dict[tuple[str, Side], list[Entry]] = {}
    ended: dict[tuple[str, Side], list[Fraction]] = {}
    for entry in entries:
        groups.setdefault((entry.currency, entry.side), []).append(entry)
    for session in sessions:
        if session.get("status") == "COMPLETED":
            key: tuple[str, Side] = (str(session.get("currency")), "payable")
            groups.setdefault(key, [])
            ended.setdefault(key, []).append(net_total(session) or Fraction(0))
    return [
        _balance(*key, groups[key], today, Expected(len(costs), decimal(sum(costs, Fraction(0)))))
        for key, costs in ((key, ended.get(key, [])) for key in sorted(groups))
    ]


def _balance(currency: str, side: Side, entries: list[Entry], today: date, expected: Expected) -> Balance:
    cdrs = [entry for entry in entries if entry.kind == "cdr"]
    billed = [entry for entry in entries if entry.kind == "invoice"]
    paid = [entry for entry in entries if entry.kind == "payment"]
    accrued: ledger.Account = "cdrs_receivable" if side == "receivable" else "cdrs_payable"
    gathered = sum((Fraction(entry.on(accrued)) for entry in billed), Fraction(0))
    not_billed = ledger.total(cdrs)
    ages = [Fraction(0)] * (len(AGES) + 1)
    for each in unpaid(entries):
        days = 0 if each.day is None else (today - each.day).days
        ages[sum(days > age for age in AGES)] += Fraction(each.amount)
    return Balance(
        currency=currency,
        side=side,
        expected=expected,
        cdrs=len(cdrs),
        charged=decimal(not_billed + (-gathered if side == "receivable" else gathered)),
        not_billed=decimal(not_billed),
        billed=decimal(ledger.total(billed)),
        paid=decimal(-ledger.total(paid)),
        open=decimal(sum(ages, Fraction(0))),
        by_age=dict(zip([*(f"up_to_{age}_days" for age in AGES), "older"], map(decimal, ages), strict=True)),
    )


def unpaid(entries: Iterable[Entry]) -> list[Open]:
    """Every invoice with something open, oldest first."""
    invoices: dict[tuple[Side, str, str], Fraction] = {}
    days: dict[tuple[Side, str, str], date | None] = {}
    for entry in entries:
        if entry.kind != "cdr":
            number = entry.subject if entry.kind == "invoice" else str(entry.reference)
            key = (entry.side, number, entry.currency)
            invoices[key] = invoices.get(key, Fraction(0)) + Fraction(ledger.owed(entry))
            days[key] = entry.day if entry.kind == "invoice" else days.get(key)
    found = [
        Open(number, currency, side, days[side, number, currency], decimal(amount))
        for (side, number, currency), amount in invoices.items()
        if amount
    ]
    return sorted(found, key=lambda each: (each.day or date.max, each.number))


def netted(found: Iterable[Open]) -> list[Net]:
    """What is left to pay in each currency when both sides are set against each other."""
    sums: dict[str, dict[Side, Fraction]] = {}
    for each in found:
        sides = sums.setdefault(each.currency, {"receivable": Fraction(0), "payable": Fraction(0)})
        sides[each.side] += Fraction(each.amount)
    return [
        Net(
            currency,
            decimal(sides["receivable"]),
            decimal(sides["payable"]),
            decimal(sides["receivable"] - sides["payable"]),
        )
        for currency, sides in sorted(sums.items())
    ]
