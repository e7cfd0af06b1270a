"""Stamps rise from connector to Location and never sink."""

import pytest

from evmesh.roaming.locations.last_updated import later, risen
from tests.roaming.calls import connector, evse, location, stamp


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z", "2026-03-01T12:00:01Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00.5Z"),
        ("2026-03-01T12:00:00.9Z", "2026-03-01T12:00:01Z", "2026-03-01T12:00:01Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:30:00+01:00", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00"),
        (None, "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00Z", None, "2026-03-01T12:00:00Z"),
        (None, None, None),
    ],
)
def test_the_later_of_two(one: str | None, other: str | None, expected: str | None) -> None:
    assert later(one, other) == expected


def test_a_connector_raises_its_evse_and_the_location() -> None:
    before = location(evses=[evse("E1", connectors=[connector("1", at=9)]), evse("E2", at=3)])

    after = risen(before)

    assert [after["last_updated"], *(each["last_updated"] for each in after["evses"])] == [stamp(9), stamp(9), stamp(3)]
    assert before == location(evses=[evse("E1", connectors=[connector("1", at=9)]), evse("E2", at=3)])


def test_what_stands_higher_stays() -> None:
    assert risen(location(at=9, evses=[evse("E1", at=3)]))["last_updated"] == stamp(9)
    assert risen(location(evses=[])) == location(evses=[])
