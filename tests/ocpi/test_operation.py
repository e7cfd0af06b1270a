"""Operations are found by method and raw path, and written as URLs that are found again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi import chargingprofiles, commands, locations, payments, tokens
from evmesh.ocpi.operation import Operation, Routes
from evmesh.ocpi.schema import CHAPTERS
from tests.ocpi.documents import quick

LOCATIONS = Routes(o for o in locations.OPERATIONS if o.interface == "RECEIVER")
PAYMENTS = Routes(o for o in payments.OPERATIONS if o.interface == "SENDER")
COMMANDS = Routes(commands.OPERATIONS)


def found(routes: Routes, method: str, path: str) -> tuple[str | None, dict[str, str]]:
    operation, parameters, _ = routes.match(method, path)
    return operation.id if operation else None, parameters


def test_an_operation_is_found_with_its_parameters() -> None:
    assert found(LOCATIONS, "PUT", "/NL/ABC/LOC1/E1") == (
        "locations.receiver.put_evse",
        {"country_code": "NL", "party_id": "ABC", "location_id": "LOC1", "evse_uid": "E1"},
    )


def test_an_id_may_hold_an_encoded_slash() -> None:
    operation, parameters = found(LOCATIONS, "GET", "/NL/ABC/a%2Fb%20c%25")
    assert operation == "locations.receiver.get_location"
    assert parameters["location_id"] == "a/b c%"


def test_one_slash_at_the_end_means_nothing() -> None:
    assert found(LOCATIONS, "GET", "/NL/ABC/LOC1/") == found(LOCATIONS, "GET", "/NL/ABC/LOC1")
    tariffs = Routes([Operation("x.sender.list", "GET", "")])
    assert found(tariffs, "GET", "/") == found(tariffs, "GET", "") == ("x.sender.list", {})


@pytest.mark.parametrize(
    "path", ["", "/", "/NL", "/NL/ABC", "/NL//LOC1", "/NL/ABC/LOC1//", "/a/b/c/d/e/f", "NL/ABC/LOC1"]
)
def test_where_nothing_lies_no_method_is_allowed(path: str) -> None:
    assert LOCATIONS.match("GET", path) == (None, {}, ())


def test_another_method_is_told_which_ones_there_are() -> None:
    operation, parameters, allowed = LOCATIONS.match("DELETE", "/NL/ABC/LOC1")
    assert operation is None
    assert parameters == {}
    assert set(allowed) == {"GET", "PUT", "PATCH"}


def test_a_fixed_segment_wins_over_a_parameter() -> None:
    assert found(PAYMENTS, "POST", "/terminals/activate") == ("payments.sender.terminals.activate", {})
    assert found(PAYMENTS, "GET", "/terminals/activate")[1] == {"terminal_id": "activate"}
    assert set(PAYMENTS.match("DELETE", "/terminals/activate")[2]) == {"POST", "GET", "PUT", "PATCH"}
    assert found(COMMANDS, "POST", "/START_SESSION") == ("commands.receiver.start_session", {})
    assert found(COMMANDS, "POST", "/X_TURN_ON_THE_LIGHT") == (
        "commands.receiver.other",
        {"command": "X_TURN_ON_THE_LIGHT"},
    )


def test_an_operation_knows_its_module_interface_and_kind() -> None:
    patch = next(o for o in locations.OPERATIONS if o.id == "locations.receiver.patch_evse")
    assert (patch.module, patch.interface, patch.partial, patch.owner_in_path) == ("locations", "RECEIVER", True, True)
    authorize = next(o for o in tokens.OPERATIONS if o.id == "tokens.sender.authorize")
    assert (authorize.interface, authorize.partial, authorize.owner_in_path) == ("SENDER", False, False)
    register = Operation("credentials.register", "POST", "")
    assert register.interface is None


@pytest.mark.parametrize("endpoint", ["https://example.com/ocpi/tokens", "https://example.com/ocpi/tokens/"])
def test_a_url_is_the_endpoint_and_the_encoded_segments(endpoint: str) -> None:
    authorize = next(o for o in tokens.OPERATIONS if o.id == "tokens.sender.authorize")
    assert authorize.url(endpoint, {"token_uid": "a/b ö"}) == "https://example.com/ocpi/tokens/a%2Fb%20%C3%B6/authorize"
    listing = next(o for o in tokens.OPERATIONS if o.id == "tokens.sender.list")
    assert listing.url(endpoint, {}) == endpoint
    with pytest.raises(KeyError):
        authorize.url(endpoint, {})


@pytest.mark.parametrize("dots", [".", ".."])
def test_an_id_of_dots_alone_names_no_other_folder(dots: str) -> None:
    result = next(o for o in chargingprofiles.OPERATIONS if o.id == "chargingprofiles.receiver.delete")
    assert result.url("https://example.com/cp", {"session_id": dots}) == "https://example.com/cp/" + dots.replace(
        ".", "%2E"
    )


def every_operation() -> list[Operation]:
    modules = [__import__(f"evmesh.ocpi.{chapter}", fromlist=["OPERATIONS"]) for chapter in CHAPTERS]
    return [operation for module in modules for operation in getattr(module, "OPERATIONS", ())]


@quick(200)
@given(
    operation=st.sampled_from(every_operation()), ids=st.lists(st.text(min_size=1, max_size=8), min_size=5, max_size=5)
)
def test_what_is_written_as_a_url_is_found_again(operation: Operation, ids: list[str]) -> None:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    parameters = dict(zip(names, ids, strict=False))
    url = operation.url("https://example.com", parameters)
    assert Routes([operation]).match(operation.method, url.removeprefix("https://example.com"))[:2] == (
        operation,
        parameters,
    )
