"""Readings as stations tell them, and the charging periods that are made of them."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from evmesh.ports import Document
from evmesh.roaming.cdrs.periods import energy_of, periods_of, sound, to_keep
from evmesh.roaming.sessions.charge import changed
from evmesh.store.charges import Charge
from tests.roaming.calls import NOON, cdr_token, stamp, tariff
from tests.roaming.sessions.charging import at, reading

RESERVED = [
    {"price_components": [{"type": "ENERGY", "price": 4, "step_size": 1}]},
    {
        "price_components": [{"type": "TIME", "price": 6, "step_size": 1}],
        "restrictions": {"reservation": "RESERVATION"},
    },
]


def charge(state: str = "COMPLETED", end: float | None = 60, **fields: Any) -> Charge:
    known: Document = {
        "session_id": "S1",
        "country_code": "SE",
        "party_id": "VLT",
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "state": state,
        "token_uid": "04AABBCC",
        "token": cdr_token(),
        "auth_method": "WHITELIST",
        "created_at": NOON,
        "start": NOON,
        "end": None if end is None else at(end),
        "currency": "SEK",
        "zone": "Europe/Stockholm",
        "cdr_location": {},
        "tariffs": [tariff()],
        "last_updated": NOON,
    }
    return Charge(**{**known, **fields})


def kept(*values: tuple[float, Any] | tuple[float, Any, Any]) -> list[tuple[datetime, Document]]:
    return [(at(minutes), to_keep(reading(minutes, *rest))) for minutes, *rest in values]


def volumes(periods: list[Document], kind: str) -> list[Decimal]:
    return [each["volume"] for period in periods for each in period["dimensions"] if each["type"] == kind]


def test_energy_flows_between_readings() -> None:
    (only,) = periods_of(charge(), kept((30, 5), (60, "11.25")))

    assert only["start_date_time"] == stamp(0)
    assert only["tariff_id"] == "T1"
    assert volumes([only], "ENERGY") == [Decimal("11.25")]
    assert volumes([only], "TIME") == [1]


def test_a_vehicle_that_asks_for_nothing_parks() -> None:
    values = kept((30, 5))
    values.append((at(45), to_keep(replace(reading(45, 10, 0), charging=False))))
    values.append((at(60), to_keep(replace(reading(60, 10, 0), charging=False))))
    periods = periods_of(charge(), values)

    assert [period["start_date_time"] for period in periods] == [stamp(0), stamp(45)]
    assert volumes(periods, "ENERGY") == [10]
    assert volumes(periods, "PARKING_TIME") == [Decimal("0.25")]


def test_a_period_starts_where_the_price_changes() -> None:
    elements = [
        {"price_components": [{"type": "ENERGY", "price": 4, "step_size": 1}], "restrictions": {"max_kwh": 5}},
        {"price_components": [{"type": "ENERGY", "price": 3, "step_size": 1}]},
    ]
    periods = periods_of(charge(tariffs=[tariff(elements=elements)]), kept((60, 10)))

    assert [period["start_date_time"] for period in periods] == [stamp(0), stamp(30)]
    assert volumes(periods, "ENERGY") == [5, 5]


@pytest.mark.parametrize(
    ("values", "energy"),
    [
        ([(10, 2), (20, 1), (60, 3)], 3),
        ([(10, 5), (60, 3)], 5),
        ([(-5, 1), (60, 3)], 3),
        ([(0, 2), (60, 3)], 3),
        ([(60, "0.00005")], Decimal("0.0001")),
        ([(60, -1)], 0),
    ],
    ids=["falls and rises", "falls", "before the start", "at the start", "half a digit", "below nothing"],
)
def test_no_kwh_is_lost_or_added(values: list[Any], energy: Decimal) -> None:
    periods = periods_of(charge(), kept(*values))

    assert sum(volumes(periods, "ENERGY")) == energy_of(charge(), kept(*values)) == energy


def test_readings_of_the_same_millisecond_are_one() -> None:
    points = sound(charge(), kept((10, 1), (10.000001, 2), (20, 3)))

    assert [(point.moment, point.energy_kwh) for point in points] == [(at(0), 0), (at(10), 2), (at(20), 3)]


def test_a_running_charge_is_told_up_to_its_last_reading() -> None:
    running = charge("ACTIVE", None)

    assert periods_of(running, []) == []
    assert volumes(periods_of(running, kept((15, 1))), "TIME") == [Decimal("0.25")]


def test_what_took_no_time_has_one_period() -> None:
    (only,) = periods_of(charge(end=0), kept((0, "0.5")))

    assert volumes([only], "ENERGY") == [Decimal("0.5")]
    assert volumes([only], "TIME") == [0]


def test_a_reservation_is_told_where_it_is_priced() -> None:
    priced = charge(tariffs=[tariff(elements=RESERVED)], reserved_from=at(-30))
    periods = periods_of(priced, kept((60, 3)))
    assert volumes(periods, "RESERVATION_TIME") == [Decimal("0.5")]
    assert periods[0]["start_date_time"] == stamp(-30)

    free = changed(priced, tariffs=[tariff()])
    assert volumes(periods_of(free, kept((60, 3))), "RESERVATION_TIME") == []


def test_a_reservation_that_nobody_used_has_no_energy() -> None:
    unused = charge(tariffs=[tariff(elements=RESERVED)], reserved_from=at(0), end=30)

    assert volumes(periods_of(unused, []), "RESERVATION_TIME") == [Decimal("0.5")]
    assert volumes(periods_of(unused, []), "ENERGY") == []
    assert periods_of(changed(unused, tariffs=[tariff()]), []) == []
