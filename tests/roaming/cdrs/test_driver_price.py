"""A driver pays our tariffs, to the last digit, or what the CDR costs; never nothing for want of understanding."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.billing.draft import Charge, draft, read_charge
from evmesh.billing.errors import CannotInvoice
from evmesh.billing.invoice import Invoice, read, text
from evmesh.billing.money import rounded
from evmesh.billing.vat import VatRule
from evmesh.billing.words import LANGUAGES
from evmesh.pricing.timeline import RESERVATION_DIMENSIONS, SESSION_DIMENSIONS
from evmesh.pricing.zones import time_zone
from evmesh.roaming.cdrs.driver_price import at_place, by_tariffs, clock_of, passed_on, taken_back
from tests.billing.charges import SWEDISH, cdr, credit, invoice, terms

Document = dict[str, Any]


def price(kind: str, amount: str, **more: Any) -> Document:
    return {"type": kind, "price": Decimal(amount), "vat": Decimal(25), "step_size": 1} | more


def tariff(*components: Document, **more: Any) -> Document:
    return {
        "id": "GOLD", "country_code": "SE", "party_id": "DRV", "currency": "SEK", "tax_included": "NO",
        "elements": [{"price_components": list(components)}],
    } | more  # fmt: skip


def charged(**more: Any) -> Document:
    """12 kWh in half an hour, then parked for 20 minutes, under a tariff of the operator's."""
    dimensions = (("ENERGY", "12"), ("TIME", "0.5")), (("PARKING_TIME", "0.333333"),)
    begun = "2026-05-03T09:00:00Z", "2026-05-03T09:30:00Z"
    return cdr(
        1,
        energy="12",
        charging_periods=[
            {
                "start_date_time": at,
                "tariff_id": "THEIRS",
                "dimensions": [{"type": kind, "volume": Decimal(volume)} for kind, volume in used],
            }
            for at, used in zip(begun, dimensions, strict=True)
        ],
        **more,
    )


def priced(document: Document, *tariffs: Document, zone: str | None = None) -> Charge:
    return by_tariffs(document, read_charge(document), tariffs, zone)


RESERVED = {"price_components": [price("TIME", "1")], "restrictions": {"reservation": "RESERVATION"}}
GOLD = tariff(price("ENERGY", "4"), price("PARKING_TIME", "30"), price("FLAT", "5"))


def test_the_price_is_that_of_our_tariff_in_its_currency() -> None:
    made = priced(charged(), GOLD)
    assert (made.net, made.told, made.currency, made.tariff) == (Fraction(63), Fraction("78.75"), "SEK", "GOLD")
    parts = {each.what: (each.quantity, each.price, each.net, each.gross) for each in made.components}
    assert parts["ENERGY"] == (Decimal(12), Decimal(4), Decimal(48), Decimal(60))
    assert parts["FLAT"] == (Decimal(1), Decimal(5), Decimal(5), Decimal("6.25"))
    assert parts["PARKING_TIME"][1:] == (Decimal(30), Decimal(10), Decimal("12.5"))


def test_the_operators_cost_does_not_matter() -> None:
    free = charged(total_cost={"before_taxes": Decimal(0)})
    assert priced(free, GOLD).net == 63


def test_several_periods_of_one_price_are_one_part() -> None:
    document = charged()
    document["charging_periods"].append(
        {"start_date_time": "2026-05-03T09:40:00Z", "dimensions": [{"type": "ENERGY", "volume": Decimal(3)}]}
    )
    made = priced(document | {"total_energy": Decimal(15)}, GOLD)
    assert [(each.quantity, each.net) for each in made.components if each.what == "ENERGY"] == [(15, 60)]


def test_a_price_with_vat_is_what_the_driver_pays() -> None:
    """3.00 with 19 % VAT has no end in decimals before VAT; the driver still pays 3.00."""
    document = charged(total_energy=Decimal(12), place="DEU")
    made = priced(document, tariff(price("ENERGY", "0.25", vat=Decimal(19)), tax_included="YES", currency="EUR"))
    assert made.told == 3
    assert made.components[0].price_has_vat
    for count in (1, 3, 10):
        on_paper = _draft([replace(made, key=f"{n}") for n in range(count)], VatRule(category="S", rate=Decimal(19)))
        assert on_paper.payable == 3 * count
        assert on_paper.total + on_paper.payable_rounding == on_paper.payable


def _draft(charges: list[Charge], *rules: VatRule, **more: Any) -> Invoice:
    return draft(
        charges,
        terms(direction="driver", buyer_kind="consumer", rules=list(rules), **more),
        number="DRV-1",
        issued_on=date(2026, 6, 1),
        due_on=date(2026, 7, 1),
    )


def test_the_vat_of_the_tariff_must_be_that_of_the_rules() -> None:
    with pytest.raises(CannotInvoice, match=r"makes 78\.75 SEK with VAT, and the 6 % .* make 66\.78 SEK"):
        _draft([priced(charged(), GOLD)], VatRule(category="S", rate=Decimal(6)))


def test_a_tariff_that_says_nothing_of_vat_leaves_it_to_the_rules() -> None:
    silent = {"type": "ENERGY", "price": Decimal(4), "step_size": 1}
    made = priced(charged(), tariff(silent))
    assert made.told is None
    assert _draft([made], SWEDISH).payable == 60


@pytest.mark.parametrize(
    ("document", "ours", "reason"),
    [
        (charged(), tariff(price("TIME", "1"), start_date_time="2026-06-01T00:00:00Z"), "none of 1 tariffs was valid"),
        (charged(), tariff(elements=[RESERVED]), "no price applies to it"),
        (cdr(1), GOLD, "a charge without periods"),
        (charged() | {"charging_periods": [{"start_date_time": "soon", "dimensions": []}]}, GOLD, "soon"),
        (
            charged()
            | {
                "charging_periods": [
                    {
                        "start_date_time": "2026-05-03T09:00:00Z",
                        "dimensions": [{"type": "PARKING_TIME", "volume": Decimal(1)}],
                    }
                ]
            },
            GOLD,
            "name no energy",
        ),
        (charged(), tariff(price("ENERGY", "4"), currency="XXQ"), "no currency XXQ"),
        (
            charged(),
            tariff({"type": "ENERGY", "price": Decimal(4), "step_size": 1}, tax_included="YES"),
            "before VAT is not known",
        ),
    ],
)
def test_what_our_tariff_cannot_price_is_refused_with_the_reason(
    document: Document, ours: Document, reason: str
) -> None:
    with pytest.raises(
        CannotInvoice, match=rf"CDR SE\*VLT\*CDR-0001: the driver's tariffs do not price it: .*{reason}"
    ):
        priced(document, ours)


def test_the_tariff_of_the_charges_type_and_time_is_taken() -> None:
    before = tariff(price("ENERGY", "1"), id="OLD", end_date_time="2026-05-01T00:00:00Z")
    special = tariff(price("ENERGY", "2"), id="ADHOC", type="AD_HOC_PAYMENT")
    usual = tariff(price("ENERGY", "3"), id="USUAL", type="REGULAR")
    assert priced(charged(), before, special, usual).tariff == "USUAL"


def test_a_credit_gives_back_what_was_charged() -> None:
    original = priced(charged(), GOLD)
    back = taken_back(read_charge(credit(2, 1)), original)
    assert (back.net, back.currency, back.told) == (-63, "SEK", original.told)
    note = _draft([back], SWEDISH)
    assert (note.type_code, note.payable, note.rows[0].exact_net) == ("381", Decimal("78.75"), 63)


def test_without_tariffs_the_cdr_tells_its_parts() -> None:
    document = cdr(
        1,
        "5",
        total_energy_cost={"before_taxes": Decimal("3.5")},
        total_parking_cost={"before_taxes": Decimal(1)},
        total_parking_time=Decimal("0.25"),
    )
    made = passed_on(document, read_charge(document))
    assert made.net == 5
    assert [(each.what, each.net, each.quantity) for each in made.components] == [
        ("ENERGY", Decimal("3.5"), Decimal("12.345")),
        ("PARKING_TIME", Decimal(1), Decimal("0.25")),
        ("OTHER", Decimal("0.5"), None),
    ]
    assert made.told is None


def test_without_tariffs_a_credit_tells_what_is_given_back() -> None:
    document = credit(2, 1, "-5", total_energy_cost={"before_taxes": Decimal(-4)})
    made = passed_on(document, read_charge(document))
    assert made.net == -5
    assert [(each.what, each.net) for each in made.components] == [("ENERGY", Decimal(4)), ("OTHER", Decimal(1))]


def test_every_part_has_its_word() -> None:
    """What the engine may name on a line, and what is left over."""
    parts = {*SESSION_DIMENSIONS, *RESERVATION_DIMENSIONS, "FLAT", "LIMIT", "ROUNDING", "OTHER"}
    for words in LANGUAGES.values():
        assert parts <= words.components.keys()


def test_moments_are_by_the_clock_of_the_place() -> None:
    zone = clock_of(charged(), None)
    assert zone == "Europe/Stockholm"
    row = _draft([at_place(priced(charged(), GOLD), time_zone(zone))], SWEDISH).rows[0]
    assert f"{row.start:%H:%M}" == "11:00"
    assert clock_of(charged(), "Europe/Berlin") == "Europe/Berlin"
    assert clock_of(charged(), "Mars/Olympus") == "Europe/Stockholm"
    assert clock_of(charged(place="USA"), None) is None


def test_a_night_with_two_clocks_is_as_long_as_it_was() -> None:
    night = cdr(1, start_date_time="2026-10-25T00:30:00Z", end_date_time="2026-10-25T01:30:00Z")
    row = _draft([at_place(read_charge(night), time_zone("Europe/Stockholm"))], SWEDISH).rows[0]
    assert (row.end - row.start, row.start.hour, row.end.hour) == (timedelta(hours=1), 2, 2)


@given(
    st.lists(st.tuples(st.decimals("0.01", 900, places=2), st.integers(1, 80_000)), min_size=1, max_size=12),
    st.sampled_from([6, 12, 19, 20, 25]),
    st.integers(0, 20),
)
def test_a_driver_pays_to_the_cent_what_the_prices_with_vat_make(
    charges: list[tuple[Decimal, int]], rate: int, line_limit: int
) -> None:
    made, told = [], Fraction(0)
    for number, (each, watt_hours) in enumerate(charges):
        energy = Decimal(watt_hours) / 1000
        document = charged(id=f"C{number}", total_energy=energy)
        document["charging_periods"][0]["dimensions"][0]["volume"] = energy
        ours = tariff(price("ENERGY", str(each), vat=Decimal(rate)), tax_included="YES")
        made.append(priced(document, ours))
        told += Fraction(each) * Fraction(energy)
    paper = _draft(made, VatRule(category="S", rate=Decimal(rate)), line_limit=line_limit)
    assert paper.payable == rounded(told, 2)
    assert paper.total + paper.payable_rounding == paper.payable
    assert abs(paper.payable_rounding) <= Decimal("0.01") * (len(made) + 1)
    assert read(text(paper)) == paper


def test_partners_see_utc() -> None:
    assert f"{invoice(charged()).rows[0].start:%H:%M}" == "09:00"
