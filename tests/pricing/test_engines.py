"""Three engines, one price: the reference, the compiled and the batch engine agree to the last digit."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from evmesh.ocpi.wire import encode
from evmesh.pricing import batch, columns
from evmesh.pricing.compiled import Compiled, compile_plan
from evmesh.pricing.plan import Plan, read_plan
from evmesh.pricing.policy import STANDARD, PricingPolicy, Tax
from evmesh.pricing.price import price
from evmesh.pricing.records import read_record, record_of
from evmesh.pricing.zones import time_zone
from tests.pricing.cases import Case, own_cases, shared_cases
from tests.pricing.documents import at, cdr, component, element, period, tariff
from tests.pricing.strategies import ZONES, charges, tariffs
from tests.shared import SHARED

Document = dict[str, Any]


def plan_of(document: Document, *, taxes_known: bool = True) -> Plan:
    plan, findings = read_plan(document, place="/tariffs/0", taxes_known=taxes_known)
    assert plan is not None, findings
    return plan


@settings(max_examples=300, deadline=None)
@given(tariffs(), st.lists(charges(), min_size=1, max_size=6), st.sampled_from(ZONES), st.integers(0, 9))
def test_random_tariffs_and_charges_cost_the_same(
    document: Document, cdrs: list[Document], zone: str, tenth: int
) -> None:
    taxes_known = tenth > 0
    policy = PricingPolicy(taxes=(Tax("GST", 5),)) if tenth == 1 else STANDARD  # type: ignore[arg-type]
    plan = plan_of(document, taxes_known=taxes_known)
    engine = compile_plan(plan, zone, policy)
    expected = [price(each, [document], zone, policy, taxes_known=taxes_known).total for each in cdrs]
    assert [engine.totals_of(each).amount for each in cdrs] == expected
    records = [record_of(each) for each in cdrs]
    assert [totals.amount for totals in engine.many(records)] == expected
    assert [totals.amount for totals in batch.price_records(engine, records)] == expected
    odd = batch.price_columns(plan, zone, columns.columns_of(records, plan), policy).odd
    event(f"{int(odd.sum())} of {len(odd)} odd")


def test_no_hours_in_a_short_period_mean_its_length() -> None:
    """0 is within a hundredth of an hour of twenty seconds, and the clock knows better."""
    document = tariff(element(component("TIME", "3.60")))
    charge = cdr(period("2026-01-16T20:00:00Z", TIME=0), end="2026-01-16T20:00:20Z")
    expected = price(charge, [document], "Etc/UTC").total
    engine = compile_plan(plan_of(document), "Etc/UTC")
    assert expected.net == Fraction(2, 100)
    assert engine.totals_of(charge).amount == expected
    assert [each.amount for each in batch.price_records(engine, [record_of(charge)])] == [expected]


def one_tariff(cases: Iterable[Case]) -> list[Case]:
    """The fast engines price under one tariff at a time."""
    return [case for case in cases if len(case.tariffs) == 1]


WORKED = one_tariff([*(shared_cases() if SHARED.is_dir() else []), *own_cases()])


@pytest.mark.parametrize("case", WORKED, ids=lambda case: case.name)
def test_worked_cases_cost_the_same(case: Case) -> None:
    document, (given_,) = case.canonical()
    plan, _ = read_plan(given_, place="/tariffs/0", taxes_known=case.release != "2.1.1")
    bill = case.bill()
    if plan is None or "unknown_zone" in {finding.code for finding in bill.findings}:
        assert not bill.priced
    else:
        assert compile_plan(plan, case.zone, case.policy).totals_of(document).amount == bill.total


TIERS = tariff(
    element(component("FLAT", "0.5", vat=21)),
    element(component("ENERGY", "0.25", vat=21), start_time="22:00", end_time="06:00"),
    element(component("ENERGY", "0.45", vat=21, step_size=100)),
    element(component("PARKING_TIME", "0", vat=21), max_duration=7200),
    element(component("PARKING_TIME", "6", vat=21, step_size=900)),
)
PLAIN = cdr(
    period("2026-01-16T20:00:00Z", ENERGY="10.01", TIME=1),
    period("2026-01-16T21:00:00Z", ENERGY="10.03", TIME=1),
    period("2026-01-16T22:00:00Z", PARKING_TIME="1.2"),
    end="2026-01-16T23:12:00Z",
)


def engine_that_must_not_ask(document: Document = TIERS, **rest: Any) -> Compiled:
    """An engine whose reference is gone: it has to know the answer by itself."""
    engine = compile_plan(plan_of(document, **rest), "Europe/Amsterdam")

    def never(_: Any) -> None:
        raise AssertionError("the reference engine was asked")

    engine._slowly = never  # type: ignore[method-assign, assignment]
    return engine


def test_a_plain_charge_never_asks_the_reference_engine() -> None:
    """0.5 + 10.01 x 0.45 + 10.03 x 0.25, and 72 minutes parked after two hours, billed as 75."""
    engine = engine_that_must_not_ask()
    net, gross = engine.totals_of(PLAIN).rounded()
    assert (str(net), str(gross)) == ("15.0120", "18.1645")


def test_json_becomes_a_price_without_a_document() -> None:
    totals = engine_that_must_not_ask().totals(read_record(encode(PLAIN)))
    assert totals.amount == price(PLAIN, [TIERS], "Europe/Amsterdam").total


def test_columns_price_a_plain_charge_without_the_others() -> None:
    plan = plan_of(TIERS)
    records = [record_of(PLAIN)] * 3
    found = batch.price_columns(plan, "Europe/Amsterdam", columns.columns_of(records, plan))
    assert not found.odd.any()
    assert found.net is not None
    assert found.gross is not None
    assert found.rounded(found.net).tolist() == [150120] * 3
    assert found.rounded(found.gross, 2).tolist() == [1816] * 3
    assert found.rounded(-found.gross, 2).tolist() == [-1816] * 3


@pytest.mark.parametrize(
    "odd",
    [
        PLAIN | {"currency": "SEK"},
        PLAIN | {"end_date_time": "2026-01-16T19:00:00Z"},
        PLAIN | {"charging_periods": []},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", "T9", ENERGY=1)]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", ENERGY="1e13")]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", ENERGY="NaN")]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", ENERGY=f"1.{37 * '3'}")]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", TIME="-1")]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00", ENERGY=3)]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00.0005Z", ENERGY=3, TIME=1)]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", ENERGY="2000000")]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", ENERGY="0.00000001")]},
        PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", PARKING_TIME="1.234567891")]},
        PLAIN
        | {
            "charging_periods": [
                {
                    "start_date_time": "2026-01-16T20:00:00Z",
                    "dimensions": [{"type": "ENERGY", "volume": 1}, {"type": "ENERGY", "volume": 2}],
                }
            ]
        },
    ],
)
def test_odd_charges_get_the_answer_of_the_reference_engine(odd: Document) -> None:
    engine = compile_plan(plan_of(TIERS), "Europe/Amsterdam")
    expected = price(odd, [TIERS], "Europe/Amsterdam").total
    assert engine.totals_of(odd).amount == expected
    assert [each.amount for each in batch.price_records(engine, [record_of(odd)])] == [expected]


def test_an_odd_word_is_no_record_and_still_priced() -> None:
    engine = compile_plan(plan_of(TIERS), "Europe/Amsterdam")
    odd = PLAIN | {"charging_periods": [period("2026-01-16T20:00:00Z", ENERGY=1, NOISE=3)]}
    assert engine.totals_of(odd).amount == price(odd, [TIERS], "Europe/Amsterdam").total


def test_a_plan_without_its_zone_is_not_guessed_at() -> None:
    engine = compile_plan(plan_of(TIERS), None)
    assert engine.totals_of(PLAIN).amount == price(PLAIN, [TIERS]).total
    assert batch.price_columns(plan_of(TIERS), None, columns.columns_of([record_of(PLAIN)], plan_of(TIERS))).odd.all()
    assert batch.price_records(engine, []) == []


@pytest.mark.parametrize(
    "limits",
    [
        {"min_price": {"before_taxes": 30}},
        {"max_price": {"after_taxes": 3}},
        {"max_price": {"before_taxes": 30, "after_taxes": 31}},
        {"start_date_time": "2026-02-01T00:00:00Z"},
        {"end_date_time": "2026-01-01T00:00:00Z"},
    ],
)
def test_limits_and_validity(limits: Document) -> None:
    document = TIERS | limits
    engine = compile_plan(plan_of(document), "Europe/Amsterdam")
    expected = price(PLAIN, [document], "Europe/Amsterdam").total
    assert engine.totals_of(PLAIN).amount == expected
    assert batch.price_records(engine, [record_of(PLAIN)])[0].amount == expected


def test_prices_beyond_whole_numbers_are_left_to_the_others() -> None:
    """A price of 10^12 and one of fifteen digits: neither fits into 64 bits with its scale."""
    for figure in ("1000000000000", "0.123456789012345"):
        document = tariff(element(component("ENERGY", figure, vat=21)))
        engine = compile_plan(plan_of(document), None)
        expected = price(PLAIN, [document]).total
        assert engine.totals_of(PLAIN).amount == expected
        assert batch.price_records(engine, [record_of(PLAIN)])[0].amount == expected


def test_a_year_of_the_clock_is_converted_like_each_instant() -> None:
    """The batch engine's table of offsets against the zone itself, at every quarter of an hour around its jumps."""
    for zone in ZONES:
        clock = time_zone(zone)
        start = columns.ms(at("2026-01-01 00:00"))
        moments = start + 900_000 * np.arange(4 * 24 * 365, dtype=np.int64)
        jumps, offsets = batch._offsets(zone, moments)
        found = offsets[np.searchsorted(jumps, moments, "right")]
        assert found.tolist() == [batch._offset_ms(int(moment), clock) for moment in moments]
