"""Before and after taxes: two figures, each of which may be unknown.

| tariff | component | before taxes | after taxes |
|---|---|---|---|
| tax_included NO | vat | cost | cost × (1 + vat) |
| tax_included NO | no vat: none applies | cost | cost |
| tax_included YES | vat | cost / (1 + vat) | cost |
| tax_included YES | no vat | unknown | cost |
| tax_included N/A | | cost | cost |
| 2.1.1, which knows no taxes | | cost | unknown |

Where a component names no vat, a policy's table of taxes stands in. Unknown is None and stays None in every sum: it is
not zero. [mod_tariffs_tariff_object] [types_price_class]
"""

from __future__ import annotations

from fractions import Fraction

import msgspec

from evmesh.pricing.plan import Component, TaxMode
from evmesh.pricing.policy import PricingPolicy


class Amount(msgspec.Struct, frozen=True):
    """Money before (`net`) and after (`gross`) taxes; None is unknown."""

    net: Fraction | None
    gross: Fraction | None

    def __add__(self, other: Amount) -> Amount:
        return Amount(_sum(self.net, other.net), _sum(self.gross, other.gross))

    def __sub__(self, other: Amount) -> Amount:
        return self + -other

    def __neg__(self) -> Amount:
        return Amount(None if self.net is None else -self.net, None if self.gross is None else -self.gross)

    @property
    def tax(self) -> Fraction | None:
        return None if self.net is None or self.gross is None else self.gross - self.net


NOTHING = Amount(Fraction(0), Fraction(0))
UNKNOWN = Amount(None, None)


class TaxShare(msgspec.Struct, frozen=True):
    """One tax inside an amount: a rate in percent, and exactly how much."""

    name: str
    percentage: Fraction | None
    account_number: str | None
    amount: Fraction


def total(amounts: list[Amount]) -> Amount:
    """The sum; unknown as soon as one part is."""
    return sum(amounts, NOTHING)


def factor(component: Component, mode: TaxMode, policy: PricingPolicy) -> Fraction | None:
    """What net is multiplied with to give gross; None when no rate is known."""
    if mode == "N/A":
        return Fraction(1)
    if mode == "UNKNOWN":
        return None
    if component.vat is not None:
        return 1 + component.vat / 100
    if policy.taxes:
        return policy.tax_factor()
    return Fraction(1) if mode == "NO" else None


def with_taxes(cost: Fraction, component: Component, mode: TaxMode, policy: PricingPolicy) -> Amount:
    """The amount that a component's price makes."""
    rate = factor(component, mode, policy)
    if mode == "YES":
        return Amount(None if rate is None else cost / rate, cost)
    return Amount(cost, None if rate is None else cost * rate)


def shares(amount: Amount, component: Component, mode: TaxMode, policy: PricingPolicy) -> tuple[TaxShare, ...]:
    """The taxes in an amount, by name; none where no tax applies or no rate is known."""
    if mode in ("N/A", "UNKNOWN") or amount.net is None:
        return ()
    if component.vat is not None:
        return (TaxShare("VAT", component.vat, None, amount.net * component.vat / 100),)
    return tuple(
        TaxShare(tax.name, Fraction(tax.percentage), tax.account_number, amount.net * Fraction(tax.percentage) / 100)
        for tax in policy.taxes
    )


def _sum(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one + other
