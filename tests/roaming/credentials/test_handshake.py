"""The rules of the handshake, one by one."""

from typing import Any

import pytest

from evmesh.ocpi.credentials import OPERATIONS
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.status_codes import CannotCallBack, InvalidParameter, MethodNotAllowed, UnsupportedVersion
from evmesh.ports import Partner, PartnerStatus
from evmesh.roaming.credentials import handshake
from evmesh.roaming.credentials.handshake import Offer, Theirs
from tests.roaming.wiring import LIST, Wires, World, party

CREDENTIALS = {each.method: each for each in OPERATIONS}
MODULE = Operation("locations.sender.list", "GET", "")
ROLE = {"role": "EMSP", "country_code": "DE", "party_id": "DRV", "business_details": {"name": "Driver"}}
CPO = {**ROLE, "role": "CPO"}


def node(*parties: str) -> Any:
    from evmesh.roaming.node import Node

    nowhere: Any = None
    return Node("https://volt.example", tuple(party(each) for each in parties), nowhere, Wires(World(), nowhere))


@pytest.mark.parametrize(
    ("purpose", "status", "configuration", "modules"),
    [
        ("A", "invited", True, False),
        ("A", "registered", True, False),
        ("B", "invited", True, False),
        ("B", "registered", True, True),
        ("C", "registered", True, True),
        ("C", "suspended", True, False),
    ],
)
def test_what_a_token_opens(purpose: str, status: PartnerStatus, configuration: bool, modules: bool) -> None:
    assert handshake.opens(purpose, status, LIST) is configuration
    assert all(handshake.opens(purpose, status, each) is configuration for each in OPERATIONS)
    assert handshake.opens(purpose, status, MODULE) is modules


def test_what_shows_that_a_partner_has_its_token() -> None:
    shown = {
        (purpose, operation.id)
        for purpose in "ABC"
        for operation in (LIST, MODULE, *OPERATIONS)
        if handshake.proves(purpose, "registered", operation)
    }
    everything = {operation.id for operation in (LIST, MODULE, *OPERATIONS)}
    assert {what for purpose, what in shown if purpose == "A"} == set()
    assert {what for purpose, what in shown if purpose == "B"} == everything - {"versions.list", "credentials.get"}
    assert {what for purpose, what in shown if purpose == "C"} == everything
    assert not handshake.proves("B", "invited", CREDENTIALS["PUT"])


@pytest.mark.parametrize(
    ("purpose", "status", "refused"),
    [
        ("A", "invited", {"PUT", "DELETE"}),
        ("A", "registered", {"PUT", "DELETE"}),
        ("B", "invited", {"POST", "PUT", "DELETE"}),
        ("B", "registered", {"POST"}),
        ("C", "registered", {"POST"}),
        ("C", "suspended", {"POST"}),
    ],
)
def test_which_methods_fit(purpose: str, status: PartnerStatus, refused: set[str]) -> None:
    for method, operation in CREDENTIALS.items():
        if method in refused:
            with pytest.raises(MethodNotAllowed):
                handshake.check_method(operation, purpose, status)
        else:
            handshake.check_method(operation, purpose, status)


@pytest.mark.parametrize(
    ("theirs", "wanted", "chosen"),
    [
        (["2.1.1", "2.2.1", "2.3.0"], None, "2.3.0"),
        (["2.2.1", "2.1.1"], None, "2.2.1"),
        (["2.0", "2.1.1", "4.0"], None, "2.1.1"),
        (["2.1.1", "2.2.1", "2.3.0"], "2.1.1", "2.1.1"),
    ],
)
def test_the_best_common_release_is_spoken(theirs: list[str], wanted: str | None, chosen: str) -> None:
    ours = ("2.3.0", "2.2.1", "2.1.1")
    assert handshake.choose(dict.fromkeys(theirs, "https://x.example"), ours, wanted) == chosen


@pytest.mark.parametrize(
    ("theirs", "ours", "wanted"),
    [(["2.0"], ["2.2.1"], None), ([], ["2.2.1"], None), (["2.2.1"], ["2.2.1"], "2.3.0"), (["2.2.1"], [], "2.2.1")],
)
def test_without_a_common_release_nothing_is_spoken(theirs: list[str], ours: list[str], wanted: str | None) -> None:
    with pytest.raises(UnsupportedVersion):
        handshake.choose(dict.fromkeys(theirs, "https://x.example"), ours, wanted)


def test_versions_that_cannot_be_read_are_passed_over() -> None:
    rows = [
        {"version": "2.2.1", "url": "https://x.example/2.2.1"},
        {"version": "2.1.1", "url": "relative"},
        {"version": "2.3.0"},
        {"url": "https://x.example"},
        "2.0",
        None,
    ]
    assert handshake.read_versions(rows) == {"2.2.1": "https://x.example/2.2.1"}


@pytest.mark.parametrize("data", [None, {}, "2.2.1", 1])
def test_what_is_no_list_of_versions(data: Any) -> None:
    with pytest.raises(CannotCallBack):
        handshake.read_versions(data)


def test_endpoints_have_no_interface_where_the_release_has_none() -> None:
    rows = [{"identifier": "credentials", "role": "SENDER", "url": "https://x.example/c"}]
    assert handshake.read_endpoints({"endpoints": rows}, dialect("2.1.1")) == (
        {"identifier": "credentials", "url": "https://x.example/c"},
    )
    assert handshake.read_endpoints({"endpoints": rows}, dialect("2.2.1")) == tuple(rows)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://x.example/ocpi", True),
        ("http://127.0.0.1:8100/ocpi/versions", True),
        ("https://[::1]:8100/", True),
        ("https://x.example:port/", False),
        ("https://x.example:0/", False),
        ("https://[::1/", False),
        ("//x.example/", False),
        ("javascript:alert(1)", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_what_is_an_address(url: Any, good: bool) -> None:
    assert handshake.is_address(url) is good


def test_credentials_of_one_party_play_the_opposite_of_ours() -> None:
    document = {
        "token": "t",
        "url": "https://x.example/versions",
        "country_code": "DE",
        "party_id": "DRV",
        "business_details": {"name": "Driver"},
    }
    read = handshake.read_credentials(document, dialect("2.1.1"), party("CPO:SE:VLT"))
    assert read == Theirs("t", "https://x.example/versions", (ROLE,))


def test_unknown_fields_of_credentials_do_no_harm() -> None:
    document = {"token": "t", "url": "https://x.example/versions", "roles": [ROLE], "mood": "good"}
    assert handshake.read_credentials(document, dialect("2.3.0"), None).roles == (ROLE,)


@pytest.mark.parametrize(
    ("other", "free"),
    [
        (Partner(id=2, name="other", status="invited", roles=[CPO]), True),
        (Partner(id=2, name="other", status="removed", roles=[CPO]), True),
        (Partner(id=2, name="other", status="registered", roles=[CPO]), False),
        (Partner(id=2, name="other", status="suspended", roles=[CPO]), False),
        (Partner(id=1, name="the same", status="registered", roles=[CPO]), True),
    ],
)
def test_a_party_is_free_while_nobody_else_is_connected_with_it(other: Partner, free: bool) -> None:
    theirs = Theirs("t", "https://x.example", (ROLE,))
    me = Partner(id=1, name="me")
    if free:
        handshake.check_parties(theirs, me, node("CPO:SE:VLT"), [me, other])
    else:
        with pytest.raises(InvalidParameter, match=r"DE\*DRV belongs to another"):
            handshake.check_parties(theirs, me, node("CPO:SE:VLT"), [me, other])


def test_what_is_stored_after_a_handshake() -> None:
    endpoint = {"identifier": "credentials", "url": "https://x.example/c"}
    before = Partner(id=7, name="friend", our_role="CPO", hub_party_id="NLOLD")
    after = handshake.agreed(
        before,
        Theirs("t", "https://x.example/versions", (ROLE,), "NLHUB"),
        Offer("2.2.1", (endpoint,), False),
        None,
    )
    assert after == Partner(
        id=7,
        name="friend",
        status="registered",
        release="2.2.1",
        base64_token=False,
        versions_url="https://x.example/versions",
        hub_party_id="NLHUB",
        roles=[ROLE],
        endpoints=[endpoint],
    )
    assert handshake.seen_anew(before, after)
    assert not handshake.seen_anew(after, after)


def test_gaps_are_what_roles_promise_and_endpoints_do_not_hold() -> None:
    def friend(*endpoints: tuple[str, str]) -> Partner:
        rows = [{"identifier": m, "role": i, "url": "https://x.example"} for m, i in endpoints]
        return Partner(name="friend", status="registered", release="2.2.1", roles=[ROLE], endpoints=rows)

    ours = node("CPO:SE:VLT")
    receives = [(module, "RECEIVER") for module in ("locations", "sessions", "cdrs", "tariffs")]
    assert handshake.gaps(ours, friend()) == [*receives, ("tokens", "SENDER")]
    assert handshake.gaps(ours, friend(*receives, ("tokens", "SENDER"))) == []
    assert handshake.gaps(ours, Partner(name="friend")) == []
    # Two of a kind have nothing to say to each other.
    assert handshake.gaps(node("EMSP:SE:VLT"), friend()) == []
