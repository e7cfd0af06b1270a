"""Prices before there is anything to price."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from evmesh.pricing.quote import cost_curve, quote
from evmesh.pricing.zones import time_zone
from tests.pricing.documents import at, component, element, tariff

ZONE = "Europe/Amsterdam"
MINUTE = timedelta(minutes=1)

PARKING = tariff(
    element(component("FLAT", "0.50")),
    element(component("ENERGY", "0.40"), end_time="17:00"),
    element(component("ENERGY", "0.60")),
    element(component("PARKING_TIME", "0"), max_duration=7200),
    element(component("PARKING_TIME", "6", step_size=60)),
)


def test_twenty_kwh_now_and_three_hours_stay() -> None:
    """From 16:00 local at 20 kW: 20 kWh before 17:00, then two hours parked, the second of them at 6."""
    bill = quote(PARKING, at("2026-01-12 15:00"), 20, ZONE, power_kw=20, stay=timedelta(hours=3))
    assert bill.total.net == Fraction("0.5") + 8 + 6
    assert not [finding for finding in bill.findings if finding.severity != "info"]


def test_a_duration_spreads_the_energy_evenly() -> None:
    """From 16:30 to 17:30 local: half of it before 17:00."""
    bill = quote(PARKING, at("2026-01-12 15:30"), 20, ZONE, duration=timedelta(hours=1))
    assert bill.total.net == Fraction("0.5") + 4 + 6


def test_a_power_curve_says_when_the_energy_is_in() -> None:
    """50 kW for 12 minutes are 10 kWh; the other 10 at 20 kW take 30 minutes."""
    curve = [(timedelta(0), Decimal(50)), (12 * MINUTE, Decimal(20))]
    bill = quote(PARKING, at("2026-01-12 10:00"), 20, ZONE, power_kw=curve)
    assert bill.total_time == 42 * 60
    assert bill.total_energy == 20


def test_a_tariff_that_asks_for_current_is_told_it() -> None:
    """Below 32 A an hour costs 1, from there on 2; the parked car draws nothing. Unasked, nothing is invented."""
    tiers = tariff(
        element(component("TIME", 1), component("PARKING_TIME", 4), max_current=32),
        element(component("TIME", 2), component("PARKING_TIME", 8), min_current=32),
    )
    begins, stay = at("2026-01-12 10:00"), timedelta(hours=2)
    for amperes, net in ((16, 1 + 4), (32, 2 + 4)):
        assert quote(tiers, begins, 10, ZONE, power_kw=10, current_a=amperes, stay=stay).total.net == net
    untold = quote(tiers, begins, 10, ZONE, power_kw=10, stay=stay)
    assert "current_not_reported" in {finding.code for finding in untold.findings if finding.severity == "warning"}


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_hours_pass_alike_when_the_clocks_change(day: str) -> None:
    """A driver says 00:30 on the wall and four hours; two of them charge, two are parked."""
    begins = datetime.fromisoformat(f"{day} 00:30").replace(tzinfo=time_zone(ZONE))
    tiers = tariff(element(component("TIME", 1), component("PARKING_TIME", 10)))
    assert quote(tiers, begins, 10, ZONE, power_kw=5, stay=timedelta(hours=4)).total.net == 2 + 20
    assert quote(tiers, begins, 10, ZONE, duration=timedelta(hours=4)).total.net == 4
    points = cost_curve(tiers, begins, 10, ZONE, duration=timedelta(hours=4), every=timedelta(hours=1))
    assert [point.cost.net for point in points] == [1, 2, 3, 4]


def test_a_stay_that_is_too_short_breaks_the_charge_off() -> None:
    bill = quote(PARKING, at("2026-01-12 10:00"), 20, ZONE, power_kw=10, stay=timedelta(minutes=30))
    assert bill.total_energy == 5


def test_a_quote_of_no_energy_is_a_price_of_parking() -> None:
    bill = quote(PARKING, at("2026-01-12 10:00"), 0, ZONE, power_kw=10, stay=timedelta(hours=3))
    assert bill.total.net == Fraction("0.5") + 6


def test_the_curve_shows_where_the_fee_begins() -> None:
    points = cost_curve(
        PARKING, at("2026-01-12 10:00"), 20, ZONE, power_kw=20, stay=timedelta(hours=3), every=timedelta(minutes=60)
    )
    assert [(int(point.energy_kwh), point.cost.net) for point in points] == [
        (20, Fraction("8.5")),
        (20, Fraction("8.5")),
        (20, Fraction("14.5")),
    ]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "either a duration or a power"),
        ({"duration": timedelta(0)}, "no duration"),
        ({"power_kw": 0}, "never reached"),
        ({"power_kw": -1}, "never falls below 0"),
        ({"power_kw": [(timedelta(0), Decimal(1)), (timedelta(0), Decimal(2))]}, "ascend"),
        ({"power_kw": [(MINUTE, Decimal(1))]}, "begins at 0"),
        ({"power_kw": Decimal("0.0001")}, "never reached"),
        ({"power_kw": 20, "stay": timedelta(days=40)}, "a month"),
        ({"power_kw": 20, "current_a": -1}, "no current"),
        ({"power_kw": 20, "stay": timedelta(0)}, "no charge"),
    ],
)
def test_an_impossible_wish_is_refused(asked: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        quote(PARKING, at("2026-01-12 10:00"), 20, ZONE, **asked)  # type: ignore[arg-type]


def test_enormous_energies_and_tiny_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="no charge"):
        quote(PARKING, at("2026-01-12 10:00"), 10**9, ZONE, power_kw=20)
    with pytest.raises(ValueError, match="too small"):
        cost_curve(PARKING, at("2026-01-12 10:00"), 20, ZONE, power_kw=1, every=timedelta(milliseconds=1))
