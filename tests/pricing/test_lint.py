"""Every rule of the lint catalogue, with a tariff that breaks it; and tariffs that break none."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from evmesh.pricing.lint import lint
from tests.pricing.documents import component, element, tariff

ENERGY = component("ENERGY", "0.40", vat=21)
Document = dict[str, Any]

GOOD = [
    tariff(element(ENERGY)),
    tariff(element(component("FLAT", 0, step_size=1))),
    tariff(
        element(component("FLAT", "0.5", vat=21), ENERGY, component("PARKING_TIME", 0, vat=21)),
    ),
    # Two halves of a day need no fallback.
    tariff(
        element(component("ENERGY", "0.30", vat=21), start_time="22:00", end_time="06:00"),
        element(ENERGY, start_time="06:00", end_time="22:00"),
    ),
    tariff(
        element(component("ENERGY", "0.30", vat=21), max_power=Decimal(22)),
        element(ENERGY, min_power=Decimal(22)),
    ),
]


@pytest.mark.parametrize("good", GOOD)
def test_a_good_tariff_gets_no_remark(good: Document) -> None:
    assert lint(good, country="NLD", today=date(2026, 1, 12)) == []


BROKEN: list[tuple[str, str, Document]] = [
    ("duplicate_dimension", "error", tariff(element(ENERGY, component("ENERGY", 1, vat=21)))),
    ("unreachable_component", "error", tariff(element(ENERGY), element(ENERGY, max_kwh=10))),
    (
        "unreachable_component",
        "error",
        tariff(
            element(ENERGY, start_time="00:00", end_time="12:00"),
            element(ENERGY, start_time="12:00", end_time="00:00"),
            element(ENERGY),
        ),
    ),
    ("no_fallback", "warning", tariff(element(ENERGY, day_of_week=["MONDAY"]))),
    ("no_fallback", "warning", tariff(element(ENERGY, min_kwh=1))),
    ("no_fallback", "warning", tariff(element(ENERGY, min_current=6, max_duration=60))),
    ("no_fallback", "warning", tariff(element(ENERGY, max_duration=3600))),
    ("no_fallback", "warning", tariff(element(ENERGY, min_power=50))),
    ("impossible_restriction", "error", tariff(element(ENERGY, min_kwh=5, max_kwh=5), element(ENERGY))),
    ("impossible_restriction", "error", tariff(element(ENERGY, max_duration=0), element(ENERGY))),
    (
        "impossible_restriction",
        "error",
        tariff(element(ENERGY, start_date="2026-02-01", end_date="2026-01-01"), element(ENERGY)),
    ),
    (
        "impossible_restriction",
        "error",
        tariff(
            element(ENERGY, start_date="2026-01-12", end_date="2026-01-13", day_of_week=["SUNDAY"]), element(ENERGY)
        ),
    ),
    ("equal_window", "warning", tariff(element(ENERGY, start_time="08:00", end_time="08:00"), element(ENERGY))),
    ("minute_gap", "warning", tariff(element(ENERGY, start_time="08:00", end_time="23:59"), element(ENERGY))),
    (
        "overnight_weekday",
        "warning",
        tariff(element(ENERGY, start_time="22:00", end_time="06:00", day_of_week=["FRIDAY"]), element(ENERGY)),
    ),
    ("empty_restrictions", "info", tariff(element(ENERGY) | {"restrictions": {}})),
    ("dates_on_every_element", "warning", tariff(element(ENERGY, start_date="2026-01-01"))),
    (
        "validity_empty",
        "error",
        tariff(element(ENERGY), start_date_time="2026-01-01T00:00:00Z", end_date_time="2026-01-01T00:00:00Z"),
    ),
    ("validity_past", "info", tariff(element(ENERGY), end_date_time="2025-12-31T00:00:00Z")),
    (
        "flat_in_several_elements",
        "warning",
        tariff(element(component("FLAT", 1, vat=21), max_kwh=5), element(component("FLAT", 2, vat=21), ENERGY)),
    ),
    ("step_size_on_flat", "info", tariff(element(component("FLAT", 1, vat=21, step_size=60), ENERGY))),
    ("step_size_zero", "info", tariff(element(component("ENERGY", "0.4", vat=21, step_size=0)))),
    ("step_size_large", "warning", tariff(element(component("ENERGY", "0.4", vat=21, step_size=1000)))),
    ("step_size_large", "warning", tariff(element(component("TIME", 4, vat=21, step_size=7200)))),
    (
        "step_size_useless",
        "info",
        tariff(element(component("TIME", 4, vat=21, step_size=300), component("PARKING_TIME", 4, vat=21))),
    ),
    (
        "reservation_dimension",
        "error",
        tariff(element(ENERGY, reservation="RESERVATION"), element(ENERGY)),
    ),
    (
        "reservation_and_booking",
        "error",
        tariff(element(component("FLAT", 1, vat=21), reservation="RESERVATION", booking="BOOKING"), element(ENERGY)),
    ),
    (
        "expires_without_reservation",
        "info",
        tariff(element(component("FLAT", 1, vat=21), reservation="RESERVATION_EXPIRES"), element(ENERGY)),
    ),
    (
        "current_and_power_mixed",
        "info",
        tariff(element(ENERGY, max_power=22), element(ENERGY, max_current=32), element(ENERGY)),
    ),
    (
        "duration_as_grace_period",
        "info",
        tariff(element(component("PARKING_TIME", 4, vat=21), min_duration=7200), element(ENERGY)),
    ),
    (
        "limit_net_above_gross",
        "error",
        tariff(element(ENERGY), min_price={"before_taxes": 2, "after_taxes": 1}),
    ),
    ("limit_negative", "error", tariff(element(ENERGY), max_price={"before_taxes": -2})),
    (
        "limit_without_gross",
        "warning",
        tariff(element(ENERGY), max_price={"before_taxes": 9}, tax_included="YES"),
    ),
    (
        "min_above_max",
        "error",
        tariff(element(ENERGY), min_price={"before_taxes": 9}, max_price={"before_taxes": 8}),
    ),
    ("vat_with_not_applicable", "warning", tariff(element(ENERGY), tax_included="N/A")),
    ("tax_included_without_rate", "warning", tariff(element(component("ENERGY", 1)), tax_included="YES")),
    ("vat_on_some_only", "warning", tariff(element(ENERGY, component("FLAT", 1)))),
    ("mixed_vat", "info", tariff(element(ENERGY, component("FLAT", 1, vat=0)))),
    ("odd_vat", "warning", tariff(element(component("ENERGY", 1, vat=19)))),
    ("unknown_currency", "error", tariff(element(ENERGY), currency="EUX")),
    ("currency_of_another_country", "warning", tariff(element(ENERGY), currency="SEK")),
    ("price_out_of_range", "warning", tariff(element(component("ENERGY", 40, vat=21)))),
    ("price_out_of_range", "warning", tariff(element(component("ENERGY", "0.0004", vat=21)))),
    ("price_out_of_range", "warning", tariff(element(component("TIME", "0.10", vat=21)))),
    ("price_out_of_range", "warning", tariff(element(component("PARKING_TIME", 600, vat=21)))),
    ("negative_bound", "warning", tariff(element(ENERGY, min_kwh=-1))),
    ("negative_bound", "warning", tariff(element(ENERGY, min_power=-1), element(ENERGY))),
    ("negative_price", "info", tariff(element(component("ENERGY", "-0.1", vat=21)))),
    (
        "price_zero_in_one_tier",
        "info",
        tariff(element(component("ENERGY", 0, vat=21), max_kwh=3), element(ENERGY)),
    ),
    ("time_without_parking", "info", tariff(element(component("TIME", 4, vat=21)))),
    ("no_price_by_use", "info", tariff(element(component("FLAT", 4, vat=21)))),
    (
        "session_without_price",
        "warning",
        tariff(element(component("FLAT", 4, vat=21), reservation="RESERVATION")),
    ),
    ("feed_in_price", "info", tariff(element(ENERGY, max_power=0), element(ENERGY))),
    ("parking_fee_at_night", "info", tariff(element(ENERGY, component("PARKING_TIME", 4, vat=21)))),
    ("misspelt_field", "error", tariff(element(ENERGY, dayOfWeek=["MONDAY"]))),
    ("misspelt_field", "error", tariff({"price_components": [ENERGY], "restriction": {}})),
    ("unknown_restriction", "warning", tariff(element(ENERGY, moon_phase="full"))),
    ("unknown_field", "info", tariff(element(ENERGY), x_colour="green")),
    ("number_as_text", "warning", tariff(element(ENERGY | {"price": "0.40"}))),
    ("step_size_missing", "warning", tariff(element({"type": "ENERGY", "price": Decimal("0.4"), "vat": 21}))),
    ("time_24_00", "warning", tariff(element(ENERGY, start_time="06:00", end_time="24:00"), element(ENERGY))),
    ("tax_included_boolean", "warning", tariff(element(ENERGY), tax_included=False)),
    ("unknown_value", "error", tariff(element(ENERGY, day_of_week=["MONTAG"]))),
]


@pytest.mark.parametrize(("code", "severity", "broken"), BROKEN, ids=[code for code, _, _ in BROKEN])
def test_a_broken_rule_is_named_with_its_place_and_a_fix(code: str, severity: str, broken: Document) -> None:
    found = [advice for advice in lint(broken, country="NLD", today=date(2026, 1, 12)) if advice.code == code]
    assert [advice.severity for advice in found[:1]] == [severity]
    assert found[0].fix
    assert found[0].document()["pointer"] == found[0].pointer


def test_a_gap_is_shown_by_a_situation_in_it() -> None:
    gap = tariff(
        element(ENERGY, start_time="18:00", end_time="23:59", day_of_week=["MONDAY"]),
        element(ENERGY, start_time="00:00", end_time="18:00"),
    )
    messages = [advice.message for advice in lint(gap) if advice.code == "no_fallback"]
    assert "23:59" in messages[0]


def test_a_grid_that_is_too_large_claims_nothing() -> None:
    """Hundreds of bounds in every direction: no remark is better than a minute's wait."""
    steps = [
        element(ENERGY, min_kwh=n, min_duration=n, min_power=n, min_current=n, start_time=f"{n % 24:02d}:00")
        for n in range(1, 60)
    ]
    assert "no_fallback" not in {advice.code for advice in lint(tariff(*steps))}


@pytest.mark.parametrize(
    ("power", "components", "code", "severity"),
    [
        (150, [component("TIME", 30, vat=21)], "afir_price_per_kwh", "error"),
        (22, [component("TIME", 3, vat=21)], "afir_price_per_kwh", "warning"),
        (150, [ENERGY, component("TIME", 30, vat=21)], "afir_time_price", "warning"),
        (22, [component("ENERGY", "0.4")], "afir_price_with_taxes", "warning"),
        (22, [ENERGY], "afir_price_text", "info"),
    ],
)
def test_prices_for_everybody_follow_afir(power: int, components: list[Document], code: str, severity: str) -> None:
    found = lint(tariff(element(*components), type="AD_HOC_PAYMENT"), country="NLD", power_kw=power)
    assert (code, severity) in {(advice.code, advice.severity) for advice in found}


def test_a_fee_for_staying_too_long_is_allowed() -> None:
    stay = element(component("TIME", 6, vat=21), min_duration=3600)
    text = [{"language": "nl", "text": "0,40 per kWh"}]
    found = lint(tariff(element(ENERGY), stay, type="AD_HOC_PAYMENT", tariff_alt_text=text), power_kw=150)
    assert not [advice for advice in found if advice.code.startswith("afir")]


def test_the_gravest_comes_first() -> None:
    several = tariff(element(ENERGY, component("ENERGY", 1, vat=21), day_of_week=["MONDAY"]), currency="EUX")
    severities = [advice.severity for advice in lint(several)]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert str(lint(several)[0]).startswith("error: /")
