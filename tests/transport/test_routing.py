"""Every operation of the table has its place, and every other place says what is wrong with it."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi.dialect import releases_best_first
from evmesh.ocpi.operation import Operation
from evmesh.transport.routing import OPERATIONS, Map, NotThere, WrongMethod

EVERYTHING = Map(OPERATIONS, releases_best_first())


def path_of(operation: Operation, release: str, value: str = "X") -> str:
    """Where an operation lies below /ocpi, with this value for each parameter."""
    if operation.id == "versions.list":
        return "/versions"
    at = {"versions": f"/{release}"}.get(operation.module, f"/{release}/{operation.module}")
    if operation.interface:
        at = f"/{release}/{operation.interface.lower()}/{operation.module}"
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return operation.url(at, dict.fromkeys(names, value))


PLACES = [
    (operation, release)
    for operation in OPERATIONS.values()
    for release in releases_best_first()
    if not operation.releases or release in operation.releases
]


@pytest.mark.parametrize(("operation", "release"), PLACES, ids=lambda value: str(getattr(value, "id", value)))
def test_every_operation_is_found_at_its_place_with_and_without_a_slash(operation: Operation, release: str) -> None:
    for slash in ("", "/"):
        found = EVERYTHING.find(operation.method, path_of(operation, release) + slash)
        assert found.operation == operation
        assert found.release == (None if operation.id == "versions.list" else release)
        assert set(found.parameters.values()) <= {"X"}


@pytest.mark.parametrize(("operation", "release"), PLACES, ids=lambda value: str(getattr(value, "id", value)))
def test_another_verb_is_told_which_are_possible(operation: Operation, release: str) -> None:
    with pytest.raises(WrongMethod) as refusal:
        EVERYTHING.find("TRACE", path_of(operation, release))
    assert operation.method in refusal.value.allowed


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1))
def test_an_id_may_hold_any_character(id: str) -> None:
    found = EVERYTHING.find("GET", f"/2.2.1/receiver/locations/SE/VLT/{quote(id, safe='')}")
    assert found.parameters == {"country_code": "SE", "party_id": "VLT", "location_id": id}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/3.0",
        "/2.2.1/nonsense",
        "/2.2.1/sender",
        "/2.2.1/sender/nonsense",
        "/2.2.1/nonsense/locations",
        "/2.2.1/locations",
        "/2.2.1/sender/locations//",
        "/2.2.1/receiver/locations/SE//X",
        "/2.2.1/receiver/locations/SE",
        "/2.2.1/sender/locations/1/2/3/4",
        "/2.2.1/credentials/more",
        "/versions/more",
        "//versions",
        "/2.2.1//sender/locations",
        "/2.2.1/../versions",
        "/2.2.1/sender%2Flocations",
    ],
)
def test_nothing_lies_elsewhere(path: str) -> None:
    with pytest.raises(NotThere):
        EVERYTHING.find("GET", path)


def test_an_operation_without_a_handler_is_not_there() -> None:
    only_get = Map(["sessions.receiver.get"], ["2.2.1"])
    with pytest.raises(WrongMethod) as refusal:
        only_get.find("PUT", "/2.2.1/receiver/sessions/SE/VLT/1")
    assert refusal.value.allowed == ("GET",)
    with pytest.raises(NotThere):
        only_get.find("GET", "/2.1.1/receiver/sessions/SE/VLT/1")


def test_an_operation_that_a_release_lacks_is_not_there() -> None:
    with pytest.raises(WrongMethod):
        EVERYTHING.find("PATCH", "/2.2.1/receiver/tariffs/SE/VLT/1")
    assert EVERYTHING.find("PATCH", "/2.1.1/receiver/tariffs/SE/VLT/1").operation.id == "tariffs.receiver.patch"
