"""VAT rules are looked up in a table; the first that fits is taken."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from evmesh.billing.errors import CannotInvoice, NoVatRule
from evmesh.billing.vat import VatRule, checked_rule, rule_for

DAY = date(2026, 5, 3)
STANDARD = VatRule(category="S", rate=Decimal(25))


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({}, True),
        ({"seller": "se", "buyer": "DE", "place": "NO"}, True),
        ({"seller": "NO"}, False),
        ({"buyer": "SE"}, False),
        ({"place": "SE"}, False),
        ({"buyer_kind": "consumer"}, False),
        ({"since": DAY, "until": DAY}, True),
        ({"since": date(2026, 5, 4)}, False),
        ({"until": date(2026, 5, 2)}, False),
    ],
)
def test_a_rule_fits(rule: dict[str, Any], fits: bool) -> None:
    assert VatRule(category="Z", **rule).fits("SE", "DE", "business", "NO", DAY) is fits


def test_the_first_that_fits_is_taken() -> None:
    rules = [VatRule(category="Z", place="NO"), STANDARD]
    assert rule_for(rules, "SE", "DE", "business", "NO", DAY) is rules[0]
    assert rule_for(rules, "SE", "DE", "business", "DE", DAY) is STANDARD


def test_none_is_guessed() -> None:
    with pytest.raises(NoVatRule, match="2026-05-03"):
        rule_for([], "SE", "DE", "business", "NO", DAY)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"category": "S"}, "needs a rate"),
        ({"category": "AE", "rate": Decimal(5), "reason": "x"}, "no rate"),
        ({"category": "AE"}, "reason"),
        ({"category": "S", "rate": Decimal(-1)}, "no VAT rate"),
        ({"category": "S", "rate": Decimal("NaN")}, "no VAT rate"),
        ({"category": "S", "rate": Decimal("0.00001")}, "no VAT rate"),
    ],
)
def test_a_rule_that_no_invoice_could_follow(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(CannotInvoice, match=said):
        checked_rule(VatRule(**rule), "the 1. [[billing.vat]]")
