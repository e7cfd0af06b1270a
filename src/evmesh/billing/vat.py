"""Which VAT a supply of energy bears: a table of the settings, never code.

A rule speaks of the country of the seller, of the buyer, and of the place where the car was charged, of the buyer's
kind, and of a time. The first rule of the table that fits is taken; where none fits there is no invoice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from evmesh.billing.errors import CannotInvoice, NoVatRule

if TYPE_CHECKING:
    from evmesh.billing.invoice import Company

Category = Literal["S", "Z", "E", "AE", "K", "G", "O"]
"""UNCL 5305 as EN 16931 knows it: standard, zero, exempt, reverse charge, intra-Community, export, out of scope."""
BuyerKind = Literal["business", "consumer"]

WITHOUT_REASON = ("S", "Z")
ANY: Literal["*"] = "*"


class VatRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Countries by two letters, `*` for any. `until` is included."""

    category: Category
    rate: Decimal = Decimal(0)
    seller: str = ANY
    buyer: str = ANY
    place: str = ANY
    buyer_kind: BuyerKind | Literal["*"] = "*"
    since: date | None = None
    until: date | None = None
    reason: str | None = None
    reason_code: str | None = None

    def fits(self, seller: str, buyer: str, kind: BuyerKind, place: str, day: date) -> bool:
        wanted = ((self.seller, seller), (self.buyer, buyer), (self.place, place))
        return (
            all(ours == ANY or ours.upper() == theirs for ours, theirs in wanted)
            and self.buyer_kind in (ANY, kind)
            and (self.since is None or self.since <= day)
            and (self.until is None or day <= self.until)
        )


def checked_rule(rule: VatRule, where: str) -> VatRule:
    """CannotInvoice for a rule that no invoice could follow."""
    if not rule.rate.is_finite() or not 0 <= rule.rate < 100 or -int(rule.rate.as_tuple().exponent) > 4:
        raise CannotInvoice(f"{where}: {rule.rate} is no VAT rate in per cent")
    if rule.category == "S" and not rule.rate:
        raise CannotInvoice(f"{where}: category S needs a rate above 0; a rate of 0 has the category Z")
    if rule.category != "S" and rule.rate:
        raise CannotInvoice(f"{where}: category {rule.category} has no rate, not {rule.rate}")
    if rule.category not in WITHOUT_REASON and not (rule.reason or rule.reason_code):
        raise CannotInvoice(f"{where}: category {rule.category} needs a reason that the invoice can print")
    return rule


def must_name(category: Category, seller: Company, buyer: Company) -> None:
    """CannotInvoice where a party lacks what its tax office wants to read in an invoice of that category."""
    if category == "O":
        return
    if not seller.vat_id:
        raise CannotInvoice(f"{seller.name} has no vat_id, and VAT category {category} needs the seller's")
    if category == "K" and not buyer.vat_id:
        raise CannotInvoice(f"{buyer.name} has no vat_id, and an intra-Community supply (K) needs it (BR-IC-02)")
    if category == "AE" and not (buyer.vat_id or buyer.legal_id):
        raise CannotInvoice(f"{buyer.name} has no vat_id or legal_id, and a reverse charge (AE) needs one (BR-AE-02)")


def rule_for(rules: Sequence[VatRule], seller: str, buyer: str, kind: BuyerKind, place: str, day: date) -> VatRule:
    """The first rule that fits; NoVatRule names what was looked for."""
    for rule in rules:
        if rule.fits(seller.upper(), buyer.upper(), kind, place.upper(), day):
            return rule
    raise NoVatRule(
        f"no VAT rule for a seller in {seller}, a buyer ({kind}) in {buyer} and a charge in {place} on {day}: "
        "add one to [[billing.vat]]"
    )
