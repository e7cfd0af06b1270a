"""A list of CDRs against the CDRs, and their sum against an invoice."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.roaming.invoicereconciliation.compare import Sum, compare


def costs(net: Any, *taxes: Any, currency: str = "EUR") -> dict[str, Any]:
    return {
        "currency": currency,
        "total_cost": {"before_taxes": net, "taxes": [{"name": "VAT", "amount": each} for each in taxes]},
    }


ONE = costs(Decimal("0.1"), Decimal("0.021"))
TWO = costs(Decimal("0.2"), Decimal("0.042"))


def test_the_sum_is_exact() -> None:
    found = compare(["a", "b"], {"a": ONE, "b": TWO})
    assert found.sums == {"EUR": Sum(Decimal("0.3"), Decimal("0.363"))}
    assert found.sound
    assert str(found) == "all CDRs are known, each once"


def test_a_missing_and_a_doubled_cdr_are_named_and_count_once() -> None:
    found = compare(["A", "lost", "b", "a"], {"a": ONE, "b": TWO}, {"b": "INV-7"})
    assert (found.missing, found.doubled, found.elsewhere) == (("lost",), ("a",), (("b", "INV-7"),))
    assert found.sums["EUR"].before_taxes == Decimal("0.3")
    assert not found.sound
    assert str(found) == ("1 of 4 CDRs are not known here: lost; listed twice: a; on another invoice too: b (INV-7)")


def test_a_credit_is_taken_off() -> None:
    back = costs(Decimal("-0.1"), Decimal("-0.021"))
    assert compare(["a", "b"], {"a": ONE, "b": back}).sums == {"EUR": Sum(Decimal(0), Decimal(0))}


def test_currencies_are_summed_apart() -> None:
    found = compare(["a", "b"], {"a": ONE, "b": costs(4, 1, currency="SEK")})
    assert found.sums == {"EUR": Sum(Decimal("0.1"), Decimal("0.121")), "SEK": Sum(Decimal(4), Decimal(5))}
    with pytest.raises(ValueError, match="in which currency"):
        found.differences(before_taxes=Decimal(4))
    assert found.differences("SEK", before_taxes=Decimal(4)) == []


@pytest.mark.parametrize("odd", [{}, {"currency": "EUR", "total_cost": {"before_taxes": "4"}}, costs(Decimal("NaN"))])
def test_what_is_not_said_is_not_zero(odd: dict[str, Any]) -> None:
    found = compare(["a", "b"], {"a": ONE, "b": {"currency": "EUR", **odd}})
    assert found.sums == {"EUR": Sum(None, None)}
    (difference,) = found.differences(before_taxes=Decimal("0.1"))
    assert str(difference) == "0.1 EUR before taxes are invoiced, and the CDRs do not say"


def test_without_taxes_only_the_sum_before_them_is_known() -> None:
    assert compare(["a"], {"a": costs(4)}).sums == {"EUR": Sum(Decimal(4), None)}


@pytest.mark.parametrize(("invoiced", "agrees"), [("0.30", True), ("0.31", True), ("0.29", True), ("0.3101", False)])
def test_a_coin_is_no_difference(invoiced: str, agrees: bool) -> None:
    found = compare(["a", "b"], {"a": ONE, "b": TWO})
    assert (found.differences(before_taxes=Decimal(invoiced)) == []) is agrees


def test_a_difference_says_how_much() -> None:
    (found,) = compare(["a", "b"], {"a": ONE, "b": TWO}).differences("EUR", after_taxes=Decimal("0.50"))
    assert str(found) == "0.50 EUR after taxes are invoiced, 0.363 charged: +0.137 EUR"


def test_an_amount_for_nothing_differs() -> None:
    (found,) = compare(["lost"], {}).differences("EUR", before_taxes=Decimal(5))
    assert found.reckoned == 0
