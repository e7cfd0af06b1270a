"""Every habit is recognised by name, on a charge whose claim nothing else explains; the claims are reckoned by hand."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.pricing.check import check
from evmesh.pricing.habits import READINGS, ROUNDINGS
from tests.pricing.documents import cdr, component, element, period, tariff

Document = dict[str, Any]


def energy(price: str | int, **rest: Any) -> Document:
    return component("ENERGY", price, **rest)


def time(price: str | int, **rest: Any) -> Document:
    return component("TIME", price, **rest)


def parking(price: str | int, **rest: Any) -> Document:
    return component("PARKING_TIME", price, **rest)


def flat(price: str | int, **rest: Any) -> Document:
    return component("FLAT", price, **rest)


def two_tiers(cheap: Document, dear: Document, **restrictions: Any) -> Document:
    return tariff(element(cheap, **restrictions), element(dear))


ONE = [period("2026-01-12T09:00:00Z", ENERGY=10, TIME=1)]
"""10 kWh in the hour from 10:00 on a Monday in Amsterdam."""

Case = tuple[list[Document], list[Document], str, str, str | None]

# By habit: tariffs, periods, the end (on 2026-01-12 where it is only a time), and the claim before and after taxes.
CASES: dict[str, Case] = {
    # 0.0834 h are five minutes; to the letter they are a second more, and two steps.
    "printed_hours_literally": (
        [tariff(element(time(12, step_size=300)))],
        [period("2026-01-12T09:00:00Z", TIME="0.0834")], "09:05", "2.00", None,
    ),
    "step_size_per_period": (
        [tariff(element(energy(1, step_size=1000)))],
        [period("2026-01-12T09:00:00Z", ENERGY="0.5"), period("2026-01-12T09:30:00Z", ENERGY="0.5")],
        "10:00", "2.00", None,
    ),
    "step_size_per_price": (
        [two_tiers(energy(1, step_size=1000), energy(3, step_size=1000), max_kwh=Decimal("0.5"))],
        [
            period("2026-01-12T09:00:00Z", ENERGY="0.5"), period("2026-01-12T09:20:00Z", ENERGY="0.25"),
            period("2026-01-12T09:40:00Z", ENERGY="0.25"),
        ],
        "10:00", "4.00", None,
    ),
    "step_size_ignored": (
        [tariff(element(energy(1, step_size=1000)))],
        [period("2026-01-12T09:00:00Z", ENERGY="1.5")], "10:00", "1.50", None,
    ),
    "both_times_rounded": (
        [tariff(
            element(time(6, step_size=600), max_duration=180),
            element(time(12, step_size=600), parking(6, step_size=600)),
        )],
        [
            period("2026-01-12T09:00:00Z", TIME="0.05"), period("2026-01-12T09:03:00Z", TIME="0.05"),
            period("2026-01-12T09:06:00Z", PARKING_TIME="0.0833"),
        ],
        "09:11", "2.70", None,
    ),
    "last_time_rounded": (
        [tariff(element(time(6, step_size=600), parking(12, step_size=600)))],
        [period("2026-01-12T09:00:00Z", PARKING_TIME="0.2667"), period("2026-01-12T09:16:00Z", TIME="0.35")],
        "09:37", "6.20", None,
    ),
    "step_counts_unpriced": (
        [tariff(element(parking(6, step_size=900), max_duration=480))],
        [period("2026-01-12T09:00:00Z", PARKING_TIME="0.1333"), period("2026-01-12T09:08:00Z", PARKING_TIME="0.2")],
        "09:20", "1.80", None,
    ),
    "wrong_zone_utc": ([two_tiers(energy("0.2"), energy("0.5"), end_time="10:00")], ONE, "10:00", "2.00", None),
    # 09:30 in summer time, 08:30 without it, 07:30 in UTC.
    "summer_time_ignored": (
        [tariff(
            element(energy("0.5"), start_time="09:00"), element(energy("0.2"), start_time="08:00"), element(energy(1)),
        )],
        [period("2026-07-06T07:30:00Z", ENERGY=10)], "2026-07-06T08:00:00Z", "2.00", None,
    ),
    "price_limits_ignored": (
        [tariff(element(energy("0.2")), min_price={"before_taxes": 5})], ONE, "10:00", "2.00", None,
    ),
    "each_flat_charged": (
        [tariff(element(flat(1), max_duration=60), element(flat(2), min_duration=60))],
        [period("2026-01-12T09:00:00Z", ENERGY=1), period("2026-01-12T09:30:00Z", ENERGY=1)], "10:00", "3.00", None,
    ),
    "last_flat_charged": (
        [tariff(element(flat(1), max_duration=60), element(flat(2), min_duration=60))],
        [period("2026-01-12T09:00:00Z", ENERGY=1), period("2026-01-12T09:30:00Z", ENERGY=1)], "10:00", "2.00", None,
    ),
    "no_flat_charged": ([tariff(element(flat(1), energy("0.2")))], ONE, "10:00", "2.00", None),
    "no_reservation_flat": (
        [tariff(element(flat(3), reservation="RESERVATION"), element(flat(1)))],
        [period("2026-01-12T09:00:00Z", RESERVATION_TIME="0.5"), period("2026-01-12T09:30:00Z", ENERGY=1)],
        "10:00", "1.00", None,
    ),
    "reservation_not_expired": (
        [tariff(element(time(6), reservation="RESERVATION_EXPIRES"), element(time(3), reservation="RESERVATION"))],
        [period("2026-01-12T09:00:00Z", RESERVATION_TIME=1)], "10:00", "3.00", None,
    ),
    "first_element_only": ([tariff(element(energy("0.2")), element(time(3)))], ONE, "10:00", "2.00", None),
    "tariff_of_each_period": (
        [
            tariff(element(energy("0.3")), end_date_time="2026-01-12T09:30:00Z"),
            tariff(element(energy("0.6")), id="T2", start_date_time="2026-01-12T09:30:00Z"),
        ],
        [period("2026-01-12T09:00:00Z", ENERGY=5), period("2026-01-12T09:30:00Z", ENERGY=5)], "10:00", "4.50", None,
    ),
    "period_without_tariff_priced": (
        [tariff(element(energy("0.3")))],
        [period("2026-01-12T09:00:00Z", "T1", ENERGY=2), period("2026-01-12T09:30:00Z", ENERGY=3)],
        "10:00", "1.50", None,
    ),
    "duration_from_reservation": (
        [two_tiers(energy("0.2"), energy("0.5"), max_duration=1800)],
        [period("2026-01-12T08:30:00Z", RESERVATION_TIME="0.5"), period("2026-01-12T09:00:00Z", ENERGY=10)],
        "09:30", "5.00", None,
    ),
    "band_any_moment": (
        [two_tiers(energy("0.2"), energy("0.5"), max_power=20)],
        [period("2026-01-12T09:00:00Z", ENERGY=10, MIN_POWER=10, MAX_POWER=30)], "09:30", "2.00", None,
    ),
    "power_limit_passes": (
        [two_tiers(energy("0.2"), energy("0.5"), max_power=20)],
        [period("2026-01-12T09:00:00Z", ENERGY=20)], "09:30", "4.00", None,
    ),
    "power_limit_fails": ([two_tiers(energy("0.2"), energy("0.5"), max_power=20)], ONE, "10:00", "5.00", None),
    "equal_window_never": (
        [two_tiers(energy("0.2"), energy("0.5"), start_time="08:00", end_time="08:00")], ONE, "10:00", "5.00", None,
    ),
    "weekday_of_evening": (
        [two_tiers(energy("0.2"), energy("0.5"), start_time="22:00", end_time="06:00", day_of_week=["FRIDAY"])],
        [period("2026-01-17T01:00:00Z", ENERGY=10)], "2026-01-17T02:00:00Z", "2.00", None,
    ),
    "nothing_without_energy": (
        [tariff(element(time(3)))], [period("2026-01-12T09:00:00Z", TIME=1)], "10:00", "0.00", None,
    ),
    "fed_in_energy_unpaid": (
        [tariff(element(energy("0.3")))],
        [period("2026-01-12T09:00:00Z", ENERGY=10), period("2026-01-12T09:30:00Z", ENERGY=-4)], "10:00", "3.00", None,
    ),
    "time_from_clock": (
        [tariff(element(energy("0.2"), time(3)))],
        [period("2026-01-12T09:00:00Z", ENERGY=10)], "10:00", "5.00", None,
    ),
    "tax_left_out": ([tariff(element(energy(1, vat=21)))], ONE, "10:00", "10.00", "10.00"),
    "gross_as_net": ([tariff(element(energy(1, vat=21)))], ONE, "10:00", "12.10", None),
    # 1.235 and 1.49435.
    "tax_on_rounded_total": ([tariff(element(energy("0.1235", vat=21)))], ONE, "10:00", "1.24", "1.50"),
    # Three times 0.335 and 0.402, in three periods or in three lines.
    "periods_rounded_tax_on_sum": (
        [tariff(element(energy("0.335", vat=20)))],
        [period(f"2026-01-12T09:{minute}:00Z", ENERGY=1) for minute in ("00", "20", "40")], "10:00", "1.02", "1.22",
    ),
    "periods_rounded": (
        [tariff(element(energy("0.335", vat=20)))],
        [period(f"2026-01-12T09:{minute}:00Z", ENERGY=1) for minute in ("00", "20", "40")], "10:00", "1.02", "1.20",
    ),
    "lines_rounded_tax_on_sum": (
        [tariff(element(flat("0.335", vat=20), energy("0.0335", vat=20), time("0.335", vat=20)))],
        ONE, "10:00", "1.02", "1.22",
    ),
    "lines_rounded": (
        [tariff(element(flat("0.335", vat=20), energy("0.0335", vat=20), time("0.335", vat=20)))],
        ONE, "10:00", "1.02", "1.20",
    ),
    "rounded_half_even": ([tariff(element(energy("0.2345")))], ONE, "10:00", "2.34", None),
    "rounded_down": ([tariff(element(energy("0.2349")))], ONE, "10:00", "2.34", None),
    "rounded_up": ([tariff(element(energy("0.2341")))], ONE, "10:00", "2.35", None),
}  # fmt: skip


def claimed(periods: list[Document], end: str, net: str, gross: str | None) -> Document:
    taxes = [] if gross is None else [{"name": "VAT", "amount": Decimal(gross) - Decimal(net)}]
    claim = {"before_taxes": Decimal(net), "taxes": taxes}
    return cdr(*periods, end=f"2026-01-12T{end}:00Z" if len(end) == 5 else end, total_cost=claim)


def test_every_habit_has_its_case() -> None:
    """The zone of the country has its own in test_check: it needs a charge far from home."""
    assert {habit.code for habit in (*READINGS, *ROUNDINGS)} == {*CASES, "zone_of_country"}


@pytest.mark.parametrize("habit", CASES)
def test_a_habit_is_recognised_by_name(habit: str) -> None:
    tariffs, periods, end, net, gross = CASES[habit]
    # The smallest differences are within any tolerance.
    found = check(claimed(periods, end, net, gross), tariffs, "Europe/Amsterdam", tolerance=Decimal(0))
    assert (found.verdict, [each.code for each in found.habits]) == ("explained", [habit])


@pytest.mark.parametrize("habit", CASES)
def test_one_coin_more_is_explained_by_nothing(habit: str) -> None:
    """A search that found something for any amount would find nothing."""
    tariffs, periods, end, net, gross = CASES[habit]
    more = str(Decimal(net) + Decimal("0.13"))
    assert check(claimed(periods, end, more, gross), tariffs, "Europe/Amsterdam").verdict == "differs"
