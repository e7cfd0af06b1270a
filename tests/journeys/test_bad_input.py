"""What bad input gets from a live node: a clear answer with the right status, and nothing stored or half-written.

One node and one partner of it for all of them; every answer is held to being an envelope, and the database to not
having changed.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from evmesh.ocpi import wire
from evmesh.roaming import partners
from evmesh.store.transaction import current_change
from tests.journeys.gate import Exchange
from tests.journeys.platforms import Market, Platform, raw
from tests.roaming.calls import cdr, location, session, tariff, token

OURS, THEIRS = ("SE", "VLT"), ("SE", "DRV")
LOCATION = "/ocpi/2.2.1/receiver/locations/SE/DRV/LOC1"
TOKEN = "/ocpi/2.2.1/receiver/tokens/SE/DRV/04AABBCC"
LIST = "/ocpi/2.2.1/sender/locations"
MEGABYTE = 1024 * 1024


@dataclass
class Live:
    """A node, the one partner that it has, and what that partner calls it with."""

    node: Platform
    partner: Platform
    token: str

    async def ask(self, method: str, target: str, body: Any = None, **more: Any) -> Exchange:
        given = {"token": self.token, **more}
        content = body if isinstance(body, bytes | None) else wire.encode(body)
        return await raw(method, f"http://127.0.0.1:{self.node.gate.inside}{target}", body=content, **given)


@pytest.fixture(scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    market = Market(tmp_path_factory.mktemp("live"))
    volt = await market.platform("volt", "CPO:SE:VLT", "EMSP:SE:VLT")
    driver = await market.platform("driver", "EMSP:SE:DRV", "CPO:SE:DRV")
    await volt.publish("locations", location(OURS, "L1"))
    await volt.publish("tokens", token(OURS, "04VLT"))
    await market.connect(volt, driver, "2.2.1")
    await driver.pulled("volt", "locations", "tariffs", "tokens", "sessions", "cdrs")
    await volt.pulled("driver", "locations", "tariffs", "tokens", "sessions", "cdrs")
    yield Live(volt, driver, await driver.token_for("volt"))
    await market.close()


@dataclass(frozen=True)
class Case:
    """What is sent, and what is answered: HTTP status, OCPI status (None: any refusal), words of the message."""

    name: str
    method: str
    target: str
    http_status: int
    status_code: int | None = None
    words: str = ""
    body: Any = None
    more: dict[str, Any] = field(default_factory=dict)


def put(name: str, body: Any, http_status: int, status_code: int | None = None, words: str = "", **more: Any) -> Case:
    return Case(name, "PUT", LOCATION, http_status, status_code, words, body, more)


def get(name: str, target: str, http_status: int, status_code: int | None = None, words: str = "", **more: Any) -> Case:
    return Case(name, "GET", target, http_status, status_code, words, None, more)


THEIR_LOCATION = location(THEIRS, "LOC1")
WITHOUT_ADDRESS = {name: value for name, value in THEIR_LOCATION.items() if name != "address"}

CASES = [
    put("broken JSON", b'{"id": "LOC1",', 400),
    put("no body", b"", 400),
    put("not JSON", b"hello", 400),
    put("not UTF-8", b'{"id": "\xff\xfe"}', 400),
    put("NaN", b'{"id": NaN}', 400),
    put("two values", b"{} {}", 400),
    put("10,000 nested arrays", b"[" * 10_000 + b"]" * 10_000, 400, words="deeper"),
    put("10,000 arrays that do not end", b"[" * 10_000, 400),
    put("10,000 nested objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
    put("50 MB", b" " * (50 * MEGABYTE) + b"{}", 413, words="bytes"),
    put("wrong content type", THEIR_LOCATION, 415, words="text/plain", content_type="text/plain"),
    put("a form", b"id=LOC1", 415, content_type="application/x-www-form-urlencoded"),
    put("no content type", THEIR_LOCATION, 415, content_type=None),
    put("compressed", THEIR_LOCATION, 415, headers={"Content-Encoding": "gzip"}),
    put("a list", [THEIR_LOCATION], 200, 2001),
    put("a string", "LOC1", 200, 2001),
    put("null", b"null", 200, 2001),
    put("another id than the URL's", location(THEIRS, "LOC2"), 200, 2001, "LOC2"),
    put("another party than the URL's", location(("SE", "XYZ"), "LOC1"), 200, 2001, "SE*XYZ"),
    put("a field is missing", WITHOUT_ADDRESS, 200, 2001, "/address"),
    put("a field of the wrong type", {**THEIR_LOCATION, "evses": "none"}, 200, 2001, "/evses"),
    put("no timestamp", {**THEIR_LOCATION, "last_updated": "yesterday"}, 200, 2001, "/last_updated"),
    put("from somebody else", THEIR_LOCATION, 200, 2001, "OCPI-from-party-id",
        headers={"OCPI-from-country-code": "SE", "OCPI-from-party-id": "XYZ"}),
    put("to somebody else", THEIR_LOCATION, 200, 2001, "OCPI-to-party-id",
        headers={"OCPI-to-country-code": "SE", "OCPI-to-party-id": "XYZ"}),
    put("half a routing header", THEIR_LOCATION, 200, 2001, "OCPI-from-party-id",
        headers={"OCPI-from-country-code": "SE"}),
    Case("a party that is not theirs", "PUT", "/ocpi/2.2.1/receiver/locations/SE/XYZ/LOC1", 404,
         body=location(("SE", "XYZ"), "LOC1")),
    Case("a party that is ours", "PUT", "/ocpi/2.2.1/receiver/locations/SE/VLT/L1", 404, body=location(OURS, "L1")),
    Case("PATCH of nothing", "PATCH", LOCATION, 404, body={"name": "New", "last_updated": "2026-01-01T00:00:00Z"}),
    Case("DELETE of nothing", "DELETE", "/ocpi/2.2.1/receiver/tariffs/SE/DRV/T1", 404),
    Case("a CDR of somebody else", "POST", "/ocpi/2.2.1/receiver/cdrs", 200, 2001, body=cdr(("SE", "XYZ"))),
    Case("a session of another id", "PUT", "/ocpi/2.2.1/receiver/sessions/SE/DRV/S2", 200, 2001,
         body=session(THEIRS, "S1", OURS)),
    get("an EVSE below nothing", f"{LOCATION}/E1", 404),
    get("nothing of theirs", LOCATION, 404),
    get("nothing of ours", f"{LIST}/NOTHING", 404),
    get("no token", LIST, 401, words="token", token=None),
    get("an unknown token", LIST, 401, token="nobody-has-this"),
    get("another scheme", LIST, 401, token=None, headers={"Authorization": "Bearer abc"}),
    get("no scheme", LIST, 401, token=None, headers={"Authorization": "abc"}),
    get("an empty token", LIST, 401, token=None, headers={"Authorization": "Token "}),
    get("no token and no path", "/ocpi/nothing/at/all", 401, token=None),
    get("an unknown release", "/ocpi/2.9.9", 404, words="2.9.9"),
    get("a release that was not agreed on", "/ocpi/2.3.0/sender/locations", 404, words="2.2.1"),
    get("a module that is not offered", "/ocpi/2.2.1/receiver/chargingprofiles/S1", 404),
    get("an unknown module", "/ocpi/2.2.1/sender/weather", 404),
    get("too long a path", f"{LOCATION}/E1/1/more", 404),
    get("an empty segment", "/ocpi/2.2.1/receiver/locations/SE//LOC1", 404),
    Case("DELETE of a Location", "DELETE", LOCATION, 405),
    Case("POST of a Location", "POST", LOCATION, 405, body=THEIR_LOCATION),
    Case("PUT of a list", "PUT", LIST, 405, body=[]),
    Case("a verb that OCPI does not know", "OPTIONS", LIST, 405),
    Case("POST of credentials by who is registered", "POST", "/ocpi/2.2.1/credentials", 405, body={}),
    get("limit=-1", f"{LIST}?limit=-1", 200, 2001, "limit"),
    get("limit=0", f"{LIST}?limit=0", 200, 2001, "limit"),
    get("limit=ten", f"{LIST}?limit=ten", 200, 2001, "limit"),
    get("limit=1.5", f"{LIST}?limit=1.5", 200, 2001, "limit"),
    get("limit in other digits", f"{LIST}?limit=%D9%A1", 200, 2001, "limit"),
    get("a huge limit", f"{LIST}?limit={10**40}", 200, 2001, "limit"),
    get("offset=-1", f"{LIST}?offset=-1", 200, 2001, "offset"),
    get("cursor=-1", f"{LIST}?cursor=-1", 200, 2001, "cursor"),
    get("date_from=yesterday", f"{LIST}?date_from=yesterday", 200, 2001, "date_from"),
    get("a thirteenth month", f"{LIST}?date_to=2026-13-01T00:00:00Z", 200, 2001, "date_to"),
    get("the same parameter twice", f"{LIST}?limit=1&limit=2", 200, 2001, "limit"),
    get("a query that is not UTF-8", f"{LIST}?date_from=%FF", 400),
    get("sessions of all times", "/ocpi/2.2.1/sender/sessions", 200, 2001, "date_from"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_input_is_answered_and_changes_nothing(live: Live, case: Case) -> None:
    before = await live.node.read(current_change)
    got = await live.ask(case.method, case.target, case.body, **case.more)
    answer = wire.decode(got.answer)
    assert got.status == case.http_status, answer
    if case.status_code is None:
        assert 2000 <= answer["status_code"] < 3000
    else:
        assert answer["status_code"] == case.status_code, answer
    assert case.words in answer["status_message"]
    assert answer["timestamp"].endswith("Z")
    assert len(answer["timestamp"]) <= 25
    assert got.answer_headers["Content-Type"] == "application/json"
    assert got.answer_headers["X-Request-ID"]
    assert got.answer_headers["X-Correlation-ID"]
    assert await live.node.read(current_change) == before


async def test_the_node_is_well_after_all_that(live: Live) -> None:
    assert (await live.ask("GET", LIST)).status_code == 1000
    assert not await live.node.faults()


async def test_a_405_says_what_is_possible(live: Live) -> None:
    got = await live.ask("DELETE", LOCATION)
    assert set(got.answer_headers["Allow"].split(", ")) == {"GET", "PATCH", "PUT"}


async def test_a_401_says_how_to_authorise(live: Live) -> None:
    got = await live.ask("GET", LIST, token=None)
    assert got.answer_headers["WWW-Authenticate"] == "Token"


async def test_an_invitation_opens_versions_and_credentials_and_nothing_else(live: Live) -> None:
    invitation = await partners.invite(live.node.node, "stranger")
    for target in ("/ocpi/versions", "/ocpi/2.1.1", "/ocpi/2.2.1", "/ocpi/2.3.0", "/ocpi/2.2.1/credentials"):
        for form in (True, False):
            got = await live.ask("GET", target, token=invitation.token, base64_token=form)
            assert (got.status, got.status_code) == (200, 1000), target
    for target in (LIST, LOCATION, "/ocpi/2.1.1/sender/locations", "/ocpi/2.2.1/sender/cdrs", "/ocpi/nothing"):
        got = await live.ask("GET", target, token=invitation.token)
        assert got.status == (404 if target == "/ocpi/nothing" else 401), target
    for method in ("PUT", "DELETE"):
        got = await live.ask(method, "/ocpi/2.2.1/credentials", {}, token=invitation.token)
        assert got.status == 405


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_slash_at_the_end_makes_no_difference(live: Live, slash: str) -> None:
    for method, target, body in (
        ("GET", "/ocpi/versions", None),
        ("GET", "/ocpi/2.2.1", None),
        ("GET", "/ocpi/2.2.1/credentials", None),
        ("GET", LIST, None),
        ("GET", f"{LIST}/L1", None),
        ("PUT", TOKEN, token(THEIRS)),
        ("GET", TOKEN, None),
    ):
        got = await live.ask(method, target + slash, body)
        assert (got.status, got.status_code) == (200, 1000), target


@pytest.mark.parametrize("uid", ["a b", "a/b", "50%", "%2F", "a?b#c", "..", "a&b=c", "a;b", "~", "x+y"])
async def test_an_id_may_hold_any_character(live: Live, uid: str) -> None:
    target = f"/ocpi/2.2.1/receiver/tokens/SE/DRV/{quote(uid, safe='').replace('.', '%2E')}"
    document = token(THEIRS, uid)
    assert (await live.ask("PUT", target, document)).status_code == 1000
    got = await live.ask("GET", target)
    assert wire.decode(got.answer)["data"] == document
    assert (await live.node.theirs("tokens"))[uid] == document


async def test_ids_and_parties_compare_without_case(live: Live) -> None:
    assert (await live.ask("PUT", TOKEN, token(THEIRS))).status_code == 1000
    got = await live.ask("GET", "/ocpi/2.2.1/receiver/tokens/se/drv/04aabbcc?type=RFID")
    assert wire.decode(got.answer)["data"]["uid"] == "04AABBCC"


async def test_ids_of_messages_come_back(live: Live) -> None:
    given = {"X-Request-ID": "my-request", "X-Correlation-ID": "my-correlation"}
    for target in (LIST, "/ocpi/nothing"):
        got = await live.ask("GET", target, headers=given)
        assert {name: got.answer_headers[name] for name in given} == given


async def test_the_answer_goes_back_to_who_asked(live: Live) -> None:
    got = await live.ask("GET", LIST, headers={
        "OCPI-from-country-code": "SE", "OCPI-from-party-id": "DRV",
        "OCPI-to-country-code": "SE", "OCPI-to-party-id": "VLT",
    })  # fmt: skip
    assert [got.answer_headers[f"OCPI-{name}"] for name in ("to-party-id", "from-party-id")] == ["DRV", "VLT"]


async def test_a_stale_put_is_welcome_and_changes_nothing(live: Live) -> None:
    at, target = 5, "/ocpi/2.2.1/receiver/tariffs/SE/DRV/T9"
    assert (await live.ask("PUT", target, tariff(THEIRS, "T9", at=at))).status_code == 1000
    before = await live.node.read(current_change)
    assert (await live.ask("PUT", target, tariff(THEIRS, "T9", at=at - 1, currency="NOK"))).status_code == 1000
    assert await live.node.read(current_change) == before
    assert (await live.node.theirs("tariffs"))["T9"]["currency"] == "SEK"


async def test_what_a_newer_release_may_say_is_kept(live: Live) -> None:
    document = {**THEIR_LOCATION, "id": "NEW", "x_colour": "green", "parking_type": "ROOFTOP"}
    target = "/ocpi/2.2.1/receiver/locations/SE/DRV/NEW"
    assert (await live.ask("PUT", target, document)).status_code == 1000
    assert wire.decode((await live.ask("GET", target)).answer)["data"] == wire.decode(wire.encode(document))
