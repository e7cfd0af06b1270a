"""Each error answers with its own status, in OCPI and in HTTP."""

import pytest

from evmesh.ocpi import status_codes
from evmesh.ocpi.status_codes import OcpiError, is_success
from tests.ocpi.facts import facts
from tests.shared import needs_shared

STATUS = {
    "OcpiError": (2000, 200),
    "NotJson": (2000, 400),
    "InvalidParameter": (2001, 200),
    "NotEnoughInformation": (2002, 200),
    "UnknownLocation": (2003, 200),
    "UnknownToken": (2004, 404),
    "NotFound": (2000, 404),
    "NotCapable": (2001, 404),
    "MethodNotAllowed": (2000, 405),
    "NotAuthorized": (2000, 401),
    "ServerError": (3000, 200),
    "CannotCallBack": (3001, 200),
    "UnsupportedVersion": (3002, 200),
    "MissingEndpoints": (3003, 200),
}


def test_every_error_has_its_status() -> None:
    errors = {
        name: (each.status_code, each.http_status)
        for name, each in vars(status_codes).items()
        if isinstance(each, type) and issubclass(each, OcpiError)
    }
    assert errors == STATUS


def test_an_error_says_what_is_wrong() -> None:
    with pytest.raises(OcpiError, match="no such token") as raised:
        raise status_codes.UnknownToken("no such token")
    assert raised.value.message == "no such token"


@pytest.mark.parametrize(("code", "success"), [(1000, True), (1999, True), (999, False), (2000, False), (19, False)])
def test_success_is_a_thousand(code: int, success: bool) -> None:
    assert is_success(code) is success


@needs_shared
@pytest.mark.parametrize("release", ["2.1.1", "2.2.1", "2.3.0"])
def test_the_codes_are_those_of_the_specification(release: str) -> None:
    told = {entry["code"] for entry in facts(release)["status_codes"] if isinstance(entry["code"], int)}
    ours = {value for name, value in vars(status_codes).items() if name.isupper() and isinstance(value, int)}
    assert ours - told == ({2004, 4000} if release == "2.1.1" else set())
