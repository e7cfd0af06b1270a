"""The slow road: each deviation has its finding, and is repaired, left out or fatal as the table in `check.py` says."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.base.findings import Finding
from evmesh.ocpi import wire
from evmesh.ocpi.check import MISSING, examine, fits
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.releases import NEWEST, RELEASES
from tests.ocpi.documents import Document, own, spelled

RULES = RELEASES[NEWEST].rules


def look(name: str, document: Any, release: str = NEWEST) -> tuple[list[tuple[str, str, str]], Any]:
    """(severity, code, pointer) of each finding, a `!` behind the code of what is fatal; and what was read."""
    findings, repaired = examine(RELEASES[release].rules, name, document)
    return [(f.severity, f.code + "!" * f.fatal, f.pointer) for f in findings], repaired


def location(**changes: Any) -> Document:
    return own(NEWEST, "Location") | changes


def session(**changes: Any) -> Document:
    return own(NEWEST, "Session") | changes


def parking(**changes: Any) -> Document:
    return {"id": "P", "vehicle_types": ["VAN"], "restricted_to_type": True, "reservation_required": False} | changes


@pytest.mark.parametrize(
    ("name", "field", "value", "meant", "code"),
    [
        ("Session", "kwh", "12.50", Decimal("12.50"), "number_as_text"),
        ("Session", "kwh", " 12 ", Decimal(12), "number_as_text"),
        ("Connector", "max_voltage", Decimal("230.0"), 230, "decimal_as_integer"),
        ("Connector", "max_voltage", "230", 230, "number_as_text"),
        ("Session", "id", 12, "12", "text_as_number"),
        ("Session", "id", Decimal("1.50"), "1.50", "text_as_number"),
        ("Location", "publish", "true", True, "boolean_as_text"),
        ("Location", "publish", "False", False, "boolean_as_text"),
        ("Location", "publish", 0, False, "boolean_as_text"),
        ("Location", "publish", 1, True, "boolean_as_text"),
        ("Location", "facilities", "HOTEL", ["HOTEL"], "not_a_list"),
        ("Session", "status", "active", "ACTIVE", "wrong_case"),
        ("Session", "status", " Active", "ACTIVE", "wrong_case"),
        ("Session", "last_updated", "2026-05-11T10:00:00+02:00", "2026-05-11T08:00:00Z", "timestamp_form"),
        ("Session", "last_updated", "2026-05-11 08:00:00Z", "2026-05-11T08:00:00Z", "timestamp_form"),
        ("Session", "last_updated", "2026-05-11T08:00:00.123456Z", "2026-05-11T08:00:00.123Z", "timestamp_form"),
        ("Session", "last_updated", "2026-05-11T07:59:60Z", "2026-05-11T08:00:00Z", "timestamp_form"),
        ("Token", "language", "sv-SE", "sv", "form"),
        ("Token", "language", "EN_gb", "en", "form"),
    ],
)
def test_what_says_the_same_in_another_form_is_read(name: str, field: str, value: Any, meant: Any, code: str) -> None:
    findings, repaired = look(name, own(NEWEST, name) | {field: value})
    assert findings == [("error", code, f"/{field}")]
    assert spelled(repaired[field]) == spelled(meant)
    # What was repaired needs no repair.
    assert look(name, repaired)[0] == []


@pytest.mark.parametrize(
    ("latitude", "meant"),
    [
        ("52", "52.00000"),
        ("52.1", "52.10000"),
        ("52.123456789", "52.1234568"),
        ("-5.1", "-5.10000"),
        ("5.21E1", "52.10000"),
        (" 52.12345 ", "52.12345"),
        (Decimal("52.1"), "52.10000"),
    ],
)
def test_coordinates_get_the_decimals_that_they_need(latitude: Any, meant: str) -> None:
    findings, repaired = look("GeoLocation", {"latitude": latitude, "longitude": "18.07020"})
    assert findings[-1] == ("error", "form", "/latitude")
    assert repaired["latitude"] == meant


def test_the_oldest_release_has_six_decimals() -> None:
    findings, repaired = look("GeoLocation", {"latitude": "52.12345", "longitude": "18.0702009"}, "2.1.1")
    assert [code for _, code, _ in findings] == ["form", "form"]
    assert repaired == {"latitude": "52.123450", "longitude": "18.070201"}


@pytest.mark.parametrize("latitude", ["north", "NaN", "1e400", "200.5", "", "9" * 50])
def test_what_is_no_coordinate_stays_a_deviation(latitude: str) -> None:
    findings, repaired = look("GeoLocation", {"latitude": latitude, "longitude": "18.07020"})
    assert ("error", "pattern", "/latitude") in findings
    assert repaired["latitude"] == latitude


@pytest.mark.parametrize(
    ("restriction", "value", "meant"),
    [("start_time", "8:00", "08:00"), ("start_time", "08:00:00", "08:00"), ("end_time", "24:00", "00:00")],
)
def test_times_are_read_in_their_usual_misspellings(restriction: str, value: str, meant: str) -> None:
    findings, repaired = look("TariffRestrictions", {restriction: value})
    assert findings == [("error", "form", f"/{restriction}")]
    assert repaired == {restriction: meant}


@pytest.mark.parametrize(
    ("restriction", "value"),
    [
        ("start_time", "24:00"), ("start_time", "8 o'clock"), ("start_date", "01.05.2026"), ("min_kwh", "some"),
        ("day_of_week", ["FUNDAY"]), ("day_of_week", [7]), ("reservation", "MAYBE"), ("max_duration", Decimal("1.5")),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_read_makes_the_price_unusable(restriction: str, value: Any) -> None:
    """Without it the price would be another: better none than a wrong one."""
    tariff = own(NEWEST, "Tariff")
    tariff["elements"][0]["restrictions"] = {restriction: value}
    assert wire.read("Tariff", tariff, dialect(NEWEST)).document is None
    tariff["elements"][0]["restrictions"] = {restriction: None}
    assert wire.read("Tariff", tariff, dialect(NEWEST)).document == tariff


def test_a_rate_of_tax_that_cannot_be_read_does_too() -> None:
    tariff = own(NEWEST, "Tariff")
    tariff["elements"][0]["price_components"][0]["vat"] = "a quarter"
    assert wire.read("Tariff", tariff, dialect(NEWEST)).document is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("id", "x" * 37, "too_long"),
        ("id", "ö", "not_ascii"),
        ("id", "a\tb", "not_ascii"),
        ("meter_id", "a\nb", "control_character"),
        ("meter_id", "\x7f", "control_character"),
        ("kwh", Decimal("1.23456"), "many_decimals"),
        ("last_updated", "2026-05-11T08:00:00", "no_zone"),
        ("x_field", 5, "unknown_field"),
    ],
)
def test_what_does_no_harm_is_read_as_it_is(field: str, value: Any, code: str) -> None:
    findings, repaired = look("Session", session(**{field: value}))
    severity = {"many_decimals": "warning", "unknown_field": "warning", "no_zone": "info"}.get(code, "error")
    assert findings == [(severity, code, f"/{field}")]
    assert repaired[field] == (value + "Z" if code == "no_zone" else value)


def test_a_text_may_be_too_short() -> None:
    findings, _ = look("FinancialAdviceConfirmation", own(NEWEST, "FinancialAdviceConfirmation") | {"eft_data": [""]})
    assert findings == [("error", "too_short", "/eft_data/0")]


def test_a_timestamp_of_25_characters_without_zone_makes_room_for_it() -> None:
    findings, repaired = look("Session", session(last_updated="2026-05-11T08:00:00.12345"))
    assert findings == [("info", "no_zone", "/last_updated")]
    assert repaired["last_updated"] == "2026-05-11T08:00:00.123Z"


@pytest.mark.parametrize("url", ["www.volta.example", "/terms", "https://", "https://a b", "https://a\n", ""])
def test_what_is_no_absolute_url_is_told_and_kept(url: str) -> None:
    findings, repaired = look("Connector", own(NEWEST, "Connector") | {"terms_and_conditions": url})
    assert findings == [("error", "not_a_url", "/terms_and_conditions")]
    assert repaired["terms_and_conditions"] == url


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("kwh", None, "null"),
        ("kwh", "much", "wrong_type"),
        ("kwh", "NaN", "wrong_type"),
        ("kwh", "Infinity", "wrong_type"),
        ("kwh", True, "wrong_type"),
        ("kwh", {}, "wrong_type"),
        ("kwh", 10**19, "out_of_range"),
        ("kwh", Decimal("1E+30"), "out_of_range"),
        ("id", ["x"], "wrong_type"),
        ("id", True, "wrong_type"),
        ("status", "NAPPING", "unknown_value"),
        ("status", 5, "wrong_type"),
        ("last_updated", "yesterday", "not_a_timestamp"),
        ("last_updated", 1778500800, "not_a_timestamp"),
        ("cdr_token", "04A1", "not_an_object"),
    ],
)
def test_a_required_field_that_cannot_be_read_is_fatal(field: str, value: Any, code: str) -> None:
    findings, repaired = look("Session", session(**{field: value}))
    assert findings == [("error", code + "!", f"/{field}")]
    assert field not in repaired or repaired[field] is MISSING


def test_what_is_missing_is_fatal_and_told_once_each() -> None:
    findings, _ = look("CdrToken", {})
    assert findings == [("error", "missing!", f"/{name}") for name in RULES.objects["CdrToken"].fields]


def test_an_empty_list_where_one_is_needed_is_told() -> None:
    assert look("CDR", own(NEWEST, "CDR") | {"charging_periods": []})[0] == [
        ("error", "empty_list", "/charging_periods")
    ]


def test_a_list_of_which_nothing_can_be_used_is_fatal() -> None:
    findings, _ = look(
        "BookingTerms", {"supported_access_methods": ["MAGIC"], "change_until_minutes": 1, "cancel_until_minutes": 1}
    )
    assert findings == [
        ("error", "unknown_value", "/supported_access_methods/0"),
        ("error", "empty_list!", "/supported_access_methods"),
    ]


def test_an_optional_value_that_cannot_be_read_is_left_out() -> None:
    findings, repaired = look("Tariff", own(NEWEST, "Tariff") | {"type": "SPECIAL"})
    assert findings == [("error", "unknown_value", "/type")]
    assert "type" not in repaired
    findings, repaired = look(
        "Location", location(charging_when_closed="maybe", parking_places=[parking(time_limit="long")])
    )
    assert findings == [
        ("error", "wrong_type", "/charging_when_closed"),
        ("error", "wrong_type", "/parking_places/0/time_limit"),
    ]
    assert "charging_when_closed" not in repaired


def test_values_unknown_to_an_open_enum_are_kept() -> None:
    findings, repaired = look("EVSE", own(NEWEST, "EVSE") | {"capabilities": ["TELEPATHY", "reservable"]})
    assert findings == [("warning", "unknown_value", "/capabilities/0"), ("warning", "wrong_case", "/capabilities/1")]
    assert repaired["capabilities"] == ["TELEPATHY", "RESERVABLE"]


def test_a_broken_ornament_costs_only_itself() -> None:
    broken = [
        {"url": "https://volta.example/a.png", "type": "png"},
        {"url": "https://volta.example/b.png", "category": "OWNER", "type": "png"},
    ]
    findings, repaired = look("Location", location(images=broken, opening_times={"twentyfourseven": "never"}))
    assert findings == [
        ("error", "missing", "/images/0/category"),
        ("warning", "left_out", "/images/0"),
        ("error", "wrong_type", "/opening_times/twentyfourseven"),
        ("warning", "left_out", "/opening_times"),
    ]
    assert repaired["images"] == broken[1:]
    assert "opening_times" not in repaired


def test_a_broken_evse_costs_its_location() -> None:
    """A Location without one of its EVSEs would say something else: the partner is told instead."""
    findings, _ = look("Location", location(evses=[{"uid": "E1"}]))
    assert ("error", "missing!", "/evses/0/connectors") in findings


def test_findings_say_what_was_probably_meant() -> None:
    def message(name: str, document: Document) -> str:
        (finding,) = examine(RULES, name, document)[0]
        return finding.message

    assert "did you mean evse_uid?" in message("CdrLocation", own(NEWEST, "CDR")["cdr_location"] | {"evse_uuid": "x"})
    assert "did you mean COMPLETED?" in message("Session", session(status="COMPLETE"))
    assert "did you mean" not in message("Session", session(colour="blue"))


def test_unknown_fields_are_no_offence_where_they_must_be_taken() -> None:
    odd, misspelled = session(x_colour="blue"), session(evse_uidd="x")
    assert [f.severity for f in examine(RULES, "Session", odd, takes_unknown=True)[0]] == ["info"]
    assert [f.severity for f in examine(RULES, "Session", misspelled, takes_unknown=True)[0]] == ["warning"]


def test_guessing_what_was_meant_has_an_end() -> None:
    """Each guess takes time, and a hostile document may have a million unknown fields."""
    many = session(**{f"evse_uid{n}": n for n in range(1000)})
    findings, _ = examine(RULES, "Session", many)
    assert len(findings) == 1000
    assert sum("did you mean" in f.message for f in findings) == 100


def test_findings_have_an_end_and_the_worst_is_among_them() -> None:
    many = session(**{f"x{n}": n for n in range(2000)}, charging_periods="none")
    findings, _ = examine(RULES, "Session", many)
    assert len(findings) == 1002
    assert [(f.code, f.pointer) for f in findings if f.fatal] == [("not_an_object", "/charging_periods/0")]
    assert findings[-1].message == "1001 further findings are not listed"
    hundreds = {"facilities": ["HOTELL"] * 500}
    assert sum("did you mean" in f.message for f in examine(RELEASES["2.2.1"].rules, "Location", hundreds)[0]) == 100


def test_messages_stay_short_whatever_they_quote() -> None:
    long = "x" * 100_000
    document = session(status=long, currency=long, kwh=long, last_updated=long, meter_id=10**400)
    document["cdr_token"] = {**document["cdr_token"], "type": long}
    findings, _ = examine(RULES, "Session", document)
    assert len(findings) == 7
    assert all(len(f.message) < 200 for f in findings)


def test_ids_of_credit_cdrs_are_taken_where_the_specification_forgot_them() -> None:
    record = own(NEWEST, "InvoiceReconciliationRecord")
    assert look("InvoiceReconciliationRecord", record | {"cdrs": ["C" * 39]})[0] == []
    longer = look("InvoiceReconciliationRecord", record | {"cdrs": ["C" * 40]})[0]
    assert longer == [("error", "too_long", "/cdrs/0")]


def test_only_the_shown_part_of_a_patch_is_judged() -> None:
    assert examine(RULES, "Session", {"kwh": 5}, partial=True) == ([], {"kwh": 5})
    assert examine(RULES, "Session", [], partial=True)[1] is MISSING


@pytest.mark.parametrize(
    ("of", "field", "value", "fitting"),
    [
        ("Connector", "tariff_ids", ["A"], True),
        ("Connector", "tariff_ids", [], True),
        ("Connector", "tariff_ids", None, True),
        ("Connector", "tariff_ids", "A", False),
        ("Connector", "tariff_ids", [5], False),
        ("Location", "publish", "yes", False),
        ("CDR", "total_time_cost", {"before_taxes": 1, "x": 2}, True),
        ("CDR", "total_time_cost", {"excl_vat": 1}, False),
    ],
)
def test_a_value_fits_a_field_when_nothing_needs_repair(of: str, field: str, value: Any, fitting: bool) -> None:
    assert fits(RULES, RULES.objects[of].fields[field], value) is fitting


def test_what_is_sent_is_judged_harder() -> None:
    image = {"url": "logo.png", "category": "OWNER", "type": "png"}
    kept, repaired = examine(RULES, "Location", location(images=[image]))
    assert [f.code for f in kept] == ["not_a_url"]
    assert repaired["images"] == [image]
    left, repaired = examine(RULES, "Location", location(images=[image]), sending=True)
    assert left == [
        Finding("warning", "not_a_url", "/images/0/url", "not an absolute URL: 'logo.png'"),
        Finding("warning", "left_out", "/images/0", "a broken Image is left out"),
    ]
    assert repaired["images"] == []
