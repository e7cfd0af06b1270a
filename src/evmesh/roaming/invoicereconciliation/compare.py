"""What a record says against our own CDRs, and their sum against the amount on the invoice document.

The list of CDRs is what is invoiced, whatever their dates. Each counts once: one that stands twice on the list, or on
another invoice as well, is named. Ids compare without case.

An invoice is rounded to coins and its CDRs are not, at each of its lines: half a coin for each CDR is no difference,
nor is one coin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evmesh.billing.money import decimal, exact
from evmesh.pricing.currencies import minor_unit

COIN_OF_THE_UNKNOWN = 2
"""How many decimals a currency has that we do not know."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What CDRs of a currency cost together, exactly. None: at least one does not say."""

    before_taxes: Decimal | None
    after_taxes: Decimal | None


@dataclass(frozen=True, slots=True)
class Difference:
    """An amount on the invoice document that is not what the CDRs say."""

    amount: str
    currency: str
    invoiced: Decimal
    reckoned: Decimal | None

    def __str__(self) -> str:
        words = self.amount.replace("_", " ")
        if self.reckoned is None:
            return f"{self.invoiced} {self.currency} {words} are invoiced, and the CDRs do not say"
        apart = f"{self.invoiced - self.reckoned:+} {self.currency}"
        return f"{self.invoiced} {self.currency} {words} are invoiced, {self.reckoned} charged: {apart}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`missing`: we have no such CDR. `doubled`: listed twice. `elsewhere`: on another invoice too, by its id."""

    listed: int
    missing: tuple[str, ...]
    doubled: tuple[str, ...]
    elsewhere: tuple[tuple[str, str], ...]
    sums: Mapping[str, Sum]

    @property
    def sound(self) -> bool:
        return not (self.missing or self.doubled or self.elsewhere)

    def currency(self, named: str | None) -> str:
        """The currency of all CDRs where none is named; ValueError when it cannot be told."""
        if named is None and len(self.sums) != 1:
            raise ValueError("the CDRs do not say in which currency: name it")
        return named or next(iter(self.sums))

    def tolerance(self, currency: str) -> Fraction:
        """How far the invoice's roundings may lead."""
        places = minor_unit(currency)
        coin = Fraction(1, 10 ** (COIN_OF_THE_UNKNOWN if places is None else places))
        return max(coin, coin / 2 * self.listed)

    def differences(
        self, currency: str | None = None, *, before_taxes: Decimal | None = None, after_taxes: Decimal | None = None
    ) -> list[Difference]:
        """Which amounts of the invoice document are further from the CDRs than its roundings. What CDRs do not say
        after taxes is not held against them. ValueError as `currency`."""
        currency = self.currency(currency)
        total = self.sums.get(currency, Sum(Decimal(0), Decimal(0)))
        tolerance = self.tolerance(currency)
        amounts = (
            ("before_taxes", before_taxes, total.before_taxes),
            ("after_taxes", after_taxes if total.after_taxes is not None else None, total.after_taxes),
        )
        return [
            Difference(name, currency, invoiced, reckoned)
            for name, invoiced, reckoned in amounts
            if invoiced is not None and not _near(invoiced, reckoned, tolerance)
        ]

    def __str__(self) -> str:
        """What is wrong with the list, in a sentence."""
        parts = []
        if self.missing:
            parts.append(f"{len(self.missing)} of {self.listed} CDRs are not known here: {_some(self.missing)}")
        if self.doubled:
            parts.append(f"listed twice: {_some(self.doubled)}")
        if self.elsewhere:
            parts.append("on another invoice too: " + _some([f"{id} ({invoice})" for id, invoice in self.elsewhere]))
        return "; ".join(parts) or "all CDRs are known, each once"


def _near(invoiced: Decimal, reckoned: Decimal | None, tolerance: Fraction) -> bool:
    return reckoned is not None and abs(Fraction(invoiced) - Fraction(reckoned)) <= tolerance


def together(comparisons: Sequence[Comparison]) -> Comparison:
    """All records of an invoice as one."""
    sums: dict[str, list[Sum]] = {}
    for each in comparisons:
        for currency, total in each.sums.items():
            sums.setdefault(currency, []).append(total)
    return Comparison(
        sum(each.listed for each in comparisons),
        tuple(id for each in comparisons for id in each.missing),
        tuple(id for each in comparisons for id in each.doubled),
        tuple(pair for each in comparisons for pair in each.elsewhere),
        {
            currency: Sum(
                _total([total.before_taxes for total in totals]), _total([total.after_taxes for total in totals])
            )
            for currency, totals in sorted(sums.items())
        },
    )


def compare(
    ids: Sequence[str], cdrs: Mapping[str, Mapping[str, Any]], elsewhere: Mapping[str, str] | None = None
) -> Comparison:
    """A record's ids, our CDRs and the invoices that they also stand on, both by casefolded id."""
    once: dict[str, str] = {}
    doubled: dict[str, str] = {}
    for id in ids:
        if once.setdefault(id.casefold(), id) is not id:
            doubled.setdefault(id.casefold(), id)
    known = [cdrs[key] for key in once if key in cdrs]
    others = elsewhere or {}
    return Comparison(
        len(ids),
        tuple(id for key, id in once.items() if key not in cdrs),
        tuple(doubled.values()),
        tuple((id, others[key]) for key, id in once.items() if key in others),
        _sums(known),
    )


def _sums(cdrs: Sequence[Mapping[str, Any]]) -> dict[str, Sum]:
    nets: dict[str, list[Fraction | None]] = {}
    grosses: dict[str, list[Fraction | None]] = {}
    for cdr in cdrs:
        net, gross = _cost(cdr)
        currency = str(cdr.get("currency"))
        nets.setdefault(currency, []).append(net)
        grosses.setdefault(currency, []).append(gross)
    return {currency: Sum(_total(nets[currency]), _total(grosses[currency])) for currency in sorted(nets)}


def _cost(cdr: Mapping[str, Any]) -> tuple[Fraction | None, Fraction | None]:
    """What a CDR claims; after taxes only where it names taxes."""
    total = cdr.get("total_cost") or {}
    try:
        net = exact(total["before_taxes"])
        taxes = [exact(tax["amount"]) for tax in total.get("taxes") or ()]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None, None
    return net, sum(taxes, net) if taxes or net == 0 else None


def _total(amounts: Sequence[Fraction | Decimal | None]) -> Decimal | None:
    known = [Fraction(each) for each in amounts if each is not None]
    return decimal(sum(known, Fraction(0))) if len(known) == len(amounts) else None


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
