"""What must hold of any price, whatever the tariff: nobody has to know the figure to see that it is wrong."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evmesh.ocpi.types import parse_timestamp, timestamp
from evmesh.pricing.bill import Bill
from evmesh.pricing.check import check
from evmesh.pricing.generation import Reading, charging_periods
from evmesh.pricing.issuing import credit_cdr
from evmesh.pricing.price import price
from evmesh.pricing.taxes import total
from tests.pricing.documents import cdr
from tests.pricing.strategies import STARTS, ZONES, charges, tariffs

Document = dict[str, Any]

usually = settings(max_examples=100, deadline=None)
zones = st.sampled_from(ZONES)


@usually
@given(tariffs(), charges(), zones)
def test_the_total_is_the_sum_of_the_lines_and_of_the_parts(tariff: Document, charge: Document, zone: str) -> None:
    bill = price(charge, [tariff], zone)
    if bill.priced:
        assert total([line.amount for line in bill.lines]) == bill.total
        apart = [line.amount for line in bill.lines if line.field is None]
        assert total([*bill.subtotals.values(), *apart]) == bill.total


@usually
@given(tariffs(), charges(), zones)
def test_after_taxes_is_never_less_than_before(tariff: Document, charge: Document, zone: str) -> None:
    net, gross = (amount := price(charge, [tariff], zone).total).net, amount.gross
    assert net is None or gross is None or net < 0 or gross >= net


@usually
@given(tariffs(), charges(), zones, st.sampled_from(["2", "10", "0.5", "0.01"]))
def test_prices_scaled_scale_the_total(tariff: Document, charge: Document, zone: str, times: str) -> None:
    def scaled(amounts: Document | None) -> Document | None:
        return amounts and {name: value * Decimal(times) for name, value in amounts.items()}

    def dearer(element: Document) -> Document:
        components = element["price_components"]
        return element | {"price_components": [each | {"price": each["price"] * Decimal(times)} for each in components]}

    other = tariff | {"elements": [dearer(element) for element in tariff["elements"]]}
    other |= {name: scaled(tariff[name]) for name in ("min_price", "max_price") if name in tariff}
    before, after = price(charge, [tariff], zone).total, price(charge, [other], zone).total
    for one, two in ((before.net, after.net), (before.gross, after.gross)):
        assert (one is None) == (two is None)
        assert one is None or one * Fraction(times) == two


@usually
@given(tariffs(), charges(), zones)
def test_cutting_a_period_where_nothing_changes_changes_nothing(tariff: Document, charge: Document, zone: str) -> None:
    """Cut the longest period in two halves; where both meet the same components the price must stay."""
    bill = price(charge, [tariff], zone)
    found = _cut(charge, bill)
    assume(found is not None)
    assert found is not None
    cut, index = found
    halves = price(cut, [tariff], zone)
    count = len(charge["charging_periods"])
    before = [_met(bill, n) for n in range(count)]
    after = [_met(halves, n) for n in range(count + 1)]
    assume(after == [*before[:index], before[index], *before[index:]] and _met(bill, None) == _met(halves, None))
    assert halves.total == bill.total


def _cut(charge: Document, bill: Bill) -> tuple[Document, int] | None:
    """The charge with its longest period in two halves, and which one that was."""
    periods = charge["charging_periods"]
    starts = [parse_timestamp(each["start_date_time"]) for each in periods]
    if not bill.priced or starts != sorted(starts):
        return None
    ends = [*starts[1:], parse_timestamp(charge["end_date_time"])]
    index = max(range(len(periods)), key=lambda n: ends[n] - starts[n])
    length = ends[index] - starts[index]
    middle = starts[index] + length / 2
    halves = []
    for start in (starts[index], middle):
        dimensions = []
        for each in periods[index]["dimensions"]:
            kind, volume = each["type"], each["volume"]
            if not kind.startswith(("MIN", "MAX")):
                volume = round(volume / 2, 4) if "TIME" in kind else volume / 2
            dimensions.append({"type": kind, "volume": volume})
        halves.append(periods[index] | {"start_date_time": timestamp(start), "dimensions": dimensions})
    # Printed hours agree with the clock before and after, or in neither case.
    hours = {each["volume"] for each in periods[index]["dimensions"] if "TIME" in each["type"]}
    clock = Decimal(length.seconds) / 3600
    if length.seconds % 2 or any(abs(each - clock) > Decimal("0.00005") and each for each in hours):
        return None
    return charge | {"charging_periods": [*periods[:index], *halves, *periods[index + 1 :]]}, index


def _met(bill: Bill, period: int | None) -> set[tuple[object, ...]]:
    """The components that a period's volumes met; the start fees of the whole charge for None."""
    return {
        (line.dimension, line.element, line.component)
        for line in bill.lines
        if line.kind == "price" and (line.dimension == "FLAT" if period is None else line.period == period)
        if period is None or line.dimension != "FLAT"
    }


@usually
@given(tariffs(), charges(), zones)
def test_the_order_in_which_things_are_written_does_not_matter(tariff: Document, charge: Document, zone: str) -> None:
    starts = [each["start_date_time"] for each in charge["charging_periods"]]
    assume(len(set(starts)) == len(starts))
    turned = charge | {
        "charging_periods": [
            each | {"dimensions": each["dimensions"][::-1]} for each in reversed(charge["charging_periods"])
        ]
    }
    assert price(turned, [tariff], zone).total == price(charge, [tariff], zone).total


@usually
@given(tariffs(), charges(), zones)
def test_an_element_that_stands_there_already_adds_nothing(tariff: Document, charge: Document, zone: str) -> None:
    twice = tariff | {"elements": [each for each in tariff["elements"] for _ in range(2)]}
    assert price(charge, [twice], zone).total == price(charge, [tariff], zone).total


@usually
@given(tariffs(), charges(), zones)
def test_a_cdr_with_our_price_agrees_and_so_does_its_credit(tariff: Document, charge: Document, zone: str) -> None:
    bill = price(charge, [tariff], zone)
    claim = bill.total_price()
    assume(claim is not None)
    issued = charge | {"total_cost": claim, "tariffs": [tariff]}
    assert check(issued, None, zone).verdict == "agrees"
    credit = credit_cdr(issued, id="C", issued_at=STARTS[0])
    assert check(credit, None, zone).verdict == "agrees"


@st.composite
def meter_values(draw: st.DrawFn) -> list[Reading]:
    moment = draw(st.sampled_from(STARTS))
    register = Decimal("4711.1")
    found = []
    for _ in range(draw(st.integers(2, 6))):
        found.append(
            Reading(
                moment,
                register,
                draw(st.sampled_from(["charging", "charging", "parking"])),
                draw(st.sampled_from([None, Decimal(11), Decimal("21.9"), Decimal(50)])),
                draw(st.sampled_from([None, Decimal(16), Decimal(40)])),
            )
        )
        moment += timedelta(seconds=draw(st.sampled_from([7, 600, 1801, 3600, 8000])))
        register += draw(st.sampled_from([Decimal(0), Decimal("0.0001"), Decimal("3.333"), Decimal("11.07")]))
    return found


@settings(max_examples=200, deadline=None)
@given(tariffs(), meter_values(), zones, st.booleans())
def test_generated_periods_are_cut_wherever_the_price_changes(
    tariff: Document, readings: list[Reading], zone: str, reserved: bool
) -> None:
    tariff = {name: value for name, value in tariff.items() if name != "start_date_time"}
    start, end = readings[0].moment, readings[-1].moment
    since = start - timedelta(minutes=37) if reserved else None
    periods = charging_periods(readings, tariff, zone, reserved_from=since)
    charge = cdr(*periods, end=timestamp(end))
    bill = price(charge, [tariff], zone)
    assert "period_spans_price_change" not in {finding.code for finding in bill.findings}
    assert bill.total_energy == Fraction(readings[-1].energy_kwh - readings[0].energy_kwh)
    moments = [parse_timestamp(each["start_date_time"]) for each in periods]
    assert moments[0] == (since or start)
    assert all(one < other for one, other in pairwise(moments))
