"""The quick yes: it says of a CDR only what the reference engine says, and it says it of most."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from evmesh.pricing.bill import FIELDS, amount_document
from evmesh.pricing.check import check
from evmesh.pricing.exact import rounded
from evmesh.pricing.generation import CannotBePriced, cdr_costs
from evmesh.pricing.policy import STANDARD
from evmesh.pricing.quick import Agreed, Quick
from evmesh.pricing.timeline import exact_seconds, read_timeline
from evmesh.pricing.volumes import HOUR
from tests.pricing.documents import cdr, component, element, period, tariff
from tests.pricing.strategies import ZONES, charges, tariffs

Document = dict[str, Any]


def held(document: Document, prices: Document, zone: str | None, taxes_known: bool = True) -> Agreed | None:
    """What the quick engine says, which must be what the reference engine says."""
    quick = Quick([prices], zone, STANDARD, taxes_known=taxes_known)
    found = quick.agreed(document)
    if found is not None:
        slow = check(document, [prices], zone, taxes_known=taxes_known)
        assert slow.verdict == "agrees"
        assert slow.claim is not None
        assert slow.difference is not None
        amounts = [amount_document(each) for each in (slow.claim.amount, slow.bill.total, slow.difference)]
        assert amounts == [found.claimed, found.expected, found.difference]
        loud = [each for each in slow.findings if each.severity != "info"]
        assert loud == [each for each in quick.findings if each.severity != "info"]
    return found


@settings(max_examples=300, deadline=None)
@given(tariffs(), charges(), st.sampled_from([*ZONES, None]), st.data())
def test_it_never_says_more_than_the_reference_engine(
    prices: Document, charge: Document, zone: str | None, data: st.DataObject
) -> None:
    taxes_known = data.draw(st.integers(0, 9)) > 0
    charge = with_totals(charge)
    with suppress(CannotBePriced):
        charge = charge | cdr_costs(charge, [prices], zone, taxes_known=taxes_known)
    broken = data.draw(st.just("nothing") | st.sampled_from(list(BROKEN)))
    document = BROKEN[broken](charge) if broken in BROKEN else charge
    event(f"{broken}: {'yes' if held(document, prices, zone, taxes_known) else 'no'}")


def with_totals(charge: Document) -> Document:
    timeline, _ = read_timeline(charge, STANDARD)
    if timeline is None:
        return charge
    energy, parked = timeline.total("ENERGY"), timeline.total("PARKING_TIME") / HOUR
    hours = exact_seconds(timeline.end - timeline.start) / HOUR
    totals = {"total_energy": energy, "total_time": hours, "total_parking_time": parked}
    return charge | {name: rounded(total, 4) for name, total in totals.items()}


def _with(**fields: Any) -> Any:
    return lambda document: document | fields


def _first_period(**fields: Any) -> Any:
    def broken(document: Document) -> Document:
        first, *rest = document["charging_periods"]
        return document | {"charging_periods": [first | fields, *rest]}

    return broken


BROKEN: dict[str, Any] = {
    "no total": _with(total_cost=None),
    "total as text": _with(total_cost={"before_taxes": "4"}),
    "other total": _with(total_cost={"before_taxes": Decimal("3.21")}),
    "endless total": _with(total_cost={"before_taxes": Decimal("1.23456789012")}),
    "not a number": _with(total_energy=Decimal("NaN")),
    "other energy": _with(total_energy=Decimal("123.4")),
    "other time": _with(total_time=Decimal("77.7")),
    "other parking time": _with(total_parking_time=Decimal("77.7")),
    "other part": _with(total_energy_cost={"before_taxes": Decimal("99.99")}),
    "a part that nothing makes": _with(total_reservation_cost={"before_taxes": Decimal("0.50")}),
    "a part without a figure": _with(total_fixed_cost={}),
    "a credit": _with(credit=True, credit_reference_id="C0"),
    "a reference alone": _with(credit_reference_id="C0"),
    "a long id": _with(id="C" * 37),
    "no place": _with(cdr_location={"country": "NLD", "evse_uid": "#NA"}),
    "another currency": _with(currency="SEK"),
    "lower case": _with(currency="eur"),
    "signed": _with(signed_data={"encoding_method": "OCMF", "signed_values": []}),
    "ends before it starts": _with(end_date_time="2020-01-01T00:00:00Z"),
    "an offset": _with(end_date_time="2027-01-01T00:00:00+00:00"),
    "a space": _with(end_date_time="2027-01-01 00:00:00Z"),
    "no periods": _with(charging_periods=[]),
    "periods of another kind": _with(charging_periods={"start_date_time": 1}),
    "another tariff": _first_period(tariff_id="OTHER"),
    "no dimensions": _first_period(dimensions=None),
    "a volume as text": _first_period(dimensions=[{"type": "ENERGY", "volume": "5"}]),
    "too many digits": _first_period(dimensions=[{"type": "ENERGY", "volume": Decimal("5.00000000001")}]),
    "an unknown dimension": _first_period(dimensions=[{"type": "ENERGIE", "volume": 5}]),
    "twice the same": _first_period(dimensions=[{"type": "POWER", "volume": 5}, {"type": "POWER", "volume": 5}]),
    "more than a charger gives": _first_period(dimensions=[{"type": "ENERGY", "volume": 99999}]),
    "more hours than there were": _first_period(dimensions=[{"type": "TIME", "volume": 99}]),
    "a start outside": _first_period(start_date_time="2020-01-01T00:00:00Z"),
    "a start in 1970": _with(start_date_time="1970-01-01T00:00:00Z"),
}


PLAIN = cdr(
    period("2026-01-16T20:00:00Z", "T1", ENERGY="10.01", TIME=1),
    period("2026-01-16T21:00:00Z", "T1", ENERGY="10.03", TIME=1),
    period("2026-01-16T22:00:00Z", "T1", PARKING_TIME="1.2"),
    end="2026-01-16T23:12:00Z",
    total_energy=Decimal("20.04"),
    total_time=Decimal("3.2"),
    total_parking_time=Decimal("1.2"),
)
TIERS = tariff(
    element(component("FLAT", "0.5", vat=21)),
    element(component("ENERGY", "0.25", vat=21), start_time="22:00", end_time="06:00"),
    element(component("ENERGY", "0.45", vat=21, step_size=100)),
    element(component("PARKING_TIME", "6", vat=21, step_size=900)),
    min_price={"before_taxes": Decimal(1), "after_taxes": Decimal("1.21")},
)


def test_a_plain_charge_is_agreed_to_with_its_parts() -> None:
    found = held(PLAIN | cdr_costs(PLAIN, [TIERS], "Europe/Amsterdam"), TIERS, "Europe/Amsterdam")
    assert found is not None
    assert found.expected == amount_document(check(PLAIN, [TIERS], "Europe/Amsterdam").bill.total)


@pytest.mark.parametrize("field", ["total_cost", *FIELDS[:2]])
def test_a_cent_too_much_is_not_agreed_to(field: str) -> None:
    right = PLAIN | cdr_costs(PLAIN, [TIERS], "Europe/Amsterdam")
    claimed = right[field] | {"before_taxes": right[field]["before_taxes"] + Decimal("0.0001")}
    assert held(right | {field: claimed}, TIERS, "Europe/Amsterdam") is None


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_odd_is_left_to_the_reference_engine(broken: str) -> None:
    right = PLAIN | cdr_costs(PLAIN, [TIERS], "Europe/Amsterdam")
    assert held(BROKEN[broken](right), TIERS, "Europe/Amsterdam") is None
