"""Tariffs and bills in words."""

import string
from decimal import Decimal

import pytest

from evmesh.pricing.diff import diff
from evmesh.pricing.explain import NotReadable, explain, explain_bill
from evmesh.pricing.price import price
from evmesh.pricing.words import ENGLISH, LANGUAGES, Words
from tests.pricing.documents import cdr, component, element, period, tariff

ZONE = "Europe/Amsterdam"
WORKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
NIGHTS = ["FRIDAY", "SUNDAY"]

TARIFF = tariff(
    element(component("FLAT", "0.5", vat=21)),
    element(component("ENERGY", "0.25", vat=21), start_time="22:00", end_time="06:00", day_of_week=NIGHTS),
    element(component("ENERGY", "0.45", vat=21, step_size=100)),
    element(component("PARKING_TIME", 0, vat=21), max_duration=7200),
    element(component("PARKING_TIME", 6, vat=21, step_size=900)),
    element(component("FLAT", 4, vat=21), reservation="RESERVATION_EXPIRES"),
    min_price={"before_taxes": 1, "after_taxes": Decimal("1.21")},
    start_date_time="2026-01-01T00:00:00Z",
)


def test_a_tariff_in_english() -> None:
    assert explain(TARIFF) == [
        "Tariff T1 in EUR",
        "Valid from 2026-01-01 00:00 UTC.",
        "Prices are without taxes.",
        "Once per charge: 0.5 EUR, plus 21 % VAT.",
        "Energy, Friday and Sunday, from 22:00 to 06:00: 0.25 EUR per kWh, plus 21 % VAT.",
        "Energy, otherwise: 0.45 EUR per kWh, plus 21 % VAT, billed in steps of 100 Wh.",
        "Parking without charging, during the first 2 h of the session: free of charge.",
        "Parking without charging, otherwise: 6 EUR per hour, plus 21 % VAT, billed in steps of 15 min.",
        "Reservation that runs out unused, once: 4 EUR, plus 21 % VAT.",
        "A charge costs at least 1 EUR before and 1.21 EUR after taxes.",
        "Not charged for: charging time.",
        "Where several prices for the same thing are listed, the first that applies counts.",
    ]


def test_the_same_in_swedish() -> None:
    said = explain(TARIFF, "sv-SE")
    assert said[3:6] == [
        "En gång per laddning: 0,5 EUR, plus 21 % moms.",
        "Energi, fredag och söndag, klockan 22:00 till 06:00: 0,25 EUR per kWh, plus 21 % moms.",
        "Energi, annars: 0,45 EUR per kWh, plus 21 % moms, debiteras i steg om 100 Wh.",
    ]


def test_every_condition_has_words() -> None:
    conditions = tariff(
        element(component("ENERGY", 1), max_kwh=10),
        element(component("ENERGY", 1), min_kwh=10, max_kwh=20),
        element(component("ENERGY", 1), min_kwh=20, max_power=22),
        element(component("ENERGY", 1), min_power=22, max_power=50),
        element(component("ENERGY", 1), min_power=50, day_of_week=["SATURDAY", "SUNDAY"]),
        element(component("TIME", 1), max_current=16, day_of_week=WORKDAYS),
        element(component("TIME", 1), min_current=16, max_current=32, min_duration=90, max_duration=600),
        element(component("TIME", 1, step_size=90), min_duration=600, start_date="2026-01-01", end_date="2026-02-01"),
        element(component("TIME", 1), start_date="2026-01-01", start_time="08:00", end_time="08:00"),
        element(component("TIME", 1), end_date="2026-01-01", end_time="08:00", min_current=1),
        element(component("TIME", 1), booking="BOOKING_OVERTIME"),
        tax_included="YES",
        max_price={"before_taxes": 9},
        end_date_time="2027-01-01T00:00:00Z",
    )
    said = "\n".join(explain(conditions))
    for words in (
        "for the first 10 kWh", "from 10 to 20 kWh", "after 20 kWh, below 22 kW", "from 22 to below 50 kW",
        "Saturday and Sunday, from 50 kW", "Monday to Friday, below 16 A", "from 90 s to 10 min of the session",
        "from 2026-01-01 until 2026-02-01", "billed in steps of 90 s", "all day, from 2026-01-01 on",
        "from 00:00 to 08:00, before 2026-01-01", "Staying longer than booked, its time", "at most 9 EUR before taxes",
        "Valid until 2027-01-01", "Prices are with taxes",
    ):  # fmt: skip
        assert words in said


def test_a_free_tariff_is_said_to_be_free() -> None:
    free = tariff(
        element(component("FLAT", 0)), start_date_time="2026-01-01T00:00:00Z", end_date_time="2027-01-01T00:00:00Z"
    )
    assert explain(free) == [
        "Tariff T1 in EUR",
        "Valid from 2026-01-01 00:00 UTC until 2027-01-01 00:00 UTC.",
        "Free of charge.",
    ]


def test_a_bill_says_where_each_amount_comes_from() -> None:
    charge = cdr(
        period("2026-01-16T21:00:00Z", ENERGY="10.03", TIME=1),
        period("2026-01-16T22:00:00Z", PARKING_TIME="1.2"),
        end="2026-01-16T23:12:00Z",
    )
    bill = price(charge, [TARIFF], ZONE)
    assert explain_bill(bill) == [
        "Period 1, Energy: 10.03 kWh × 0.25 = 2.5075 EUR, plus 21 % VAT"
        " (because: 22:00 local time is within 22:00-06:00; Friday)",
        "Period 1, Once per charge: 0.5 EUR, plus 21 % VAT (because: always)",
        "Period 2, Parking without charging: 1.2 h × 0 = 0 EUR, plus 21 % VAT (because: 3600 s so far; below 7200)",
        "Total: 3.0075 EUR before taxes, 3.6391 EUR after taxes",
        "warning: /charging_periods/1: PARKING_TIME costs 0 at the start of the period and 6 at its end;"
        " priced as 0.0000, evenly spread it would be 1.2000 [period_spans_price_change]",
    ]
    swedish = explain_bill(bill, "sv")
    assert swedish[0].endswith("(eftersom: klockan 22:00 lokal tid ligger inom 22:00-06:00; fredag)")


def test_a_period_of_years_is_not_spread_evenly() -> None:
    charge = cdr(period("2026-01-12T09:00:00Z", ENERGY=1), end="8000-01-12T22:00:00Z")
    spanning = [f for f in price(charge, [TARIFF], ZONE).findings if f.code == "period_spans_price_change"]
    cheap = price(charge, [tariff(element(component("ENERGY", 1), end_date="2027-01-01"))], ZONE).findings
    spanning += [finding for finding in cheap if finding.code == "period_spans_price_change"]
    assert spanning
    assert all("evenly" not in finding.message for finding in spanning)


def test_limits_steps_and_unknown_taxes_are_said() -> None:
    charge = cdr(period("2026-01-12T09:00:00Z", ENERGY="1.01", TIME=1), end="2026-01-12T10:00:00Z")
    steps = tariff(element(component("ENERGY", 1, step_size=500)), max_price={"before_taxes": 1})
    assert explain_bill(price(charge, [steps], ZONE, taxes_known=False))[:3] == [
        "Period 1, Energy, 1.01 kWh billed as 1.5: 1.5 kWh × 1 = 1.5 EUR (because: always)",
        "Lowered to the maximum price: -0.5 EUR",
        "Total: 1.00 EUR before taxes; the taxes are not known",
    ]
    inside = tariff(
        element(component("ENERGY", 1)), tax_included="YES", min_price={"before_taxes": 1, "after_taxes": 2}
    )
    assert explain_bill(price(charge, [inside], ZONE))[1:3] == [
        "Raised to the minimum price: 0.99 EUR",
        "Total: 2.00 EUR after taxes; the amount before taxes is not known",
    ]
    assert explain_bill(price(charge, [], ZONE))[0] == "This charge cannot be priced."


def test_a_reservation_and_its_fee_are_told_from_the_charge() -> None:
    reserving = tariff(
        element(component("TIME", 2, vat=21), component("FLAT", 3, vat=21), reservation="RESERVATION"),
        element(component("FLAT", 1, vat=21), component("ENERGY", "0.25", vat=21)),
        tax_included="N/A",
    )
    charge = cdr(
        period("2026-01-12T09:00:00Z", RESERVATION_TIME=1),
        period("2026-01-12T10:00:00Z", ENERGY=4),
        end="2026-01-12T11:00:00Z",
    )
    assert explain_bill(price(charge, [reserving], ZONE)) == [
        "Period 1, Reservation: 1 h × 2 = 2 EUR (because: Reservation)",
        "Period 1, Reservation, once: 3 EUR (because: Reservation)",
        "Period 2, Energy: 4 kWh × 0.25 = 1 EUR (because: always)",
        "Period 2, Once per charge: 1 EUR (because: always)",
        "Total: 7.00 EUR before taxes, 7.00 EUR after taxes",
    ]


@pytest.mark.parametrize("bound", ["min_kwh", "min_duration", "min_power", "min_current"])
def test_a_bound_that_excludes_nothing_is_not_said(bound: str) -> None:
    assert explain(tariff(element(component("ENERGY", 1), **{bound: 0})))[2] == "Energy: 1 EUR per kWh."


def test_every_day_is_every_day() -> None:
    week = [*WORKDAYS, "SATURDAY", "SUNDAY"]
    assert "Energy, every day: 1 EUR per kWh." in explain(tariff(element(component("ENERGY", 1), day_of_week=week)))


def test_a_gross_limit_alone_is_said() -> None:
    assert "A charge costs at most 3 EUR after taxes." in explain(
        tariff(element(component("ENERGY", 1)), max_price={"after_taxes": 3})
    )


def test_nothing_is_explained_that_cannot_be_priced() -> None:
    with pytest.raises(NotReadable, match="at least one element"):
        explain(tariff())
    with pytest.raises(ValueError, match="there are en, sv"):
        explain(TARIFF, "tlh")


@pytest.mark.parametrize("table", LANGUAGES.values(), ids=LANGUAGES)
def test_every_language_says_the_same_things(table: Words) -> None:
    """The same keys, and in each sentence the same blanks."""
    assert table.keys() == ENGLISH.keys()
    for key, sentence in table.items():
        blanks = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
        expected = {name for _, name, _, _ in string.Formatter().parse(ENGLISH[key]) if name}
        assert blanks == expected, key


def test_a_new_tariff_is_compared_in_money() -> None:
    dearer = TARIFF | {"elements": [element(component("ENERGY", "0.50", vat=21))], "min_price": None}
    found = diff(TARIFF, dearer, ZONE)
    road = next(each for each in found.charges if each.charge.name.startswith("on the road"))
    assert [road.before.net, road.after.net, road.change.net] == [23, 25, 2]
    assert "Energy: 0.5 EUR per kWh, plus 21 % VAT." in found.new
    assert "Once per charge: 0.5 EUR, plus 21 % VAT." in found.gone
    assert found.document()["charges"][4]["change"]["before_taxes"] == "2"


def test_a_limit_that_moves_only_the_amount_after_taxes_says_which_way() -> None:
    """1 + 4 = 5 before taxes, 5.21 after: the minimum after taxes adds 0.84."""
    limited = tariff(
        element(component("ENERGY", "0.25", vat=21), component("FLAT", 4, vat=0)),
        min_price={"before_taxes": 5, "after_taxes": Decimal("6.05")},
    )
    charge = cdr(period("2026-01-12T09:00:00Z", ENERGY=4), end="2026-01-12T10:00:00Z")
    assert "Raised to the minimum price: 0.84 EUR" in explain_bill(price(charge, [limited], ZONE))
