"""Any value in any place: an answer with findings, never a crash, and never a free charge without a word."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from evmesh.pricing.check import check
from evmesh.pricing.compiled import compile_plan
from evmesh.pricing.explain import NotReadable, explain, explain_bill
from evmesh.pricing.lint import lint
from evmesh.pricing.plan import read_plan
from evmesh.pricing.price import price
from tests.pricing.documents import cdr, component, element, period, tariff

Document = dict[str, Any]

ZONE = "Europe/Amsterdam"
TARIFF = tariff(
    element(component("FLAT", "0.5", vat=21)),
    element(
        component("ENERGY", "0.25", vat=21),
        start_time="22:00",
        end_time="06:00",
        start_date="2026-01-01",
        end_date="2026-02-01",
        day_of_week=["MONDAY"],
        min_kwh=Decimal(1),
        max_power=Decimal(50),
        min_current=Decimal(6),
        max_duration=7200,
    ),
    element(component("ENERGY", "0.45", vat=21, step_size=100), component("PARKING_TIME", 6, vat=21, step_size=900)),
    element(component("TIME", 2, vat=21), reservation="RESERVATION"),
    min_price={"before_taxes": 1, "after_taxes": Decimal("1.21")},
    start_date_time="2025-01-01T00:00:00Z",
    end_date_time="2027-01-01T00:00:00Z",
    type="REGULAR",
)
CHARGE = cdr(
    period("2026-01-12T20:45:00Z", RESERVATION_TIME="0.25"),
    period("2026-01-12T21:00:00Z", "T1", ENERGY="10.01", TIME=1, MIN_POWER=9, MAX_POWER=11, MAX_CURRENT=16),
    period("2026-01-12T22:00:00Z", "T1", PARKING_TIME="1.2"),
    end="2026-01-12T23:12:00Z",
    total_cost={"before_taxes": 12, "taxes": [{"name": "VAT", "percentage": 21, "amount": Decimal("2.52")}]},
    total_energy_cost={"before_taxes": 3, "taxes": []},
    total_parking_time=Decimal("1.2"),
    credit=False,
    booking_id=None,
    signed_data={
        "encoding_method": "OCMF",
        "signed_values": [{"nature": "End", "plain_data": 'OCMF|{"RD":[]}|{}', "signed_data": "x"}],
    },
)

STRANGE: list[Any] = [
    None, True, False, 0, -1, 10**40, 0.5, "", "x", "0", "NaN", "\x00", "é" * 300, [], [None], [[]], {}, {"type": []},
    Decimal("NaN"), Decimal("Infinity"), Decimal("1e999999999"), Decimal("1e-999999999"), Decimal("-0"),
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-12T21:30:00+14:00", "2026-02-30T00:00:00Z", "24:00",
    "MONDAY", "ENERGY", "RESERVATION_TIME", "BOOKING", "YES", 3600, Decimal("0.1"),
]  # fmt: skip


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if way:
        yield way
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*way, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*way, index))


def changed(document: Document, way: tuple[Any, ...], value: Any) -> Document:
    made = copy.deepcopy(document)
    holder: Any = made
    for step in way[:-1]:
        holder = holder[step]
    if value is Ellipsis:
        del holder[way[-1]]
    else:
        holder[way[-1]] = value
    return made


def strange(document: Document) -> st.SearchStrategy[Document]:
    """The document with something else in one place, or without it."""
    return st.builds(
        lambda way, value: changed(document, way, value),
        st.sampled_from(list(places(document))),
        st.sampled_from([*STRANGE, Ellipsis]),
    )


thoroughly = settings(max_examples=400, deadline=None)


@thoroughly
@given(strange(CHARGE))
def test_any_charge_gets_an_answer(charge: Document) -> None:
    bill = price(charge, [TARIFF], ZONE)
    assert bill.priced or any(finding.severity == "error" for finding in bill.findings)
    msgspec.json.encode(check(charge, [TARIFF], ZONE).document())
    assert explain_bill(bill, "sv")
    plan, _ = read_plan(TARIFF, place="/tariffs/0")
    assert plan is not None
    assert compile_plan(plan, ZONE).totals_of(charge).amount == bill.total


@thoroughly
@given(strange(TARIFF))
def test_any_tariff_gets_an_answer(document: Document) -> None:
    bill = price(CHARGE, [document], ZONE)
    assert bill.priced or any(finding.severity == "error" for finding in bill.findings)
    advice = lint(document, country="NLD", power_kw=50, today=date(2026, 1, 12))
    assert all(each.fix and each.message for each in advice)
    with suppress(NotReadable):
        assert explain(document, "en")


@thoroughly
@given(strange(CHARGE | {"tariffs": [TARIFF]}))
def test_a_cdr_with_its_tariff_inside_gets_an_answer(charge: Document) -> None:
    found = check(charge, None, ZONE)
    assert found.verdict == "cannot_be_priced" or found.bill.priced
