"""A PATCH made of the difference turns what was told into what is now, or there is none."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evmesh.ocpi.dialect import dialect
from evmesh.ports import Document
from evmesh.roaming import difference, receive
from evmesh.roaming.locations.last_updated import later, risen
from tests.roaming.calls import RELEASES, connector, evse, location, period, session, stamp, tariff, token

NEW = dialect("2.2.1")

connectors = st.builds(
    lambda id, amperage, tariffs, at: connector(id, at=at, max_amperage=amperage, tariff_ids=tariffs),
    st.sampled_from("12"), st.sampled_from([16, 32]), st.sampled_from([["T1"], ["T1", "T2"], []]), st.integers(0, 2),
)  # fmt: skip
evses = st.builds(
    lambda uid, status, level, plugs, at: evse(
        uid, status, at=at, connectors=plugs, **({} if level is None else {"floor_level": level})
    ),
    st.sampled_from(["E1", "E2"]), st.sampled_from(["AVAILABLE", "CHARGING"]), st.sampled_from([None, "1"]),
    st.lists(connectors, min_size=1, max_size=2, unique_by=lambda c: c["id"]), st.integers(0, 3),
)  # fmt: skip
locations = st.builds(
    lambda name, places, at: risen(location(name=name, evses=places, at=at)),
    st.sampled_from(["A", "B", None]), st.lists(evses, max_size=2, unique_by=lambda e: e["uid"]), st.integers(0, 4),
)  # fmt: skip
sessions = st.builds(
    lambda kwh, periods, status, at: session(kwh=kwh, charging_periods=periods, status=status, at=at),
    st.integers(0, 2), st.lists(st.sampled_from([period(m, k) for m in (0, 15, 30) for k in (1, 2)]), max_size=3,
                                unique_by=lambda p: p["start_date_time"]),
    st.sampled_from(["ACTIVE", "COMPLETED"]), st.integers(0, 4),
)  # fmt: skip
tokens = st.builds(
    lambda valid, visual, at: token(valid=valid, at=at, **({} if visual is None else {"visual_number": visual})),
    st.booleans(), st.sampled_from([None, "1", "2"]), st.integers(0, 4),
)  # fmt: skip


def applied(kind: str, told: Document, part: difference.Part) -> Document:
    """What a Receiver makes of it, stamps rising from connector to Location."""
    name = {"locations": "Location", "sessions": "Session", "tokens": "Token"}[kind]
    if not part.below:
        return receive.merged(NEW, name, told, part.body)
    document = deepcopy(told)
    (place,) = [e for e in document["evses"] if e["uid"] == part.below["evse_uid"]]
    above = [document]
    if "connector_id" in part.below:
        above.append(place)
        (place,) = [c for c in place["connectors"] if c["id"] == part.below["connector_id"]]
    place.update(part.body)
    for each in above:
        each["last_updated"] = later(each["last_updated"], part.body["last_updated"])
    return document


def same(one: Any, other: Any) -> bool:
    """Equal, where null, absent and an empty list are the same."""

    def tidy(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: tidy(v) for k, v in value.items() if v not in (None, [])}
        return [tidy(item) for item in value] if isinstance(value, list) else value

    return bool(tidy(one) == tidy(other))


@pytest.mark.parametrize(("kind", "documents"), [("locations", locations), ("sessions", sessions), ("tokens", tokens)])
def test_told_and_difference_make_now(kind: str, documents: st.SearchStrategy[Document]) -> None:
    met = {"patches": 0}

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(documents, documents)
    def check(told: Document, now: Document) -> None:
        if now["last_updated"] < told["last_updated"]:
            told, now = now, told
        part = difference.part(kind, told, now, NEW.release)
        if part is not None:
            met["patches"] += 1
            assert same(applied(kind, told, part), now)
            assert part.body["last_updated"]
            # A PATCH whose answer was lost may arrive twice.
            assert same(applied(kind, applied(kind, told, part), part), now)

    check()
    assert met["patches"] > 20


def test_one_evse_that_changed_its_status_is_a_small_patch() -> None:
    told = location()
    now = deepcopy(told)
    now["evses"][1] |= {"status": "CHARGING", "last_updated": stamp(5)}

    part = difference.part("locations", told, risen(now), NEW.release)

    assert part == difference.Part(
        "locations.receiver.patch_evse", {"status": "CHARGING", "last_updated": stamp(5)}, {"evse_uid": "E2"}
    )


def test_one_connector_that_changed_is_a_patch_of_it() -> None:
    told = location()
    now = deepcopy(told)
    now["evses"][0]["connectors"][1] |= {"tariff_ids": ["T2"], "last_updated": stamp(5)}

    part = difference.part("locations", told, risen(now), NEW.release)

    assert part is not None
    assert (part.operation, part.below) == (
        "locations.receiver.patch_connector", {"evse_uid": "E1", "connector_id": "2"},
    )  # fmt: skip
    assert part.body == {"tariff_ids": ["T2"], "last_updated": stamp(5)}


@pytest.mark.parametrize(
    "now",
    [
        location(at=5, evses=[evse("E1", "CHARGING", at=5), evse("E2", "CHARGING", at=5)]),
        location(at=5, evses=[evse("E1", at=5)]),
        location(at=5, evses=[evse("E2"), evse("E1")]),
        location(at=5, name=None),
        location(at=5, name="B", evses=[evse("E1", "CHARGING", at=5), evse("E2")]),
        location(at=6, evses=[evse("E1", "CHARGING", at=5), evse("E2")]),
    ],
    ids=["two EVSEs", "one EVSE fewer", "another order", "a field less", "more than an EVSE", "another stamp above"],
)
def test_what_a_patch_cannot_say_for_sure_goes_as_a_whole(now: Document) -> None:
    assert difference.part("locations", location(), now, NEW.release) is None


@pytest.mark.parametrize("release", RELEASES)
def test_a_session_sends_new_periods_only_where_they_are_appended(release: str) -> None:
    told, now = session(), session(at=20, kwh=3, charging_periods=[period(), period(15)])

    part = difference.part("sessions", told, now, dialect(release).release)

    assert part is not None
    appends = dialect(release).release.patch_appends_periods
    assert part.body["charging_periods"] == ([period(15)] if appends else [period(), period(15)])


def test_a_period_that_was_told_otherwise_needs_the_whole_session() -> None:
    now = session(at=20, charging_periods=[period(0, kwh=2), period(15)])

    assert difference.part("sessions", session(), now, NEW.release) is None


def test_a_start_that_stands_twice_needs_the_whole_session() -> None:
    now = session(at=20, charging_periods=[period(), period(0, kwh=2)])

    assert difference.part("sessions", session(), now, NEW.release) is None


def test_tariffs_and_what_names_an_object_are_never_patched() -> None:
    assert difference.part("tariffs", tariff(), tariff(at=1, currency="EUR"), NEW.release) is None
    assert difference.part("tokens", token(), token(uid="other", at=1), NEW.release) is None
