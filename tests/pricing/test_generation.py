"""From meter values to charging periods and money."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from evmesh.pricing.generation import (
    CannotBePriced,
    ImpossibleReadings,
    Reading,
    cdr_costs,
    charging_periods,
    running_cost,
)
from evmesh.pricing.price import price
from tests.pricing.documents import at, cdr, component, element, period, tariff

ZONE = "Europe/Amsterdam"
START = at("2026-01-12 15:00")

EVENING = tariff(
    element(component("ENERGY", "0.20"), end_time="17:00"),
    element(component("ENERGY", "0.40")),
)


def reading(minutes: int, kwh: str, **rest: Any) -> Reading:
    return Reading(START + timedelta(minutes=minutes), Decimal(kwh), **rest)


def starts(periods: list[dict[str, Any]]) -> list[str]:
    return [each["start_date_time"][11:16] for each in periods]


def volumes(each: dict[str, Any]) -> dict[str, Decimal]:
    return {dimension["type"]: dimension["volume"] for dimension in each["dimensions"]}


def test_a_period_ends_where_the_clock_changes_the_price() -> None:
    """17:00 in Amsterdam is 16:00 UTC in winter; energy flows evenly between two readings."""
    periods = charging_periods([reading(0, "100"), reading(120, "110")], EVENING, ZONE)
    assert starts(periods) == ["15:00", "16:00"]
    assert [volumes(each) for each in periods] == [{"ENERGY": 5, "TIME": 1}, {"ENERGY": 5, "TIME": 1}]
    assert periods[0]["tariff_id"] == "T1"


def test_readings_between_which_nothing_changes_make_one_period() -> None:
    periods = charging_periods([reading(n, str(100 + n)) for n in range(0, 50, 10)], EVENING, ZONE)
    assert starts(periods) == ["15:00"]
    assert volumes(periods[0])["ENERGY"] == 40


def test_parking_is_told_from_charging() -> None:
    readings = [reading(0, "5"), reading(30, "15", status="parking"), reading(50, "15.01", status="parking")]
    periods = charging_periods(readings, EVENING, ZONE, until=START + timedelta(minutes=54))
    assert [volumes(each) for each in periods] == [
        {"ENERGY": 10, "TIME": Decimal("0.5")},
        {"ENERGY": Decimal("0.01"), "PARKING_TIME": Decimal("0.4")},
    ]


def test_energy_and_duration_limits_cut() -> None:
    tiers = tariff(
        element(component("ENERGY", "0.30"), max_kwh=Decimal(3)),
        element(component("ENERGY", "0.50")),
        element(component("TIME", "0"), max_duration=1800),
        element(component("TIME", "6")),
    )
    periods = charging_periods([reading(0, "0"), reading(60, "12")], tiers, ZONE)
    assert starts(periods) == ["15:00", "15:15", "15:30"]
    assert [volumes(each)["ENERGY"] for each in periods] == [3, 3, 6]
    bill = price(cdr(*periods, end="2026-01-12T16:00:00Z"), [tiers], ZONE)
    assert bill.total.net == Decimal("0.9") + Decimal("4.5") + 3
    assert {finding.code for finding in bill.findings} == {"tax_not_stated"}


def test_power_limits_cut_at_readings_and_are_reported() -> None:
    fast = tariff(
        element(component("ENERGY", "0.30"), max_power=Decimal(22)),
        element(component("ENERGY", "0.60")),
    )
    readings = [
        reading(0, "0", power_kw=Decimal(11)),
        reading(30, "6", power_kw=Decimal(50)),
        reading(60, "30", power_kw=Decimal(48)),
    ]
    periods = charging_periods(readings, fast, ZONE, until=START + timedelta(minutes=70))
    assert starts(periods) == ["15:00", "15:30"]
    assert volumes(periods[1]) == {"ENERGY": 24, "TIME": Decimal("0.6667"), "MIN_POWER": 48, "MAX_POWER": 50}


def test_no_period_crosses_a_limit_of_power_that_changes_nothing() -> None:
    """5 and 40 kW meet the same price, outside the band between 10 and 30; one period of both would cross it."""
    band = tariff(
        element(component("ENERGY", "0.30"), min_power=10, max_power=30), element(component("ENERGY", "0.50"))
    )
    readings = [reading(0, "0", power_kw=Decimal(5)), reading(30, "2.5", power_kw=Decimal(40)), reading(60, "22.5")]
    periods = charging_periods(readings, band, ZONE)
    assert starts(periods) == ["15:00", "15:30"]
    bill = price(cdr(*periods, end="2026-01-12T16:00:00Z"), [band], ZONE)
    assert "period_spans_power_band" not in {finding.code for finding in bill.findings}


def test_power_that_no_station_reported_is_the_mean() -> None:
    fast = tariff(
        element(component("ENERGY", "0.30"), max_power=Decimal(22)),
        element(component("ENERGY", "0.60")),
    )
    periods = charging_periods([reading(0, "0"), reading(30, "5"), reading(60, "30")], fast, ZONE)
    assert [volumes(each)["MIN_POWER"] for each in periods] == [10, 50]


def test_the_reserved_time_is_a_period_of_its_own() -> None:
    both = tariff(
        element(component("TIME", "5", step_size=60), reservation="RESERVATION"),
        element(component("FLAT", "0.5"), component("ENERGY", "0.25")),
    )
    readings = [reading(0, "0"), reading(60, "20")]
    periods = charging_periods(readings, both, ZONE, reserved_from=START - timedelta(minutes=15))
    assert [volumes(each) for each in periods] == [
        {"RESERVATION_TIME": Decimal("0.25")},
        {"ENERGY": 20, "TIME": 1},
    ]
    costs = cdr_costs(cdr(*periods, end="2026-01-12T16:00:00Z"), [both], ZONE)
    assert costs == {
        "total_cost": {"before_taxes": Decimal("6.75"), "taxes": []},
        "total_fixed_cost": {"before_taxes": Decimal("0.5"), "taxes": []},
        "total_energy_cost": {"before_taxes": 5, "taxes": []},
        "total_reservation_cost": {"before_taxes": Decimal("1.25"), "taxes": []},
    }


def test_a_reservation_that_was_never_used() -> None:
    periods = charging_periods([], EVENING, ZONE, reserved_from=START, until=START + timedelta(minutes=30))
    assert [volumes(each) for each in periods] == [{"RESERVATION_TIME": Decimal("0.5")}]


def test_no_digit_is_lost_by_cutting() -> None:
    """Thirds of a kWh: the sum of the printed volumes is the register's difference."""
    cuts = tariff(
        *(element(component("ENERGY", f"0.{n}"), max_duration=n * 97) for n in range(1, 9)),
        element(component("ENERGY", "1")),
    )
    periods = charging_periods([reading(0, "17.3331"), reading(41, "27.6662")], cuts, ZONE)
    assert len(periods) == 9
    assert sum(volumes(each)["ENERGY"] for each in periods) == Decimal("10.3331")


def test_a_tax_is_named_with_its_rate() -> None:
    taxed = tariff(element(component("ENERGY", "0.333", vat=21)))
    costs = cdr_costs(cdr(period("2026-01-12T09:00:00Z", ENERGY="7.1"), end="2026-01-12T10:00:00Z"), [taxed], ZONE)
    assert costs["total_cost"] == {
        "before_taxes": Decimal("2.3643"),
        "taxes": [{"name": "VAT", "percentage": 21, "amount": Decimal("0.4965")}],
    }


def test_a_session_shows_the_price_that_its_cdr_will_carry() -> None:
    session = {
        "start_date_time": "2026-01-12T15:00:00Z",
        "currency": "EUR",
        "charging_periods": charging_periods([reading(0, "0"), reading(30, "8")], EVENING, ZONE),
    }
    until = START + timedelta(minutes=30)
    assert running_cost(session, [EVENING], ZONE, until=until) == {"before_taxes": Decimal("1.6"), "taxes": []}
    nothing_yet = session | {"charging_periods": []}
    assert running_cost(nothing_yet, [EVENING], ZONE, until=until) == {"before_taxes": 0, "taxes": []}


def test_a_figure_that_would_be_a_guess_is_refused() -> None:
    gross = tariff(element(component("TIME", "2.10")), tax_included="YES")
    charge = cdr(period("2026-01-12T09:00:00Z", TIME=1), end="2026-01-12T10:00:00Z")
    with pytest.raises(CannotBePriced, match="a component names no vat"):
        cdr_costs(charge, [gross], ZONE)
    with pytest.raises(CannotBePriced, match="no tariff to price by"):
        cdr_costs(charge, [], ZONE)


def test_impossible_readings_are_refused() -> None:
    with pytest.raises(ImpossibleReadings, match="fell from 9 to 8"):
        charging_periods([reading(0, "9"), reading(5, "8")], EVENING, ZONE)
    with pytest.raises(ImpossibleReadings, match="comes after a later one"):
        charging_periods([reading(5, "9"), reading(0, "9")], EVENING, ZONE)
    with pytest.raises(ImpossibleReadings, match="no register"):
        charging_periods([reading(5, "NaN")], EVENING, ZONE)
    with pytest.raises(ImpossibleReadings, match="does not last"):
        charging_periods([reading(0, "9")], EVENING, ZONE, until=START + timedelta(days=500))
    with pytest.raises(ImpossibleReadings, match="must end"):
        charging_periods([], EVENING, ZONE, reserved_from=START)
    with pytest.raises(CannotBePriced, match="at least one element"):
        charging_periods([reading(0, "9")], tariff(), ZONE)


def test_energy_that_flows_back_is_a_negative_volume() -> None:
    periods = charging_periods([reading(0, "9"), reading(30, "7")], EVENING, ZONE, feeds_in=True)
    assert volumes(periods[0])["ENERGY"] == -2


def test_a_register_that_falls_goes_back_through_the_tiers() -> None:
    """10 kWh at 0.30 and 2 at 0.50; of the 6 that flow back, 2.0001 at 0.50, and none is priced half-way."""
    tiers = tariff(element(component("ENERGY", "0.30"), max_kwh=10), element(component("ENERGY", "0.50")))
    readings = [reading(0, "0"), reading(60, "12"), reading(120, "6")]
    periods = charging_periods(readings, tiers, ZONE, feeds_in=True)
    assert starts(periods) == ["15:00", "15:50", "16:00", "16:20"]
    assert [volumes(each)["ENERGY"] for each in periods] == [10, 2, Decimal("-2.0001"), Decimal("-3.9999")]
    bill = price(cdr(*periods, end="2026-01-12T17:00:00Z"), [tiers], ZONE)
    assert bill.total.net == 3 + 1 - Fraction("1.00005") - Fraction("1.19997")
    assert "period_spans_price_change" not in {finding.code for finding in bill.findings}


def test_a_period_in_which_the_register_falls_through_a_tier_is_told() -> None:
    tiers = tariff(element(component("ENERGY", "0.30"), max_kwh=10), element(component("ENERGY", "0.50")))
    periods = [period("2026-01-12T15:00:00Z", ENERGY=12), period("2026-01-12T16:00:00Z", ENERGY=-6)]
    bill = price(cdr(*periods, end="2026-01-12T17:00:00Z"), [tiers], ZONE)
    told = {
        finding.pointer: finding.message for finding in bill.findings if finding.code == "period_spans_price_change"
    }
    assert "evenly spread it would be -2.2000" in told["/charging_periods/1"]


def test_without_a_tariff_only_the_status_cuts() -> None:
    readings = [reading(0, "0", current_a=Decimal(16)), reading(90, "9", status="parking")]
    periods = charging_periods(readings, None, ZONE, until=START + timedelta(minutes=120))
    assert starts(periods) == ["15:00", "16:30"]
    assert volumes(periods[0])["MAX_CURRENT"] == 16
    assert "tariff_id" not in periods[0]
