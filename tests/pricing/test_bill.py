"""What a bill says about itself, and what leaves it."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from evmesh.pricing.bill import Bill, price_document
from evmesh.pricing.exact import decimal_text, exact_text, rounded
from evmesh.pricing.limits import limited
from evmesh.pricing.plan import Limit
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.price import price
from evmesh.pricing.taxes import Amount, TaxShare
from tests.pricing.documents import cdr, component, element, period, tariff

ZONE = "Europe/Amsterdam"
TARIFF = tariff(
    element(component("FLAT", "0.5")),
    element(component("ENERGY", "0.30", vat=21, step_size=100), end_time="17:00"),
    element(component("TIME", 1, vat=9)),
    min_price={"before_taxes": 20},
)
CHARGE = cdr(
    period("2026-01-12T09:00:00Z", ENERGY="10.01", TIME="0.3333"),
    end="2026-01-12T09:20:00Z",
)


def bill(policy: PricingPolicy | None = None, **fields: Any) -> Bill:
    return price(CHARGE, [TARIFF | fields], ZONE, policy or PricingPolicy())


def test_the_document_is_plain_json_and_says_all() -> None:
    shown = bill().document()
    assert msgspec.json.decode(msgspec.json.encode(shown)) == shown
    assert shown["total_cost"]["before_taxes"] == "20"
    assert shown["total_cost_rounded"]["before_taxes"] == "20.0000"
    assert shown["lines"][0] == {
        "kind": "price",
        "field": "total_energy_cost",
        "dimension": "ENERGY",
        "period": 0,
        "tariff": 0,
        "tariff_id": "T1",
        "element": 1,
        "component": 0,
        "reason": "10:00 local time is within 00:00-17:00",
        "volume": "10.01",
        "billed": "10.1",
        "step_effect": "0.09",
        "step_size": 100,
        "price": "0.3",
        "vat": "21",
        "before_taxes": "3.03",
        "after_taxes": "3.6663",
    }
    assert shown["lines"][1]["ratio"] == {"before_taxes": "1/3", "after_taxes": "109/300"}
    assert shown["lines"][-1]["text"] == "minimum price top-up"
    assert shown["subtotals"]["total_fixed_cost"] == {"before_taxes": "0.5", "after_taxes": "0.5"}
    assert shown["policy"] == {"name": "evmesh"}
    assert shown["time_zone"] == ZONE
    assert shown["findings"][-1]["code"] == "price_limit_applied"


def test_a_refused_bill_is_plain_json_too() -> None:
    shown = price(CHARGE, [], ZONE).document()
    assert shown["total_cost_rounded"] == {"before_taxes": None, "after_taxes": None}
    assert shown["price_limit_adjustment"] is None


def test_the_same_inputs_have_the_same_hash_and_others_another() -> None:
    assert bill().inputs == price(dict(reversed(CHARGE.items())), [TARIFF], ZONE).inputs
    assert len({bill().inputs, bill(id="T2").inputs, bill(PricingPolicy(places=2)).inputs}) == 3


def test_coins() -> None:
    half = cdr(period("2026-01-12T09:00:00Z", ENERGY="20.5", TIME=1), end="2026-01-12T10:00:00Z")
    document = tariff(element(component("ENERGY", "0.25")))
    assert price(half, [document], ZONE).coins() == (Decimal("5.13"), Decimal("5.13"))
    assert price(half, [document], ZONE).coins("half_even") == (Decimal("5.12"), Decimal("5.12"))
    assert price(half, [document], ZONE, taxes_known=False).coins() == (Decimal("5.13"), None)
    yen = price(half | {"currency": "JPY"}, [document | {"currency": "JPY", "tax_included": "YES"}], ZONE)
    assert yen.coins() == (None, Decimal(5))
    with pytest.raises(ValueError, match="no currency EUX"):
        price(half | {"currency": "EUX"}, [document | {"currency": "EUX"}], ZONE).coins()


@pytest.mark.parametrize(
    ("value", "rounding", "expected"),
    [
        ("0.125", "half_up", "0.13"),
        ("-0.125", "half_up", "-0.13"),
        ("0.125", "half_even", "0.12"),
        ("0.135", "half_even", "0.14"),
        ("0.129", "down", "0.12"),
        ("-0.129", "down", "-0.12"),
        ("0.121", "up", "0.13"),
        ("0.12", "up", "0.12"),
    ],
)
def test_rounding(value: str, rounding: Any, expected: str) -> None:
    assert str(rounded(Fraction(value), 2, rounding)) == expected


def test_figures_in_words() -> None:
    assert decimal_text(Fraction(-5, 4)) == "-1.25"
    assert decimal_text(Fraction(61, 60)) == "1.016666666666666666666666667"
    assert (exact_text(Fraction(61, 60)), exact_text(Fraction(3))) == ("61/60", "3")


def test_a_price_object_adds_up_after_rounding() -> None:
    """Two taxes of 0.00005 each: rounded apart they would make 0.0002 of 0.0001."""
    shares = [TaxShare("GST", Fraction(5), "A1", Fraction("0.00005")), TaxShare("QST", None, None, Fraction("0.00005"))]
    amount = Amount(Fraction(1), Fraction("1.0001"))
    assert price_document(amount, shares, 4, "half_up") == {
        "before_taxes": 1,
        "taxes": [
            {"name": "GST", "account_number": "A1", "percentage": 5, "amount": 0},
            {"name": "QST", "amount": Decimal("0.0001")},
        ],
    }
    assert price_document(Amount(None, Fraction(1)), [], 4, "half_up") is None
    assert price_document(Amount(Fraction(1), None), [], 4, "half_up") == {"before_taxes": 1, "taxes": []}
    assert price_document(Amount(Fraction(1200), Fraction(1300)), [], 4, "half_up") == {
        "before_taxes": 1200,
        "taxes": [{"name": "VAT", "amount": 100}],
    }


@pytest.mark.parametrize(
    ("total", "minimum", "maximum", "factor", "expected", "doubted"),
    [
        # Nothing to limit.
        (("5", "4"), None, None, None, ("5", "4"), False),
        # Before taxes only: the amount after taxes moves in the mix, or is unknown.
        (("5", "6"), ("10", None), None, "1.2", ("10", "12"), False),
        (("5", "6"), ("10", None), None, None, ("10", None), True),
        # After taxes only.
        (("5", "6"), None, (None, "3"), "1.2", ("2.5", "3"), False),
        (("5", "6"), None, (None, "3"), None, (None, "3"), True),
        # One amount is unknown.
        (("5", None), ("10", "12"), None, None, ("10", None), False),
        ((None, "6"), ("10", "12"), None, None, (None, "12"), False),
        ((None, "6"), ("10", None), None, None, (None, "10"), True),
        ((None, "6"), None, ("5", None), None, (None, "6"), True),
        # After taxes is never less than before.
        (("5", "6"), ("10", "8"), None, "1.2", ("10", "10"), False),
        # The maximum has the last word.
        (("5", "6"), ("10", "12"), ("7", "8"), "1.2", ("7", "8"), False),
    ],
)
def test_limits(total: Any, minimum: Any, maximum: Any, factor: Any, expected: Any, doubted: bool) -> None:
    def exact(text: str | None) -> Fraction | None:
        return None if text is None else Fraction(text)

    least, most = (None if each is None else Limit(exact(each[0]), exact(each[1])) for each in (minimum, maximum))
    found, doubt = limited(Amount(exact(total[0]), exact(total[1])), least, most, exact(factor))
    assert found == Amount(exact(expected[0]), exact(expected[1]))
    assert (doubt is not None) == doubted


@pytest.mark.parametrize(
    ("policy", "net", "gross"),
    [
        # Lines: 3.03, 0.5, 1/3.
        ({"round_each": "line"}, "3.86", "4.53"),
        ({"round_each": "line", "tax_on": "sum"}, "3.86", None),
        ({"round_each": "period"}, "3.86", "4.53"),
        ({"round_each": "line", "round_each_places": 0, "rounding": "up"}, "6", "6"),
    ],
)
def test_rounding_on_the_way_is_a_line_of_its_own(policy: Any, net: str, gross: str | None) -> None:
    found = bill(PricingPolicy(**policy), min_price=None)
    assert found.total.net == Fraction(net)
    if gross is not None:
        assert found.total.gross == Fraction(gross)
    assert found.lines[-1].kind == "rounding"


def test_rounding_on_the_way_with_unknown_amounts() -> None:
    policy = PricingPolicy(round_each="line", round_each_places=1)
    unknown = price(CHARGE, [TARIFF | {"min_price": None}], ZONE, policy, taxes_known=False)
    assert unknown.total == Amount(Fraction("3.8"), None)
    inside = tariff(element(component("ENERGY", "0.333")), tax_included="YES")
    assert price(CHARGE, [inside], ZONE, policy).total == Amount(None, Fraction("3.3"))
