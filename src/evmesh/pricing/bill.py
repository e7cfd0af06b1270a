"""The answer to "what does it cost": not a number but a bill.

A bill says for every line which period used how much of what, which component of which element of which tariff priced
it, why that one, what step_size added, and what the taxes are. Lines always add up to the totals; nothing in a bill is
rounded. Digits are cut only when it leaves: as Price objects of OCPI (four decimals), as coins (the currency's minor
unit), or as a document with exact figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import msgspec

from evmesh.base.findings import Finding
from evmesh.pricing.currencies import minor_unit
from evmesh.pricing.exact import Rounding, decimal_text, exact_text, rounded, terminates
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.restrictions import Because
from evmesh.pricing.taxes import NOTHING, UNKNOWN, Amount, TaxShare, total
from evmesh.pricing.volumes import HOUR
from evmesh.pricing.words import ENGLISH, because

ENGINE = "evmesh-pricing 1"

FIELDS = (
    "total_fixed_cost", "total_energy_cost", "total_time_cost", "total_parking_cost", "total_reservation_cost",
)  # fmt: skip


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bill. Volumes are in kWh, hours or pieces; `surplus` is what step_size added."""

    kind: Literal["price", "limit", "rounding"]
    amount: Amount
    taxes: tuple[TaxShare, ...] = ()
    text: str = ""
    field: str | None = None
    dimension: str | None = None
    period: int | None = None
    tariff: int | None = None
    tariff_id: str | None = None
    element: int | None = None
    component: int | None = None
    reason: tuple[Because, ...] = ()
    volume: Fraction | None = None
    surplus: Fraction = Fraction(0)
    step_size: int | None = None
    price: Fraction | None = None
    vat: Fraction | None = None

    @property
    def billed(self) -> Fraction | None:
        return None if self.volume is None else self.volume + self.surplus

    def document(self) -> dict[str, Any]:
        """The line as plain JSON; exact figures as text."""
        shown: dict[str, Any] = {"kind": self.kind}
        for name in ("text", "field", "dimension", "period", "tariff", "tariff_id", "element", "component"):
            if (value := getattr(self, name)) not in (None, ""):
                shown[name] = value
        if self.reason:
            shown["reason"] = because(self.reason, ENGLISH)
        if self.billed is not None and self.volume is not None:
            shown |= {"volume": decimal_text(self.volume), "billed": decimal_text(self.billed)}
        if self.surplus:
            shown["step_effect"] = decimal_text(self.surplus)
        if self.step_size is not None:
            shown["step_size"] = self.step_size
        for name in ("price", "vat"):
            if (value := getattr(self, name)) is not None:
                shown[name] = decimal_text(value)
        return shown | amount_document(self.amount)


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge costs, and why. `total` is unknown (None) where a fatal finding says that it cannot be priced."""

    currency: str
    total: Amount
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    unpriced: tuple[str, ...]
    zone: str | None
    policy: PricingPolicy
    inputs: str
    total_energy: Fraction
    total_time: Fraction
    total_parking_time: Fraction
    engine: str = ENGINE

    @property
    def priced(self) -> bool:
        """Whether there is any figure to rely on."""
        return self.total != UNKNOWN

    @property
    def subtotals(self) -> dict[str, Amount]:
        """Exact amounts by the CDR's own fields, those that were used; price limits and roundings belong to none."""
        found: dict[str, Amount] = {}
        for line in self.lines:
            if line.field is not None:
                found[line.field] = found.get(line.field, NOTHING) + line.amount
        return found

    @property
    def limit_effect(self) -> Amount | None:
        """What min_price or max_price changed; None when neither did."""
        changes = [line.amount for line in self.lines if line.kind == "limit"]
        return total(changes) if changes else None

    @property
    def billed_volumes(self) -> dict[str, Fraction]:
        """kWh and hours by dimension, steps included; of what was priced."""
        found: dict[str, Fraction] = {}
        for line in self.lines:
            if line.dimension not in (None, "FLAT") and line.billed is not None:
                assert line.dimension is not None
                found[line.dimension] = found.get(line.dimension, Fraction(0)) + line.billed
        return found

    @property
    def tax_by_rate(self) -> dict[Fraction, Fraction]:
        """Tax by rate in percent, before price limits."""
        found: dict[Fraction, Fraction] = {}
        for line in self.lines:
            for share in line.taxes:
                if line.kind == "price" and share.percentage is not None:
                    found[share.percentage] = found.get(share.percentage, Fraction(0)) + share.amount
        return found

    def total_price(self) -> dict[str, Any] | None:
        """total_cost as a Price object; None when the amount before taxes is unknown."""
        return self.price_of(self.lines, self.total)

    def field_price(self, field: str) -> dict[str, Any] | None:
        """One of the CDR's part costs as a Price object; None when it does not apply or is unknown."""
        lines = [line for line in self.lines if line.field == field]
        return self.price_of(lines, total([line.amount for line in lines])) if lines else None

    def price_of(self, lines: Iterable[Line], amount: Amount) -> dict[str, Any] | None:
        shares = [share for line in lines for share in line.taxes]
        return price_document(amount, shares, self.policy.places, self.policy.rounding)

    def coins(self, rounding: Rounding | None = None) -> tuple[Decimal | None, Decimal | None]:
        """The total before and after taxes in whole coins. ValueError for a currency that does not exist."""
        places = minor_unit(self.currency)
        if places is None:
            raise ValueError(f"there is no currency {self.currency}")
        rule = rounding or self.policy.rounding
        net, gross = self.total.net, self.total.gross
        return (
            None if net is None else rounded(net, places, rule),
            None if gross is None else rounded(gross, places, rule),
        )

    def document(self) -> dict[str, Any]:
        """The whole bill as plain JSON; exact figures as text, null where unknown."""
        places, rule = self.policy.places, self.policy.rounding
        net, gross = self.total.net, self.total.gross
        shown: dict[str, Any] = {
            "currency": self.currency,
            "total_cost": amount_document(self.total),
            "total_cost_rounded": {
                "before_taxes": None if net is None else str(rounded(net, places, rule)),
                "after_taxes": None if gross is None else str(rounded(gross, places, rule)),
            },
            "subtotals": {field: amount_document(amount) for field, amount in self.subtotals.items()},
            "price_limit_adjustment": None if self.limit_effect is None else amount_document(self.limit_effect),
            "tax_by_rate": {decimal_text(rate): decimal_text(tax) for rate, tax in self.tax_by_rate.items()},
            "billed_volumes": {kind: decimal_text(volume) for kind, volume in self.billed_volumes.items()},
            "total_energy": decimal_text(self.total_energy),
            "total_time": decimal_text(self.total_time / HOUR),
            "total_parking_time": decimal_text(self.total_parking_time / HOUR),
            "lines": [line.document() for line in self.lines],
            "findings": [finding_document(finding) for finding in self.findings],
            "unpriced_dimensions": list(self.unpriced),
            "time_zone": self.zone,
            "policy": self.policy.document(),
            "engine": self.engine,
            "inputs": self.inputs,
        }
        return shown


def amount_document(amount: Amount) -> dict[str, Any]:
    """Exact decimals as text, null where unknown; a figure without end gets its ratio beside it."""
    shown: dict[str, Any] = {
        "before_taxes": None if amount.net is None else decimal_text(amount.net),
        "after_taxes": None if amount.gross is None else decimal_text(amount.gross),
    }
    for name, value in (("before_taxes", amount.net), ("after_taxes", amount.gross)):
        if value is not None and not terminates(value):
            shown.setdefault("ratio", {})[name] = exact_text(value)
    return shown


def finding_document(finding: Finding) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(finding)
    return shown


def price_document(
    amount: Amount, shares: Iterable[TaxShare], places: int, rounding: Rounding
) -> dict[str, Any] | None:
    """A Price object: taxes by rate, such that before_taxes plus taxes is the rounded amount after taxes.

    No taxes where none is known to apply; None where the amount before taxes is unknown. [types_price_class]
    """
    if amount.net is None:
        return None
    before = rounded(amount.net, places, rounding)
    price: dict[str, Any] = {"before_taxes": plain(before), "taxes": []}
    if amount.gross is None:
        return price
    gathered: dict[tuple[str, Fraction | None, str | None], Fraction] = {}
    for share in shares:
        key = (share.name, share.percentage, share.account_number)
        gathered[key] = gathered.get(key, Fraction(0)) + share.amount
    amounts = {key: rounded(tax, places, rounding) for key, tax in gathered.items()}
    missing = rounded(amount.gross, places, rounding) - before - sum(amounts.values())
    if missing:
        key = max(amounts, key=lambda each: abs(gathered[each]), default=("VAT", None, None))
        amounts[key] = amounts.get(key, Decimal(0)) + missing
    for (name, percentage, account), tax in amounts.items():
        entry: dict[str, Any] = {"name": name}
        if account is not None:
            entry["account_number"] = account
        if percentage is not None:
            entry["percentage"] = plain(Decimal(decimal_text(percentage)))
        price["taxes"].append(entry | {"amount": plain(tax)})
    return price


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent."""
    stripped = value.normalize()
    exponent = stripped.as_tuple().exponent
    assert isinstance(exponent, int)
    return stripped.quantize(Decimal(1)) if exponent > 0 else stripped + 0
