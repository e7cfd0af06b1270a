"""Rules that span fields: each is broken once, and found by the fast check and the slow one alike."""

from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.constraints import CONSTRAINTS
from evmesh.ocpi.releases import NEWEST, RELEASES
from tests.ocpi.documents import Document, own

NIGHT = {"weekday": 1, "period_begin": "22:00", "period_end": "06:00"}
DAY = {"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}
PLACE: Document = {"id": "P", "vehicle_types": ["VAN"], "restricted_to_type": True, "reservation_required": False}
POWER = {"type": "POWER", "volume": 1}
PERIOD = {"start_date_time": "2026-05-11T08:00:00Z", "dimensions": [POWER]}
PUBLIC = own(NEWEST, "Location", publish_allowed_to=[{"group_id": "1"}])
TWICE = own(NEWEST, "Credentials", roles=own(NEWEST, "Credentials")["roles"] * 2)
WIND = {"source": "WIND", "percentage": 99}


def evse(*parking: str) -> Document:
    return own(NEWEST, "EVSE") | {"parking": [{"parking_id": each} for each in parking]}


def element(kind: str, **restrictions: str) -> Document:
    return {"price_components": [{"type": kind, "price": 1, "step_size": 1}], "restrictions": restrictions}


BROKEN: list[tuple[str, str, Any, str, str]] = [
    (NEWEST, "PublishTokenType", {"issuer": "Club"}, "publish_token", ""),
    (NEWEST, "PublishTokenType", {"uid": "1"}, "publish_token", "/type"),
    (NEWEST, "PublishTokenType", {"visual_number": "1"}, "publish_token", "/issuer"),
    (NEWEST, "Location", PUBLIC, "publish_allowed_to", "/publish_allowed_to"),
    (NEWEST, "Location", own(NEWEST, "Location", parking_places=[PLACE, PLACE]), "parking_id", "/parking_places/1/id"),
    (
        NEWEST,
        "Location",
        own(NEWEST, "Location", parking_places=[PLACE], evses=[evse("P", "Q")]),
        "parking_id",
        "/evses/0/parking/1/parking_id",
    ),
    (NEWEST, "Hours", {"twentyfourseven": False}, "hours", "/regular_hours"),
    (NEWEST, "Hours", {"twentyfourseven": True, "regular_hours": [DAY]}, "hours", "/regular_hours"),
    ("2.1.1", "Hours", {}, "missing", ""),
    ("2.1.1", "Hours", {"regular_hours": None, "twentyfourseven": None}, "missing", ""),
    ("2.1.1", "Hours", {"twentyfourseven": True, "regular_hours": [DAY]}, "hours", "/regular_hours"),
    (NEWEST, "RegularHours", {**DAY, "weekday": 0}, "weekday", "/weekday"),
    (NEWEST, "RegularHours", {**DAY, "weekday": 8}, "weekday", "/weekday"),
    (NEWEST, "RegularHours", NIGHT, "period_order", "/period_end"),
    (NEWEST, "CDR", own(NEWEST, "CDR", credit=True), "credit", "/credit_reference_id"),
    (NEWEST, "CDR", own(NEWEST, "CDR", id="C" * 37), "too_long", "/id"),
    (
        NEWEST,
        "CDR",
        own(NEWEST, "CDR", charging_periods=[PERIOD]),
        "session_only",
        "/charging_periods/0/dimensions/0/type",
    ),
    (NEWEST, "EnergyMix", {"is_green_energy": True, "energy_sources": [WIND]}, "energy_mix", "/energy_sources"),
    (NEWEST, "StartSession", own(NEWEST, "StartSession", connector_id="1"), "connector_without_evse", "/connector_id"),
    (
        NEWEST,
        "TariffElement",
        element("ENERGY", reservation="RESERVATION"),
        "reservation_dimension",
        "/price_components/0/type",
    ),
    (
        NEWEST,
        "TariffElement",
        element("PARKING_TIME", booking="BOOKING"),
        "reservation_dimension",
        "/price_components/0/type",
    ),
    (NEWEST, "Credentials", TWICE, "role_twice", "/roles/1"),
    (NEWEST, "CdrDimension", {"type": "STATE_OF_CHARGE", "volume": 101}, "out_of_range", "/volume"),
    (NEWEST, "CdrDimension", {"type": "STATE_OF_CHARGE", "volume": -1}, "out_of_range", "/volume"),
    (NEWEST, "ActiveChargingProfileResult", {"result": "ACCEPTED"}, "profile_result", "/profile"),
    (
        NEWEST,
        "BookingLocation",
        own(NEWEST, "BookingLocation", booking_option=None),
        "booking_option",
        "/booking_option",
    ),
]


@pytest.mark.parametrize(("release", "name", "document", "code", "pointer"), BROKEN)
def test_a_broken_rule_is_found(release: str, name: str, document: Document, code: str, pointer: str) -> None:
    findings = wire.check(name, document, release)
    assert [(f.code, f.pointer) for f in findings] == [(code, pointer)]
    assert not any(f.fatal for f in findings)
    assert not wire.keeps_rules(RELEASES[release], name, wire.encode(document), document)


def test_every_rule_has_been_broken() -> None:
    assert {name for _, name, *_ in BROKEN} == set(CONSTRAINTS)


@pytest.mark.parametrize(
    ("release", "name", "document"),
    [
        (NEWEST, "PublishTokenType", {"group_id": "1"}),
        (NEWEST, "Location", own(NEWEST, "Location", evses=[evse("Q")])),
        ("2.1.1", "Hours", {"regular_hours": []}),
        ("2.1.1", "Hours", {"twentyfourseven": True, "regular_hours": []}),
        ("2.1.1", "CDR", own("2.1.1", "CDR", id="C" * 36)),
        (NEWEST, "CDR", own(NEWEST, "CDR", "every_field_set")),
        (NEWEST, "EnergyMix", {"is_green_energy": False, "energy_sources": []}),
        (NEWEST, "TariffElement", element("TIME", reservation="RESERVATION")),
        (NEWEST, "CdrDimension", {"type": "STATE_OF_CHARGE", "volume": 100}),
        (NEWEST, "ActiveChargingProfileResult", {"result": "REJECTED"}),
    ],
)
def test_what_only_looks_like_it_is_fine(release: str, name: str, document: Document) -> None:
    assert wire.check(name, document, release) == []
    assert wire.keeps_rules(RELEASES[release], name, wire.encode(document), document)


def test_rules_hold_wherever_their_object_stands() -> None:
    tariff = own(NEWEST, "Tariff", elements=[element("ENERGY", reservation="RESERVATION")])
    cdr = own(NEWEST, "CDR", tariffs=[own(NEWEST, "Tariff"), tariff])
    place = "/tariffs/1/elements/0/price_components/0/type"
    assert [f.pointer for f in wire.check("CDR", cdr, NEWEST)] == [place]
    assert not wire.keeps_rules(RELEASES[NEWEST], "CDR", wire.encode(cdr), cdr)


def test_an_empty_object_can_break_a_rule_too() -> None:
    place = own("2.1.1", "Location", opening_times={})
    assert [f.pointer for f in wire.check("Location", place, "2.1.1")] == ["/opening_times"]
    assert not wire.keeps_rules(RELEASES["2.1.1"], "Location", wire.encode(place), place)


def test_a_patch_is_held_to_what_it_shows() -> None:
    both = {"publish": True, "publish_allowed_to": [{"group_id": "1"}]}
    assert [f.code for f in wire.check("Location", both, NEWEST, partial=True)] == ["publish_allowed_to"]
    assert wire.check("CDR", {"credit": True}, NEWEST, partial=True) == []
