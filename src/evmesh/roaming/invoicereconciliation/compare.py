"""What a record says against our own CDRs, and their sum against the amount on the invoice document.

The list of CDRs is what is invoiced, whatever their dates. Each counts once: one that stands twice on the list, or on
another invoice as well, is named. Ids compare without case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evmesh.billing.money import decimal, exact

TOLERANCE = Decimal("0.01")
"""An invoice is rounded to coins, the CDRs are not."""


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

    def differences(
        self,
        currency: str | None = None,
        *,
        before_taxes: Decimal | None = None,
        after_taxes: Decimal | None = None,
        tolerance: Decimal = TOLERANCE,
    ) -> list[Difference]:
        """Which amounts of the invoice document are further from the CDRs than the tolerance.

        The currency may be left out where all CDRs are of one; ValueError when it cannot be told.
        """
        if currency is None:
            if len(self.sums) != 1:
                raise ValueError("the CDRs do not say in which currency: name it")
            currency = next(iter(self.sums))
        total = self.sums.get(currency, Sum(Decimal(0), Decimal(0)))
        found = []
        for name, invoiced in (("before_taxes", before_taxes), ("after_taxes", after_taxes)):
            reckoned: Decimal | None = getattr(total, name)
            if invoiced is not None and (reckoned is None or abs(Fraction(invoiced) - Fraction(reckoned)) > tolerance):
                found.append(Difference(name, currency, invoiced, reckoned))
        return found

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


def _total(amounts: Sequence[Fraction | None]) -> Decimal | None:
    known = [each for each in amounts if each is not None]
    return decimal(sum(known, Fraction(0))) if len(known) == len(amounts) else None


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
