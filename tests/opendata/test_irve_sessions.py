"""Sessions of the French register to be replayed: exact, identified, and those that nobody can be charged for."""

import gzip
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi import wire
from evmesh.opendata import irve
from evmesh.opendata.irve import ReplayedSession, UnreadableSession

ROW = {"energy": Decimal("46.572"), "start": 1733848096000, "end": 1733850582000, "id_pdc_itinerance": "FRABCE1"}


def session(**changes: Any) -> ReplayedSession:
    (found,) = irve.sessions([ROW | changes])
    assert isinstance(found, ReplayedSession)
    return found


def test_a_session() -> None:
    found = session()
    assert (found.row, found.evse_uid, found.energy_kwh) == (1, "FRABCE1", Decimal("46.572"))
    assert found.start == datetime(2024, 12, 10, 16, 28, 16, tzinfo=UTC)
    assert found.end == datetime(2024, 12, 10, 17, 9, 42, tzinfo=UTC)
    assert found.refused is None
    assert found.findings == []


def test_milliseconds_are_kept() -> None:
    assert session(start=1734366758330).start == datetime(2024, 12, 16, 16, 32, 38, 330_000, tzinfo=UTC)


def test_a_float_is_what_its_text_said() -> None:
    assert session(energy=46.572).energy_kwh == Decimal("46.572")


def test_the_id_is_made_of_what_the_session_is() -> None:
    assert session().id == session(energy=46.572).id
    assert len(session().id) <= 36
    others = [session(energy=Decimal("46.573")), session(end=1733850582001), session(id_pdc_itinerance="FRABCE2")]
    assert len({session().id, *(other.id for other in others)}) == 4


def test_an_identical_twin_is_the_same_session() -> None:
    first, twin, other = irve.sessions([ROW, dict(ROW), ROW | {"energy": 1}])
    assert isinstance(first, ReplayedSession)
    assert isinstance(twin, ReplayedSession)
    assert isinstance(other, ReplayedSession)
    assert (first.refused, twin.refused, other.refused) == (None, "identical_twin", None)
    assert first.id == twin.id != other.id
    assert [found.code for found in twin.findings] == ["identical_twin"]


def test_what_cannot_be_charged() -> None:
    assert session(end=1733848095999).refused == "ends_before_start"
    assert session(energy=-1).refused == "negative_energy"


def test_no_time_at_all_is_odd_but_no_reason_to_refuse() -> None:
    found = session(end=ROW["start"])
    assert found.refused is None
    assert [each.code for each in found.findings] == ["no_duration"]


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ("a line", "/rows/1"),
        (ROW | {"energy": None}, "/rows/1/energy"),
        (ROW | {"energy": "much"}, "/rows/1/energy"),
        (ROW | {"start": "yesterday"}, "/rows/1/start"),
        (ROW | {"start": 10**30}, "/rows/1/start"),
        (ROW | {"end": Decimal("0.5")}, "/rows/1/end"),
        (ROW | {"id_pdc_itinerance": " "}, "/rows/1/id_pdc_itinerance"),
        ({}, "/rows/1/id_pdc_itinerance"),
    ],
)
def test_a_row_that_is_no_session_says_why_and_costs_only_itself(row: Any, pointer: str) -> None:
    bad, good = irve.sessions([row, ROW])
    assert isinstance(bad, UnreadableSession)
    assert [(found.code, found.pointer) for found in bad.findings] == [("unreadable_session", pointer)]
    assert isinstance(good, ReplayedSession)
    assert good.row == 2


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals(allow_nan=False)
    | st.text()
    | st.lists(st.integers())
)


@given(st.lists(VALUES | st.dictionaries(st.sampled_from(sorted(ROW)), VALUES), max_size=5))
def test_no_row_raises(rows: list[Any]) -> None:
    assert [found.row for found in irve.sessions(rows)] == list(range(1, len(rows) + 1))


def test_the_sessions_of_the_register(shared: Path) -> None:
    with gzip.open(shared / "data" / "irve" / "irve-dynamique-sessions.json.gz") as lines:
        found = list(irve.sessions(wire.decode(line) for line in lines))
    refused = Counter(each.refused if isinstance(each, ReplayedSession) else "unreadable" for each in found)
    assert refused == {None: 110_359, "identical_twin": 7}
    assert len({each.id for each in found if isinstance(each, ReplayedSession)}) == 110_359
