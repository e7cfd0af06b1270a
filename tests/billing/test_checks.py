"""Plausibility: each thing that is hard to believe is said, and nothing is said of what is fine."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from evmesh.billing.checks import Circumstances, credit_mismatch, figure, implausible, net_total, rated_power_kw

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CDR = {
    "session_id": "S1",
    "cdr_token": {"uid": "A"},
    "authorization_reference": "R1",
    "start_date_time": "2026-03-01T11:00:00Z",
    "end_date_time": "2026-03-01T12:00:00Z",
    "currency": "SEK",
    "total_cost": {"before_taxes": Decimal("4.50")},
    "total_energy": Decimal(10),
    "total_time": Decimal(1),
}
CREDIT = CDR | {"credit": True, "credit_reference_id": "C1", "total_cost": {"before_taxes": Decimal("-4.5")}}
FINE: dict[str, Any] = {
    "received_at": NOON + timedelta(minutes=1),
    "token_known": True,
    "location_known": True,
    "evse_known": True,
    "power_kw": Decimal(11),
    "session": {"kwh": Decimal(10), "status": "COMPLETED"},
    "session_expected": True,
}


def found(cdr: Any = CDR, **known: Any) -> list[tuple[str, str, str]]:
    return [(each.code, each.severity, each.pointer) for each in implausible(cdr, Circumstances(**(FINE | known)))]


def test_of_a_plausible_cdr_nothing_is_said() -> None:
    assert found() == []
    assert found(CREDIT) == []


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert implausible(CDR, Circumstances(received_at=NOON)) == []


@pytest.mark.parametrize(
    ("known", "code", "severity", "pointer"),
    [
        ({"token_known": False}, "unknown_token", "warning", "/cdr_token"),
        ({"location_known": False, "evse_known": None}, "unknown_location", "warning", "/cdr_location/id"),
        ({"evse_known": False}, "unknown_evse", "warning", "/cdr_location/evse_uid"),
        ({"power_kw": Decimal(9)}, "more_than_the_connector_gives", "warning", "/total_energy"),
        ({"session": None}, "no_session", "warning", "/session_id"),
        (
            {"session": {"kwh": Decimal("9.8"), "status": "COMPLETED"}},
            "session_energy_differs",
            "warning",
            "/total_energy",
        ),
        ({"session": {"cdr_token": {"uid": "B"}}}, "session_of_other_token", "warning", "/cdr_token/uid"),
        ({"session": {"authorization_reference": "R2"}}, "authorised_otherwise", "warning", "/authorization_reference"),
        ({"same_session": ["C2"]}, "session_billed_twice", "error", "/session_id"),
        ({"same_token": ["C2"]}, "token_overlaps", "warning", "/cdr_token"),
        ({"same_evse": ["C2"]}, "evse_overlaps", "warning", "/cdr_location/evse_uid"),
        ({"received_at": NOON - timedelta(minutes=6)}, "in_the_future", "warning", "/end_date_time"),
        ({"received_at": NOON + timedelta(days=31)}, "late", "warning", "/end_date_time"),
    ],
)
def test_what_is_hard_to_believe_is_said(known: dict[str, Any], code: str, severity: str, pointer: str) -> None:
    assert found(**known) == [(code, severity, pointer)]


@pytest.mark.parametrize(
    "known",
    [
        {"location_known": None, "evse_known": None},
        {"power_kw": Decimal("9.1")},
        {"power_kw": None},
        {"session": None, "session_expected": False},
        {"session": {"kwh": Decimal("9.9"), "status": "COMPLETED"}},
        {"session": {"kwh": Decimal("10.1"), "status": "COMPLETED"}},
        {"session": {"kwh": Decimal(5), "status": "ACTIVE"}},
        {"session": {"status": "COMPLETED"}},
        {"session": {"cdr_token": {"uid": "a"}, "authorization_reference": "r1"}},
        {"session": {"cdr_token": None}},
        {"received_at": NOON - timedelta(minutes=5)},
        {"received_at": NOON + timedelta(days=30)},
        {"received_at": NOON + timedelta(days=45), "late_after": timedelta(days=60)},
    ],
    ids=str,
)
def test_just_within_bounds_nothing_is_said(known: dict[str, Any]) -> None:
    assert found(**known) == []


def test_an_unknown_place_says_nothing_of_its_evse() -> None:
    assert found(location_known=False, evse_known=False) == [("unknown_location", "warning", "/cdr_location/id")]


def test_a_little_charge_may_be_apart_by_a_hundredth_of_a_kwh() -> None:
    little = CDR | {"total_energy": Decimal("0.1")}
    assert found(little, session={"kwh": Decimal("0.11"), "status": "COMPLETED"}) == []
    assert found(little, session={"kwh": Decimal("0.12"), "status": "COMPLETED"})[0][0] == "session_energy_differs"


def test_a_credit_overlaps_with_what_it_takes_back_and_is_given_once() -> None:
    assert found(CREDIT, same_session=["C1"], same_token=["C1"], same_evse=["C1"]) == []
    assert found(CREDIT, credits_before=["X0"]) == [("credited_twice", "error", "/credit_reference_id")]
    assert found(CDR, credits_before=["X0"]) == []


def test_others_are_named_and_many_are_counted() -> None:
    (few,) = implausible(CDR, Circumstances(**FINE | {"same_token": ["A", "B"]}))
    (many,) = implausible(CDR, Circumstances(**FINE | {"same_token": list("ABCDEFG")}))
    assert few.message.endswith("in A, B")
    assert many.message.endswith("in A, B, C, D, E and 2 more")


@pytest.mark.parametrize("value", [None, "10", float("nan"), True, Decimal("NaN"), Decimal("1E+999"), [], {}])
def test_figures_that_are_none_say_nothing(value: Any) -> None:
    """What is wrong with them says the reading of the CDR."""
    assert found(CDR | {"total_energy": value}) == []
    assert found(CDR | {"total_time": value}, power_kw=Decimal(1)) == []
    assert found(CDR | {"end_date_time": value}) == []
    assert found(session={"kwh": value, "status": "COMPLETED"}) == []
    assert figure(value) is None


def test_a_credit_takes_back_the_exact_sum_in_the_same_money() -> None:
    def mismatch(**fields: Any) -> list[str]:
        return [finding.code for finding in credit_mismatch(CREDIT | fields, CDR)]

    assert mismatch() == []
    assert mismatch(total_cost={"before_taxes": Decimal("-4.4999")}) == ["credit_of_other_amount"]
    assert mismatch(total_cost={"before_taxes": Decimal("4.50")}) == ["credit_of_other_amount"]
    assert mismatch(currency="NOK") == ["credit_of_other_currency"]
    assert mismatch(total_cost={}) == mismatch(total_cost=None) == []


@given(some.decimals(-(10**9), 10**9, places=4))
def test_whatever_the_sum_its_negative_takes_it_back(net: Decimal) -> None:
    claim, back = CDR | {"total_cost": {"before_taxes": net}}, CREDIT | {"total_cost": {"before_taxes": -net}}
    assert credit_mismatch(back, claim) == []
    assert net_total(claim) == -Fraction(net_total(back) or 0)


@pytest.mark.parametrize(
    ("connector", "power"),
    [
        ({"max_electric_power": 50000, "max_voltage": 400, "max_amperage": 32}, 50),
        ({"max_voltage": 230, "max_amperage": 16, "power_type": "AC_1_PHASE"}, Fraction("3.68")),
        ({"max_voltage": 230, "max_amperage": 16, "power_type": "AC_3_PHASE"}, Fraction("11.04")),
        ({"max_voltage": 230, "max_amperage": 16, "power_type": "AC_2_PHASE"}, Fraction("7.36")),
        ({"max_voltage": 400, "max_amperage": 100, "power_type": "DC"}, 40),
        ({"max_voltage": 230}, None),
        ({"max_electric_power": 0, "max_voltage": 0, "max_amperage": 16}, None),
        ({}, None),
    ],
)
def test_what_a_connector_can_give(connector: dict[str, Any], power: Any) -> None:
    assert rated_power_kw(connector) == power
