"""Verdicts: whether a CDR's price is right, and where a wrong one comes from."""

from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evmesh.pricing import check as checking
from evmesh.pricing.check import check
from evmesh.pricing.generation import CannotBePriced, cdr_costs
from evmesh.pricing.habit_words import SWEDISH, in_words
from evmesh.pricing.habits import READINGS, ROUNDINGS, Habit
from evmesh.pricing.plan import read_plan
from evmesh.pricing.policy import STANDARD
from evmesh.pricing.price import FINISH, price_timeline, refinished
from evmesh.pricing.timeline import read_timeline
from tests.pricing.cases import shared_cases
from tests.pricing.documents import cdr, component, element, period, tariff
from tests.pricing.strategies import charges, tariffs
from tests.shared import needs_shared

ZONE = "Europe/Amsterdam"

TARIFF = tariff(
    element(component("FLAT", "0.50", vat=21)),
    element(component("ENERGY", "0.333", vat=21), start_time="08:00", end_time="20:00"),
    element(component("ENERGY", "0.25", vat=21)),
    element(component("TIME", "1.20", vat=21, step_size=300)),
)


def charge(net: str, gross: str | None = None, **fields: Any) -> dict[str, Any]:
    """20 kWh in two periods of 07:30 to 08:37 local in summer: 4.55 + 20 kWh; exact net 0.5 + 1.25 + 4.995 + 1.4."""
    taxes = [] if gross is None else [{"name": "VAT", "amount": Decimal(gross) - Decimal(net)}]
    return cdr(
        period("2026-07-06T05:30:00Z", ENERGY=5, TIME="0.5"),
        period("2026-07-06T06:00:00Z", ENERGY=15, TIME="0.6167"),
        end="2026-07-06T06:37:00Z",
        total_cost={"before_taxes": Decimal(net), "taxes": taxes},
        total_energy=20,
        total_time=Decimal("1.1167"),
        **fields,
    )


def verdict(document: dict[str, Any], **rest: Any) -> tuple[str, tuple[str, ...]]:
    found = check(document, [TARIFF], ZONE, **rest)
    return found.verdict, tuple(habit.code for habit in found.habits)


def test_the_exact_price_agrees_in_any_number_of_digits() -> None:
    """0.5 + 5 x 0.25 + 15 x 0.333 + 70 min at 1.20 = 8.145 net, 9.85545 gross."""
    assert verdict(charge("8.145", "9.85545")) == ("agrees", ())
    assert verdict(charge("8.15", "9.86")) == ("agrees", ())
    assert verdict(charge("8.145")) == ("agrees", ())


def test_less_than_half_a_coin_is_within_tolerance() -> None:
    assert verdict(charge("8.149", "9.8594")) == ("within_tolerance", ())
    assert verdict(charge("8.14", "9.84"), tolerance=Decimal("0.02")) == ("within_tolerance", ())


@pytest.mark.parametrize(
    ("net", "gross", "habits"),
    [
        ("6.90", "8.35", ("wrong_zone_utc",)),
        ("8.085", "9.78285", ("step_size_ignored",)),
        ("7.645", "9.25045", ("no_flat_charged",)),
        ("8.145", "8.145", ("tax_left_out",)),
        ("9.85545", None, ("gross_as_net",)),
        ("9.00", "10.00", ()),
    ],
)
def test_a_habit_explains_the_claim(net: str, gross: str | None, habits: tuple[str, ...]) -> None:
    assert verdict(charge(net, gross)) == ("explained" if habits else "differs", habits)


def test_every_habit_has_swedish_words() -> None:
    assert SWEDISH.keys() == {habit.code for habit in (*ROUNDINGS, *READINGS)}
    assert in_words("rounded_up", "the total rounded up", "en") == "the total rounded up"
    assert in_words("rounded_up", "the total rounded up", "sv") == "summan avrundad uppåt"


def test_a_reading_and_a_rounding_together() -> None:
    """UTC makes all 20 kWh cheap, 6.908; cut off, not rounded, that is 6.90."""
    odd = tariff(element(component("ENERGY", "0.3454", vat=21), end_time="08:00"), element(component("ENERGY", "1")))
    found = check(charge("6.90", "8.35"), [odd], ZONE)
    assert [habit.code for habit in found.habits] == ["wrong_zone_utc", "rounded_down"]


@needs_shared
def test_the_real_claim_is_explained_by_its_rounding() -> None:
    case = next(case for case in shared_cases() if case.name == "i04_hourly_market_prices")
    document, tariffs = case.canonical()
    found = check(document, tariffs, case.zone)
    assert (found.verdict, [habit.code for habit in found.habits]) == ("explained", ["periods_rounded_tax_on_sum"])
    assert found.document()["difference"] == {"before_taxes": "-0.00702", "after_taxes": "-0.0127942"}


@needs_shared
def test_a_credit_is_right_when_it_is_the_exact_negative() -> None:
    case = next(case for case in shared_cases() if case.name == "h35_credit_cdr")
    document, tariffs = case.canonical()
    assert check(document, tariffs, case.zone).verdict == "agrees"
    wrong = document | {"total_cost": {"before_taxes": -2, "taxes": []}}
    assert check(wrong, tariffs, case.zone).verdict == "differs"


def test_what_cannot_be_priced_gets_no_verdict_about_money() -> None:
    assert check(charge("8.145"), [], ZONE).verdict == "cannot_be_priced"
    named = charge("8.145")
    named["charging_periods"] = [each | {"tariff_id": "T9"} for each in named["charging_periods"]]
    assert check(named, [TARIFF], ZONE).verdict == "cannot_be_priced"
    silent = charge("8.145")
    del silent["total_cost"]
    found = check(silent, [TARIFF], ZONE)
    assert found.verdict == "cannot_be_priced"
    assert "no_claim" in {finding.code for finding in found.findings}
    endless = check(charge("NaN"), [TARIFF], ZONE)
    assert endless.verdict == "cannot_be_priced"


def test_without_a_search_a_difference_is_just_a_difference() -> None:
    assert verdict(charge("6.90", "8.35"), search=False) == ("differs", ())


def test_part_costs_are_looked_at_where_the_total_agrees() -> None:
    document = charge("8.145", total_energy_cost={"before_taxes": Decimal("6.2"), "taxes": []})
    found = check(document, [TARIFF], ZONE)
    assert "part_cost_differs" in {finding.code for finding in found.findings}


def test_a_fee_may_stand_with_the_fixed_part_or_with_what_it_is_for() -> None:
    """A FLAT of 2 for the reservation: we count it with the reservation, others with the fixed part."""
    fee = tariff(
        element(component("FLAT", 2), component("TIME", 4), reservation="RESERVATION"),
        element(component("FLAT", 1), component("ENERGY", "0.5")),
    )
    document = cdr(
        period("2026-01-12T09:00:00Z", RESERVATION_TIME="0.5"),
        period("2026-01-12T09:30:00Z", ENERGY=10, TIME=1),
        end="2026-01-12T10:30:00Z",
        total_cost={"before_taxes": 10, "taxes": []},
        total_energy=10,
        total_time=Decimal("1.5"),
    )

    def codes(fixed: int, reserved: int) -> set[str]:
        parts = {"total_fixed_cost": fixed, "total_reservation_cost": reserved}
        claimed = {name: {"before_taxes": amount, "taxes": []} for name, amount in parts.items()}
        return {finding.code for finding in check(document | claimed, [fee], ZONE).findings}

    assert "part_cost_differs" not in codes(1, 4)
    assert "part_cost_differs" not in codes(3, 2)
    assert "part_cost_differs" in codes(3, 3)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"total_energy": 21}, "total_energy_differs"),
        ({"total_time": 2}, "total_time_differs"),
        ({"total_parking_time": 2}, "total_parking_time_differs"),
        ({"total_energy": Decimal("NaN")}, "not_a_number"),
        ({"total_fixed_cost": {"before_taxes": 1, "taxes": []}}, "parts_do_not_add_up"),
        ({"id": "x" * 37}, "id_too_long"),
        ({"credit_reference_id": "C1"}, "reference_without_credit"),
        ({"credit": True}, "credit_without_reference"),
        ({"credit": True, "credit_reference_id": "C1"}, "credit_not_negative"),
        ({"cdr_location": {"country": "NLD", "evse_uid": "#NA"}}, "place_not_available"),
        ({"home_charging_compensation": True}, "home_charging"),
        ({"start_date_time": "1970-01-01T00:00:00Z"}, "date_of_1970"),
    ],
)
def test_what_contradicts_itself_is_found(fields: dict[str, Any], code: str) -> None:
    found = check(charge("8.145") | fields, [TARIFF], ZONE)
    assert code in {finding.code for finding in found.findings}


def test_a_negative_total_is_a_credit_or_a_question() -> None:
    negative = charge("-8.145") | {"total_energy_cost": {"before_taxes": -5, "taxes": []}}
    assert "negative_total" in {finding.code for finding in check(negative, [TARIFF], ZONE).findings}
    credit = negative | {"credit": True, "credit_reference_id": "C1"}
    found = check(credit, [TARIFF], ZONE)
    assert found.verdict == "agrees"
    assert "credit_parts_negative" in {finding.code for finding in found.findings}


def test_more_hours_than_the_period_has_and_more_power_than_a_charger() -> None:
    document = cdr(
        period("2026-01-12T09:00:00Z", ENERGY=5000, TIME=1, PARKING_TIME="0.5"),
        end="2026-01-12T10:00:00Z",
    )
    codes = {finding.code for finding in check(document, [TARIFF], ZONE).findings}
    assert {"time_exceeds_period", "implausible_power"} <= codes


@pytest.mark.parametrize(
    ("plain", "differs"),
    [
        ('OCMF|{"RD":[{"RV":1000.0,"RU":"kWh"},{"RV":1020.0,"RU":"kWh"}]}|{"SD":"x"}', False),
        ('OCMF|{"RD":[{"RV":1000000,"RU":"Wh"},{"RV":1021000,"RU":"Wh"}]}|{"SD":"x"}', True),
        ("OCMF|{broken", False),
        ("something else", False),
    ],
)
def test_signed_meter_values_are_held_against_the_energy(plain: str, differs: bool) -> None:
    values = [{"nature": "End", "plain_data": plain, "signed_data": "x"}]
    document = charge("8.145", signed_data={"encoding_method": "OCMF", "signed_values": values})
    codes = {finding.code for finding in check(document, [TARIFF], ZONE).findings}
    assert ("signed_energy_differs" in codes) == differs


def test_summer_time_left_out_is_recognised() -> None:
    """07:30 and 08:00 in Berlin are 06:30 and 07:00 by standard time: 5 x 0.5 + 15 x 1 instead of 20 x 1."""
    early = tariff(element(component("ENERGY", 1), start_time="07:00"), element(component("ENERGY", "0.5")))
    found = check(charge("17.5"), [early], "Europe/Berlin")
    assert [habit.code for habit in found.habits] == ["summer_time_ignored"]


def test_a_zone_without_whole_hours_has_no_other_standard_time() -> None:
    """Lord Howe moves its clocks by half an hour: no zone of whole hours keeps its winter time."""
    early = tariff(element(component("ENERGY", 1), start_time="07:00"), element(component("ENERGY", "0.5")))
    summer = charge("1")
    summer |= {"charging_periods": [period("2026-01-06T05:30:00Z", ENERGY=5, TIME="0.5")]}
    summer |= {"start_date_time": "2026-01-06T05:30:00Z", "end_date_time": "2026-01-06T06:00:00Z"}
    assert check(summer, [early], "Australia/Lord_Howe").verdict == "differs"


def test_habits_that_cannot_have_been_are_passed_over() -> None:
    """No country, no zone, no amount before taxes: nothing to compare with, and no crash."""
    nowhere = charge("3") | {"cdr_location": None}
    bare = tariff(element(component("ENERGY", 1)), tax_included="YES")
    assert check(nowhere, [bare]).verdict == "cannot_be_priced"
    plain = tariff(element(component("ENERGY", 1)))
    assert check(nowhere, [plain]).verdict == "differs"
    assert check(charge("3", "4"), [plain], taxes_known=False).verdict == "differs"
    gross = TARIFF | {"elements": [element(component("ENERGY", 1, vat=21))]}
    assert [habit.code for habit in check(charge("24.2", "24.2"), [gross]).habits] == ["gross_as_net"]


def test_a_habit_under_which_nothing_could_be_priced_is_no_habit() -> None:
    """The tariff ends half-way: whoever chooses anew for each period finds none, and whoever swaps taxes knows none."""
    ending = tariff(element(component("ENERGY", 1)), end_date_time="2026-07-06T05:45:00Z")
    assert check(charge("3"), [ending], ZONE, taxes_known=False).verdict == "differs"
    assert check(charge("20"), [ending], ZONE).verdict == "agrees"


def test_the_zone_of_the_country_is_tried() -> None:
    """06:30 and 07:00 in London are 07:30 and 08:00 in the Netherlands."""
    early = tariff(element(component("ENERGY", 1), start_time="07:30"), element(component("ENERGY", "0.5")))
    found = check(charge("20"), [early], "Europe/London")
    assert [habit.code for habit in found.habits] == ["zone_of_country"]


def test_a_claim_before_taxes_says_nothing_of_a_price_that_is_known_after_taxes_only() -> None:
    """Taxes are in the price and no rate is told: there is no figure to hold the claim against."""
    inside = tariff(element(component("ENERGY", "0.25")), tax_included="YES")
    found = check(charge("5.00"), [inside], ZONE)
    assert found.verdict == "cannot_be_priced"
    assert found.bill.total.gross == 5
    assert "not_comparable" in {finding.code for finding in found.findings}


@settings(max_examples=60, deadline=None)
@given(tariffs(), charges(), st.sampled_from(READINGS), st.sampled_from([*ROUNDINGS, None]))
def test_no_reading_is_passed_over_that_gives_the_claim(
    document: dict[str, Any], charge: dict[str, Any], reading: Habit, rounding: Habit | None
) -> None:
    """What surely changes nothing is not tried; all that may is."""
    policy = reading.policy(STANDARD if rounding is None else rounding.policy(STANDARD))
    zone = "Etc/UTC" if reading.zone == "utc" else ZONE
    try:
        claim = charge | {"total_cost": cdr_costs(charge, [document], zone, policy)["total_cost"]}
    except CannotBePriced:
        return
    found = check(claim, [document], ZONE)
    with (
        patch.object(checking, "matters", return_value=True),
        patch.object(checking, "zone_matters", return_value=True),
        patch.object(checking._Search, "in_reach", return_value=True),
    ):
        assert check(claim, [document], ZONE) == found


@settings(max_examples=60, deadline=None)
@given(tariffs(), charges(), st.sampled_from([*ROUNDINGS, *READINGS]), st.sampled_from(ROUNDINGS))
def test_rounding_and_limits_come_after_the_prices(
    document: dict[str, Any], charge: dict[str, Any], habit: Habit, rounding: Habit
) -> None:
    """A bill finished otherwise is the bill that the other policy gives."""
    policy = rounding.policy(habit.policy(STANDARD))
    plan, _ = read_plan(document)
    timeline, _ = read_timeline(charge, policy)
    assert plan is not None
    assert timeline is not None
    usual = policy.changed(**{field: getattr(STANDARD, field) for field in FINISH})
    bill = price_timeline(timeline, [plan], ZONE, usual)
    assert refinished(bill, timeline, [plan], policy) == price_timeline(timeline, [plan], ZONE, policy).total
