"""What cannot be understood is refused with its place; what can be guessed is said. Nothing is free by mistake."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.pricing.exact import NotANumber, number, number_in_text
from evmesh.pricing.policy import STANDARD, policy_from
from evmesh.pricing.price import price
from evmesh.pricing.zones import _ONE_ZONE, UnknownZone, time_zone, zone_of_country
from tests.pricing.documents import cdr, component, element, period, tariff

ENERGY = component("ENERGY", "0.40", vat=21)
CHARGE = cdr(period("2026-01-12T09:00:00Z", ENERGY=10, TIME=1), end="2026-01-12T10:00:00Z")
Document = dict[str, Any]


@pytest.mark.parametrize(
    ("code", "place", "broken"),
    [
        ("tariff_without_elements", "/tariffs/0/elements", tariff() | {"elements": "none"}),
        ("currency_missing", "/tariffs/0/currency", tariff(element(ENERGY), currency=None)),
        ("unknown_value", "/tariffs/0/tax_included", tariff(element(ENERGY), tax_included="MAYBE")),
        ("not_an_object", "/tariffs/0/elements/0", tariff() | {"elements": [7]}),
        ("element_without_prices", "/tariffs/0/elements/0/price_components", tariff(element())),
        ("not_an_object", "/tariffs/0/elements/0/price_components/0", tariff({"price_components": ["x"]})),
        (
            "unknown_value",
            "/tariffs/0/elements/0/price_components/0/type",
            tariff(element(ENERGY | {"type": "ENERGI"})),
        ),
        ("price_missing", "/tariffs/0/elements/0/price_components/0/price", tariff(element(ENERGY | {"price": None}))),
        (
            "not_a_number",
            "/tariffs/0/elements/0/price_components/0/price",
            tariff(element(ENERGY | {"price": Decimal("NaN")})),
        ),
        ("not_a_number", "/tariffs/0/elements/0/price_components/0/price", tariff(element(ENERGY | {"price": 0.4}))),
        ("not_a_number", "/tariffs/0/elements/0/price_components/0/price", tariff(element(ENERGY | {"price": True}))),
        ("vat_out_of_range", "/tariffs/0/elements/0/price_components/0/vat", tariff(element(ENERGY | {"vat": 121}))),
        (
            "step_size_invalid",
            "/tariffs/0/elements/0/price_components/0/step_size",
            tariff(element(ENERGY | {"step_size": -1})),
        ),
        (
            "step_size_invalid",
            "/tariffs/0/elements/0/price_components/0/step_size",
            tariff(element(ENERGY | {"step_size": Decimal("0.5")})),
        ),
        ("not_an_object", "/tariffs/0/elements/0/restrictions", tariff(element(ENERGY) | {"restrictions": []})),
        ("not_a_time", "/tariffs/0/elements/0/restrictions/start_time", tariff(element(ENERGY, start_time="8:00"))),
        ("not_a_time", "/tariffs/0/elements/0/restrictions/end_time", tariff(element(ENERGY, end_time=800))),
        ("not_a_date", "/tariffs/0/elements/0/restrictions/start_date", tariff(element(ENERGY, start_date="1.1.26"))),
        ("not_a_date", "/tariffs/0/elements/0/restrictions/end_date", tariff(element(ENERGY, end_date="2026-02-30"))),
        (
            "not_whole_seconds",
            "/tariffs/0/elements/0/restrictions/min_duration",
            tariff(element(ENERGY, min_duration=Decimal("1.5"))),
        ),
        (
            "unknown_value",
            "/tariffs/0/elements/0/restrictions/day_of_week",
            tariff(element(ENERGY, day_of_week="MONDAY")),
        ),
        (
            "unknown_value",
            "/tariffs/0/elements/0/restrictions/day_of_week/0",
            tariff(element(ENERGY, day_of_week=["MODAY"])),
        ),
        (
            "unknown_value",
            "/tariffs/0/elements/0/restrictions/reservation",
            tariff(element(ENERGY, reservation="RESERVATION_EXPIRED")),
        ),
        ("not_an_object", "/tariffs/0/min_price", tariff(element(ENERGY), min_price=Decimal(2))),
        ("limit_without_amount", "/tariffs/0/max_price", tariff(element(ENERGY), max_price={})),
        ("not_a_timestamp", "/tariffs/0/start_date_time", tariff(element(ENERGY), start_date_time="soon")),
        ("not_a_timestamp", "/tariffs/0/end_date_time", tariff(element(ENERGY), end_date_time=2027)),
    ],
)
def test_a_tariff_that_cannot_be_understood_prices_nothing(code: str, place: str, broken: Document) -> None:
    bill = price(CHARGE, [broken], "Europe/Amsterdam")
    assert not bill.priced
    assert (code, place) in {(finding.code, finding.pointer) for finding in bill.findings if finding.fatal}


def test_the_word_that_was_meant_is_named() -> None:
    for broken, meant in (
        (tariff(element(ENERGY | {"type": "ENERGI"})), "did you mean ENERGY?"),
        (tariff(element(ENERGY, day_of_week=["MODAY"])), "did you mean MONDAY?"),
        (tariff(element(ENERGY, dayOfWeek=["MONDAY"])), "did you mean day_of_week?"),
        (tariff(element(ENERGY), **{"min-price": {}}), "did you mean min_price?"),
    ):
        assert any(meant in finding.message for finding in price(CHARGE, [broken], "Europe/Amsterdam").findings)


def periods(*given: Any, **fields: Any) -> Document:
    return CHARGE | {"charging_periods": list(given)} | fields


@pytest.mark.parametrize(
    ("code", "place", "broken"),
    [
        ("not_a_timestamp", "/start_date_time", CHARGE | {"start_date_time": None}),
        ("not_a_timestamp", "/end_date_time", CHARGE | {"end_date_time": "later"}),
        ("not_a_timestamp", "/end_date_time", CHARGE | {"end_date_time": "9999-12-31T23:59:59Z"}),
        ("ends_before_start", "/end_date_time", CHARGE | {"end_date_time": "2026-01-12T08:00:00Z"}),
        ("currency_missing", "/currency", CHARGE | {"currency": ""}),
        ("no_periods", "/charging_periods", CHARGE | {"charging_periods": None}),
        ("not_an_object", "/charging_periods/0", periods("x")),
        ("not_a_timestamp", "/charging_periods/0/start_date_time", periods(period("x", ENERGY=1))),
        ("not_a_list", "/charging_periods/0/dimensions", periods({"start_date_time": "2026-01-12T09:00:00Z"})),
        (
            "not_an_object",
            "/charging_periods/0/dimensions/0",
            periods({"start_date_time": "2026-01-12T09:00:00Z", "dimensions": [3]}),
        ),
        (
            "unknown_dimension",
            "/charging_periods/0/dimensions/0/type",
            periods(period("2026-01-12T09:00:00Z", ENERGI=3)),
        ),
        (
            "not_a_number",
            "/charging_periods/0/dimensions/0/volume",
            periods(period("2026-01-12T09:00:00Z", ENERGY="Infinity")),
        ),
        (
            "not_a_number",
            "/charging_periods/0/dimensions/0/volume",
            periods(
                {
                    "start_date_time": "2026-01-12T09:00:00Z",
                    "dimensions": [{"type": "ENERGY", "volume": "many"}],
                }
            ),
        ),
        (
            "negative_time",
            "/charging_periods/0/dimensions/0/volume",
            periods(period("2026-01-12T09:00:00Z", TIME="-0.5")),
        ),
    ],
)
def test_a_cdr_that_cannot_be_understood_has_no_price(code: str, place: str, broken: Document) -> None:
    bill = price(broken, [tariff(element(ENERGY))], "Europe/Amsterdam")
    assert not bill.priced
    assert bill.document()["total_cost"] == {"before_taxes": None, "after_taxes": None}
    assert (code, place) in {(finding.code, finding.pointer) for finding in bill.findings if finding.fatal}


@pytest.mark.parametrize(
    ("code", "odd", "net"),
    [
        ("unknown_dimension", periods(period("2026-01-12T09:00:00Z", ENERGY=10, WEIGHT=3)), 4),
        (
            "number_as_text",
            periods({"start_date_time": "2026-01-12T09:00:00Z", "dimensions": [{"type": "ENERGY", "volume": " 10 "}]}),
            4,
        ),
        (
            "duplicate_dimension",
            periods(
                {
                    "start_date_time": "2026-01-12T09:00:00Z",
                    "dimensions": [{"type": "ENERGY", "volume": 4}, {"type": "ENERGY", "volume": 6}],
                }
            ),
            4,
        ),
        (
            "periods_start_together",
            periods(period("2026-01-12T09:00:00Z", ENERGY=4), period("2026-01-12T09:00:00Z", ENERGY=6)),
            4,
        ),
        ("periods_outside_session", periods(period("2026-01-12T11:00:00Z", ENERGY=10)), 4),
        ("too_many_digits", periods(period("2026-01-12T09:00:00Z", ENERGY="10.0000000000")), 4),
    ],
)
def test_what_can_be_read_is_priced_and_remarked(code: str, odd: Document, net: int) -> None:
    bill = price(odd, [tariff(element(ENERGY))], "Europe/Amsterdam")
    assert bill.total.net == net
    assert code in {finding.code for finding in bill.findings}


def test_bounds_that_exclude_each_other_are_told_with_the_price() -> None:
    """What they price is free by the letter; nobody can have meant that."""
    bill = price(periods(period("2026-01-12T09:00:00Z", ENERGY=10)), [tariff(element(ENERGY, min_kwh=10, max_kwh=5))])
    assert bill.total.net == 0
    found = {finding.code: finding.pointer for finding in bill.findings if finding.severity == "error"}
    assert found == {"impossible_restriction": "/tariffs/0/elements/0/restrictions"}


def test_a_tariff_without_a_fallback_is_told_where_it_has_no_price() -> None:
    """Free because nothing holds is not the same as free because nothing is asked: TIME has no price anywhere."""
    morning = tariff(element(ENERGY, end_time="10:00"))
    charge = cdr(
        period("2026-01-12T08:00:00Z", ENERGY=5, TIME=1),
        period("2026-01-12T09:00:00Z", ENERGY=5, TIME=1),
        end="2026-01-12T10:00:00Z",
    )
    bill = price(charge, [morning], "Europe/Amsterdam")
    assert bill.unpriced == ("ENERGY", "TIME")
    gaps = [finding for finding in bill.findings if finding.code == "price_gap"]
    assert [(gap.pointer, gap.severity) for gap in gaps] == [("/charging_periods/1", "info")]
    assert "ENERGY" in gaps[0].message


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null is not a number"),
        (True, "true is not a number"),
        ("two", "'two' is not a number"),
        (10**15, "1000000000000000 is too large"),
        (-(10**5000), "-1.00E+5000 is too large"),
        ([1] * 99, "… is not a number"),
    ],
    ids=["null", "true", "text", "large", "enormous", "list"],
)
def test_a_value_is_named_as_the_document_writes_it(value: Any, said: str) -> None:
    with pytest.raises(NotANumber) as refusal:
        number(value)
    assert str(refusal.value).endswith(said)
    assert len(str(refusal.value)) < 60


def test_figures_of_absurd_size_cost_no_time() -> None:
    for figure in ("1e999999999", "-1e13", "1e-999999999", f"0.{'1' * 50}"):
        with pytest.raises(NotANumber):
            number(Decimal(figure))
    with pytest.raises(NotANumber, match="too large"):
        number(10**400)
    with pytest.raises(NotANumber, match="is a float"):
        number(0.5)
    with pytest.raises(NotANumber, match="is not a number"):
        number("x" * 100)
    with pytest.raises(NotANumber):
        number_in_text("ten")
    # Zeros without end are still zero, and trailing ones no digits.
    assert number(Decimal("0E-999999999")) == 0
    assert number(Decimal("1." + "0" * 60)) == 1


def test_zones() -> None:
    assert time_zone("Europe/Amsterdam").key == "Europe/Amsterdam"
    for name in ("Mars/Olympus", "../../etc/passwd", "", "zone.tab", "leapseconds"):
        with pytest.raises(UnknownZone, match="no time zone"):
            time_zone(name)
    with pytest.raises(UnknownZone, match="did you mean Europe/Amsterdam"):
        time_zone("Europe/Amsterdm")
    assert zone_of_country("nld") == "Europe/Amsterdam"
    assert zone_of_country("USA") is None
    assert all(time_zone(name) for name in _ONE_ZONE.values())


def test_a_policy_is_read_from_a_table_and_its_slips_are_named() -> None:
    policy = policy_from({"name": "ours", "flat": "each", "taxes": [{"name": "GST", "percentage": "5"}]})
    assert policy.flat == "each"
    assert policy.document() == {"name": "ours", "flat": "each", "taxes": [{"name": "GST", "percentage": "5"}]}
    assert STANDARD.document() == {"name": "evmesh"}
    with pytest.raises(ValueError, match="flatt"):
        policy_from({"flatt": "each"})
    with pytest.raises(ValueError, match="not a pricing policy"):
        policy_from({"flat": "some"})
