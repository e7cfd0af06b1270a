"""What stands on an invoice: lines, VAT, totals, and the cents that are left over."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.billing.draft import read_charge
from evmesh.billing.errors import CannotInvoice, NoVatRule
from evmesh.billing.invoice import Company, Preceding, read, remarks, text
from evmesh.billing.vat import VatRule
from tests.billing.charges import DRIVER, GERMAN, REVERSE, SWEDISH, VOLT, cdr, credit, invoice

amounts = st.decimals(-500, 500, places=4).map(str)


def test_a_line_for_each_charge_with_its_own_cents() -> None:
    made = invoice(cdr(1, "1.004"), cdr(2, "1.004"))
    assert [line.amount for line in made.lines] == [Decimal("1.00"), Decimal("1.00")]
    assert made.net == Decimal("2.00")
    assert made.exact_net == Decimal("2.008")
    assert made.rounding_difference == Decimal("-0.008")
    assert "−0.008 EUR" in remarks(made)[0]


def test_above_the_limit_charges_are_grouped_and_rounded_once() -> None:
    made = invoice(*(cdr(n, "0.335", location=f"L{n % 3}") for n in range(30)), line_limit=5)
    assert [(line.charges, line.amount, line.energy) for line in made.lines] == [
        (10, Decimal("3.35"), Decimal("123.45"))
    ] * 3
    assert made.rounding_difference == 0
    assert remarks(made) == []


def test_groups_keep_tariffs_and_vat_apart() -> None:
    norwegian = VatRule(category="O", place="NO", reason="Taxed in Norway")
    charges = [cdr(1), cdr(2, tariff="T2"), cdr(3, place="DEU", location="B")]
    made = invoice(*charges, line_limit=0, rules=[SWEDISH, REVERSE, norwegian])
    assert [(line.description, line.category) for line in made.lines] == [
        ("CDR CDR-0003, tariff T1", "AE"),
        ("CDR CDR-0001, tariff T1", "S"),
        ("CDR CDR-0002, tariff T2", "S"),
    ]
    assert [row.line for row in made.rows] == ["2", "3", "1"]


def test_vat_is_reckoned_on_the_sum_of_the_lines() -> None:
    """Three times 0.02 bears no VAT each; their sum bears 0.02."""
    made = invoice(*(cdr(n, "0.02") for n in range(3)), rules=[VatRule(category="S", rate=Decimal(25))])
    assert [each.taxable for each in made.vat] == [Decimal("0.06")]
    assert made.tax == Decimal("0.02")


@pytest.mark.parametrize(("currency", "places", "net"), [("EUR", 2, "1.24"), ("JPY", 0, "1"), ("KWD", 3, "1.24")])
def test_amounts_have_the_coins_of_the_currency(currency: str, places: int, net: str) -> None:
    """EN 16931 has no amounts with three decimals, even where the currency has."""
    assert str(invoice(cdr(1, "1.2355", currency=currency), places=places).net) == net


def test_what_is_paid_may_be_rounded_further() -> None:
    made = invoice(cdr(1, "10.10"), round_payable=Decimal("1"))
    assert (made.total, made.payable_rounding, made.payable) == (Decimal("12.63"), Decimal("0.37"), Decimal("13.00"))


def test_a_receipt_is_paid() -> None:
    made = invoice(cdr(1), direction="driver", paid_by="card")
    assert (made.title, made.payable, made.paid_amount, made.due_on) == ("Receipt", 0, made.total, None)


def test_what_a_driver_gets_back_was_refunded() -> None:
    note = invoice(credit(2, 1), direction="driver", paid_by="card", language="sv")
    assert (note.title, note.how_paid, note.payable) == ("Kreditfaktura", "Återbetalt", 0)
    assert invoice(cdr(1), direction="driver", paid_by="card", language="sv").how_paid == "Betalt med kort"
    assert invoice(cdr(1)).how_paid is None


@pytest.mark.parametrize(
    ("direction", "of_credits", "code"),
    [("sale", False, "380"), ("sale", True, "381"), ("self_billing", False, "389"), ("self_billing", True, "261")],
)
def test_the_kind_of_document(direction: str, of_credits: bool, code: str) -> None:
    assert invoice(credit(1, 2) if of_credits else cdr(1), direction=direction).type_code == code


def test_a_credit_note_gives_back_as_positive_amounts() -> None:
    made = invoice(credit(2, 1), preceding=[Preceding("INV-7", date(2026, 5, 1))])
    assert (made.net, made.rows[0].exact_net, made.due_on) == (Decimal("3.46"), Decimal("3.4567"), None)
    assert made.preceding[0].number == "INV-7"


def test_energy_sold_back_is_no_negative_price() -> None:
    line = invoice(cdr(1, "-2", energy="10"), cdr(2, "5", energy="0")).lines
    assert [(each.quantity, each.unit, each.amount) for each in line] == [
        (Decimal(-10), "KWH", Decimal("-2.00")),
        (Decimal(1), "C62", Decimal("5.00")),
    ]


def test_the_period_is_that_of_the_charges_unless_given() -> None:
    from evmesh.billing.draft import draft
    from tests.billing.charges import terms

    charges = [read_charge(each) for each in (cdr(1), cdr(30))]
    made = draft(charges, terms(), number="1", issued_on=date(2026, 6, 1), due_on=None)
    assert (made.period_begin, made.period_end) == (date(2026, 5, 3), date(2026, 5, 4))


@given(st.lists(amounts, min_size=1, max_size=30), st.integers(0, 40), st.randoms(use_true_random=False))
def test_everything_sums(costs: list[str], limit: int, luck: random.Random) -> None:
    """Lines to the total, taxable amounts to the total, VAT to its total; and the cents left over are exact."""
    if not any(Decimal(cost) for cost in costs):
        costs.append("1")
    charges = [
        cdr(n, cost, location=luck.choice("AB"), tariff=luck.choice("XY"), place=luck.choice(("SWE", "DEU")))
        for n, cost in enumerate(costs)
    ]
    made = invoice(*charges, rules=[SWEDISH, REVERSE], line_limit=limit)
    assert sum(line.amount for line in made.lines) == made.net == sum(each.taxable for each in made.vat)
    assert sum(each.tax for each in made.vat) == made.tax
    assert made.net + made.tax == made.total == made.payable
    assert made.net - made.rounding_difference == made.exact_net == sum(Decimal(cost) for cost in costs)
    assert sum(row.exact_net for row in made.rows) == made.exact_net
    assert abs(made.rounding_difference) <= Fraction(len(made.lines), 200)
    assert sum(line.charges for line in made.lines) == len(made.rows) == len(costs)
    for each in made.vat:
        assert abs(each.tax - each.taxable * each.rate / 100) <= Decimal("0.005")
    luck.shuffle(charges)
    assert text(invoice(*charges, rules=[SWEDISH, REVERSE], line_limit=limit)) == text(made)
    assert read(text(made)) == made


def refused(*cdrs: dict[str, Any], **more: Any) -> str:
    with pytest.raises(CannotInvoice) as caught:
        invoice(*cdrs, **more)
    return str(caught.value)


def test_an_invoice_for_nothing_is_refused() -> None:
    assert "no charges" in refused()
    assert "free" in refused(cdr(1, "0"), cdr(2, "0"))


def test_two_currencies_are_refused() -> None:
    assert "EUR and SEK" in refused(cdr(1), cdr(2, currency="SEK"))


def test_credits_among_charges_are_refused() -> None:
    assert "credit note" in refused(cdr(1), credit(2, 1))


def test_a_charge_stands_on_an_invoice_once() -> None:
    assert "SE*VLT*CDR-0001" in refused(cdr(1), cdr(1))


def test_a_missing_rule_names_seller_buyer_and_place() -> None:
    with pytest.raises(NoVatRule, match=r"seller in SE, a buyer \(business\) in DE and a charge in SE"):
        invoice(cdr(1), rules=[GERMAN])


NOBODY = Company(name="Nobody", country="DE")


@pytest.mark.parametrize(
    ("category", "parties", "said"),
    [
        ("S", {"seller": NOBODY}, "Nobody has no vat_id, and VAT category S"),
        ("E", {"seller": NOBODY}, "VAT category E"),
        ("AE", {"buyer": NOBODY}, "reverse charge (AE)"),
        ("K", {"buyer": NOBODY}, "intra-Community supply (K)"),
        ("K", {"buyer": Company(name="Nobody", country="DE", legal_id="HRB 1")}, "intra-Community supply (K)"),
    ],
)
def test_a_party_without_what_the_category_needs_is_refused(category: Any, parties: dict[str, Any], said: str) -> None:
    rule = VatRule(category=category, rate=Decimal(25) if category == "S" else Decimal(0), reason="By law")
    assert said in refused(cdr(1), rules=[rule], **parties)
    assert "VAT" in invoice(cdr(1), rules=[VatRule(category="O", reason="No VAT")], **parties).vat[0].reason


def test_out_of_scope_stands_alone() -> None:
    outside = VatRule(category="O", place="DE", reason="Elsewhere")
    assert "BR-O-11" in refused(cdr(1), cdr(2, place="DEU"), rules=[outside, SWEDISH])


def test_an_intra_community_supply_goes_to_one_country() -> None:
    assert "DE and SE" in refused(cdr(1), cdr(2, place="DEU"), rules=[VatRule(category="K", reason="Art. 138")])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"total_cost": {}}, "total_cost.before_taxes"),
        ({"total_cost": {"before_taxes": Decimal("NaN")}}, "total_cost.before_taxes"),
        ({"total_cost": {"before_taxes": Decimal("1E+400")}}, "total_cost.before_taxes"),
        ({"total_cost": {"before_taxes": 10**13}}, "total_cost.before_taxes"),
        ({"total_cost": {"before_taxes": "3.20"}}, "total_cost.before_taxes"),
        ({"total_cost": {"before_taxes": True}}, "total_cost.before_taxes"),
        ({"total_energy": Decimal("Infinity")}, "total_energy"),
        ({"cdr_location": {"country": "XXX"}}, "cdr_location.country"),
        ({"credit": True}, "credit_reference_id"),
        ({"credit": True, "credit_reference_id": "CDR-0009"}, "total_cost.before_taxes"),
        ({"end_date_time": "soon"}, "end_date_time"),
        ({"end_date_time": "2026-01-01T00:00:00Z"}, "end_date_time"),
    ],
)
def test_a_cdr_that_cannot_be_invoiced_is_named(change: dict[str, Any], place: str) -> None:
    with pytest.raises(CannotInvoice, match=rf"CDR SE\*VLT\*CDR-0001: .*{place}"):
        read_charge(cdr(1) | change)


def test_a_charge_at_midnight_belongs_to_the_day_of_the_zone() -> None:
    from zoneinfo import ZoneInfo

    late = cdr(1, start_date_time="2026-05-31T22:30:00Z", end_date_time="2026-05-31T22:40:00Z")
    assert invoice(late, zone=ZoneInfo("Europe/Stockholm")).lines[0].end == date(2026, 6, 1)
    assert invoice(late, zone=UTC).lines[0].end == datetime(2026, 5, 31).date()


def test_both_parties_stand_where_they_belong() -> None:
    made = invoice(cdr(1, place="DEU"), direction="self_billing", seller=DRIVER, buyer=VOLT, rules=[GERMAN])
    assert (made.seller.name, made.buyer.name, made.tax) == (DRIVER.name, VOLT.name, Decimal("0.66"))
