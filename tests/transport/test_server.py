"""The server over real sockets: what every partner can rely on, whatever it sends."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from prometheus_client import generate_latest

from evmesh.ocpi import wire
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.status_codes import InvalidParameter, NotFound, UnknownToken
from evmesh.ports import Answer, Call, Handler, PageHeaders, Partner
from evmesh.store.partners import OurToken
from evmesh.transport.auth import Caller, authorization, tokens_in
from evmesh.transport.limits import Limits
from evmesh.transport.metrics import Metrics
from evmesh.transport.routing import OPERATIONS
from evmesh.transport.server import Server
from tests.transport.people import EMSP, VOLTA, cpo, emsp, party_role
from tests.transport.serving import serving_own_url

NOON = datetime(2026, 3, 1, 12, 0, 0, 5000, tzinfo=UTC)
TOKEN = {"Authorization": authorization("secret", base64_token=True)}
JSON = {"Content-Type": "application/json"}
SENDER = "/ocpi/2.2.1/sender/locations"
LOCATION = "/ocpi/2.2.1/receiver/locations/NL/EMS/L1"


def knows(**people: Partner) -> Callable[[str | None, Operation], Any]:
    """Authenticates these partners by their tokens."""

    async def authenticate(header: str | None, operation: Operation) -> Caller | None:
        for token in tokens_in(header):
            if token in people:
                return Caller(people[token], OurToken("hash", people[token].id, "C", NOON, NOON, None), token)
        return None

    return authenticate


class Got:
    """An answer as it came."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def envelope(self) -> dict[str, Any]:
        document: dict[str, Any] = wire.decode(self.body)
        return document

    @property
    def statuses(self) -> tuple[int, int]:
        return self.status, self.envelope["status_code"]


class Platform:
    """A platform whose handlers note each call and answer `answer`, or what `answers` says for an operation."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answer: Callable[[Call], Answer] = lambda call: Answer()
        self.url = ""
        self.metrics = Metrics()
        self.heard: list[int] = []
        self.session: aiohttp.ClientSession

    def handlers(self) -> dict[str, Handler]:
        async def handle(call: Call) -> Answer:
            self.calls.append(call)
            return self.answer(call)

        return dict.fromkeys(OPERATIONS, handle)

    async def ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> Got:
        async with self.session.request(
            method, self.url + path, headers=TOKEN | (headers or {}), allow_redirects=False, **more
        ) as response:
            return Got(response, await response.read())

    async def get(self, path: str, **headers: str) -> Got:
        return await self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@asynccontextmanager
async def running(
    partner: Partner | None = None,
    *,
    limits: Limits | None = None,
    handlers: dict[str, Handler] | None = None,
    base: str = "",
    parties: tuple[tuple[str, str], ...] = (VOLTA,),
) -> AsyncIterator[Platform]:
    platform = Platform()

    def make(url: str) -> Server:
        platform.url = url
        return Server(
            platform.handlers() if handlers is None else handlers,
            knows(secret=partner or emsp()),
            url=url + base,
            parties=parties,
            limits=limits,
            heard_from=platform.heard.append,
            metrics=platform.metrics,
            clock=lambda: NOON,
        )

    async with serving_own_url(make), aiohttp.ClientSession() as platform.session:
        yield platform


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        yield platform


async def test_an_answer_is_an_envelope_around_what_the_handler_gave(platform: Platform) -> None:
    platform.answer = lambda call: Answer({"id": "L1"}, message="fine")
    got = await platform.get(f"{SENDER}/L1")
    assert got.body == (
        b'{"data":{"id":"L1"},"status_code":1000,"status_message":"fine","timestamp":"2026-03-01T12:00:00.005Z"}'
    )
    assert (got.status, got.headers["Content-Type"]) == (200, "application/json")
    assert len(got.envelope["timestamp"]) <= 25


async def test_what_has_no_data_says_none(platform: Platform) -> None:
    got = await platform.ask("PUT", LOCATION, json={})
    assert got.envelope == {"status_code": 1000, "timestamp": "2026-03-01T12:00:00.005Z"}


async def test_a_list_is_a_list_also_when_it_is_empty(platform: Platform) -> None:
    assert (await platform.get(SENDER)).envelope["data"] == []


async def test_stored_text_is_passed_on_untouched(platform: Platform) -> None:
    platform.answer = lambda call: Answer(b'[{"kwh": 1.10, "x":"\xc3\xa4"}]')
    assert b'"data":[{"kwh": 1.10, "x":"\xc3\xa4"}],' in (await platform.get(SENDER)).body


async def test_the_handler_learns_who_asks_what(platform: Platform) -> None:
    await platform.ask(
        "PATCH",
        "/ocpi/2.2.1/receiver/tokens/NL/EMS/a%2Fb%20%C3%A9?type=APP_USER",
        data=b'{"valid": false}',
        headers=JSON | {"X-Request-ID": "r", "X-Correlation-ID": "c"},
    )
    (call,) = platform.calls
    assert call.operation is OPERATIONS["tokens.receiver.patch"]
    assert call.path == {"country_code": "NL", "party_id": "EMS", "token_uid": "a/b é"}
    assert (call.query, call.body) == ({"type": "APP_USER"}, b'{"valid": false}')
    assert (call.partner.name, call.dialect.name) == ("emsp", "2.2.1")
    assert (call.token, call.token_hash) == ("secret", "hash")
    assert "secret" not in repr(call)
    assert (call.request_id, call.correlation_id) == ("r", "c")
    assert call.url == f"{platform.url}/ocpi/2.2.1/receiver/tokens/NL/EMS/a%2Fb%20%C3%A9"
    assert platform.heard == [7]


async def test_a_slash_at_the_end_changes_nothing(platform: Platform) -> None:
    for path in ("/ocpi/versions", "/ocpi/2.2.1", SENDER, f"{SENDER}/L1"):
        for slash in ("", "/"):
            assert (await platform.get(path + slash)).status == 200
    assert [call.operation.id for call in platform.calls[:2]] == ["versions.list"] * 2


@pytest.mark.parametrize("header", ["", "Token wrong", "Bearer c2VjcmV0", "Token  c2VjcmV0", "c2VjcmV0"])
@pytest.mark.parametrize("path", [SENDER, "/ocpi/versions", "/ocpi/nonsense", "/ocpi/2.2.1/credentials", "/ocpi"])
async def test_strangers_get_401_wherever_they_knock(platform: Platform, header: str, path: str) -> None:
    got = await platform.get(path, Authorization=header)
    assert got.statuses == (401, 2000)
    assert got.headers["WWW-Authenticate"] == "Token"
    assert platform.calls == []


async def test_a_token_is_heard_in_both_forms(platform: Platform) -> None:
    for base64_token in (True, False):
        header = authorization("secret", base64_token=base64_token)
        assert (await platform.get("/ocpi/versions", Authorization=header)).status == 200


async def test_message_ids_come_back_and_are_made_when_missing(platform: Platform) -> None:
    got = await platform.get(SENDER, X_Request_ID="mine", X_Correlation_ID="ours")
    assert (got.headers["X-Request-ID"], got.headers["X-Correlation-ID"]) == ("mine", "ours")
    one, other = await platform.get(SENDER), await platform.get("/ocpi/nonsense", Authorization="")
    assert one.headers["X-Request-ID"] != other.headers["X-Request-ID"]
    assert platform.calls[-1].request_id == one.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/ocpi", "release"),
        ("/ocpi/9.9", "2.2.1"),
        ("/ocpi/9.9/sender/locations", "2.2.1"),
        ("/ocpi/2.2.1/sender/nonsense", "version details"),
        (f"{SENDER}//", "nothing"),
        ("/ocpi/2.3.0/sender/locations", "speaks 2.2.1"),
    ],
)
async def test_what_is_not_there_is_404_with_a_hint(platform: Platform, path: str, says: str) -> None:
    got = await platform.get(path)
    assert got.statuses == (404, 2000)
    assert says in got.envelope["status_message"]


async def test_another_verb_is_405_with_those_that_are_possible(platform: Platform) -> None:
    got = await platform.ask("POST", LOCATION, json={})
    assert got.statuses == (405, 2000)
    assert got.headers["Allow"] == "GET, PATCH, PUT"
    assert (await platform.ask("PATCH", "/ocpi/2.2.1/credentials", json={})).status == 405
    assert (await platform.ask("OPTIONS", SENDER)).status == 405


async def test_the_handshake_is_open_in_every_release_the_modules_in_the_agreed_one(platform: Platform) -> None:
    assert (await platform.get("/ocpi/2.3.0")).status == 200
    assert (await platform.get("/ocpi/2.1.1/credentials")).status == 200
    assert platform.calls[-1].dialect.name == "2.1.1"
    assert (await platform.get("/ocpi/2.1.1/sender/locations")).status == 404


async def test_before_a_release_is_known_versions_and_credentials_are_served() -> None:
    invited = emsp(status="invited", release=None, roles=[])
    async with running(invited) as platform:
        assert (await platform.get("/ocpi/versions")).status == 200
        assert (await platform.ask("POST", "/ocpi/2.2.1/credentials", json={})).status == 200
        assert platform.heard == []


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "statuses"),
    [
        ("PUT", LOCATION, b"{}", {"Content-Type": "text/xml"}, (415, 2000)),
        ("PUT", LOCATION, b"{}", JSON | {"Content-Encoding": "br"}, (415, 2000)),
        ("PUT", LOCATION, b"x" * 3000, JSON, (413, 2000)),
        ("PUT", LOCATION, b"[" * 1000 + b"]" * 1000, JSON, (400, 2000)),
        ("GET", f"{SENDER}?limit=-1", None, {}, (200, 2001)),
        ("GET", f"{SENDER}?date_from=soon", None, {}, (200, 2001)),
        ("GET", f"{SENDER}?offset=1&offset=2", None, {}, (200, 2001)),
        ("GET", SENDER, None, {"OCPI-to-party-id": "VLT"}, (200, 2001)),
        ("GET", f"{SENDER}?a=%ff", None, {}, (400, 2000)),
    ],
)
async def test_bad_input_is_answered_before_a_handler_sees_it(
    method: str, path: str, body: bytes | None, headers: dict[str, str], statuses: tuple[int, int]
) -> None:
    async with running(limits=Limits(body_bytes=2000)) as platform:
        got = await platform.ask(method, path, data=body, headers=headers)
        assert got.statuses == statuses
        assert got.envelope["status_message"]
        assert platform.calls == []


async def test_a_body_of_fifty_megabytes_gets_its_answer_however_it_is_sent(platform: Platform) -> None:
    """The caller is still writing when the answer is known; it must be able to read it."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * 2**20

    for body in (io.BytesIO(b" " * 50 * 2**20), chunks()):
        got = await platform.ask("PUT", LOCATION, data=body, headers=JSON)
        assert got.statuses == (413, 2000)
    assert (await platform.get(SENDER)).status == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_body_that_nobody_asked_for_does_no_harm(platform: Platform, method: str) -> None:
    path = SENDER if method == "GET" else "/ocpi/2.2.1/receiver/tariffs/NL/EMS/T1"
    for _ in range(2):
        got = await platform.ask(method, path, data=b"<xml/>", headers={"Content-Type": "text/xml"})
        assert got.statuses == (200, 1000)
    assert [call.body for call in platform.calls] == [b"", b""]


async def test_refusals_of_handlers_travel_as_their_statuses_say(platform: Platform) -> None:
    for error, statuses in (
        (InvalidParameter("/id: not that of the URL"), (200, 2001)),
        (NotFound("no such location"), (404, 2000)),
        (UnknownToken("never heard of it"), (404, 2004)),
    ):

        def refuse(call: Call, error: Exception = error) -> Answer:
            raise error

        platform.answer = refuse
        got = await platform.get(f"{SENDER}/L1")
        assert got.statuses == statuses
        assert got.envelope["status_message"] == str(error)


async def test_our_own_failures_are_500_with_3000_and_nothing_of_the_inside(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(call: Call) -> Answer:
        raise RuntimeError("database password is hunter2; token was secret")

    platform.answer = fail
    with caplog.at_level(logging.ERROR):
        got = await platform.get(f"{SENDER}/L1", X_Request_ID="r-1")
    assert got.statuses == (500, 3000)
    assert "hunter2" not in got.body.decode()
    assert "r-1" in got.envelope["status_message"]
    assert "RuntimeError" in caplog.text
    assert "r-1" in caplog.text
    assert "secret" not in caplog.text


async def test_what_cannot_be_written_is_our_failure_too(platform: Platform) -> None:
    platform.answer = lambda call: Answer({"x": object()})
    assert (await platform.get(f"{SENDER}/L1")).statuses == (500, 3000)


async def test_a_page_says_where_the_next_one_is(platform: Platform) -> None:
    platform.answer = lambda call: Answer(b"[{}]", page=PageHeaders(3, 100, {"offset": "1", "limit": "1"}))
    got = await platform.get(f"{SENDER}/?limit=1&date_from=2026-01-01T00:00:00%2B01:00&x=%26")
    assert (got.headers["X-Total-Count"], got.headers["X-Limit"]) == ("3", "100")
    assert got.headers["Link"] == (
        f'<{platform.url}{SENDER}/?date_from=2026-01-01T00:00:00%2B01:00&x=%26&offset=1&limit=1>; rel="next"'
    )


async def test_the_last_page_has_no_link(platform: Platform) -> None:
    platform.answer = lambda call: Answer(page=PageHeaders(0, 100))
    got = await platform.get(SENDER)
    assert got.envelope["data"] == []
    assert "Link" not in got.headers


async def test_links_lead_to_where_partners_reach_us_whatever_stands_in_between() -> None:
    """A proxy may take off the first part of the path or leave it; the Host header is nobody's word for it."""
    async with running(base="/roaming") as platform:
        platform.answer = lambda call: Answer(page=PageHeaders(3, 1, {"offset": "1"}))
        for path in (SENDER, f"/roaming{SENDER}"):
            got = await platform.get(path, Host="evil.example")
            assert got.headers["Link"] == f'<{platform.url}/roaming{SENDER}?offset=1>; rel="next"'


def routing(**parties: tuple[str, str]) -> dict[str, str]:
    """Routing headers for `to` and `from_`."""
    headers = {}
    for name, (country_code, party_id) in parties.items():
        headers[f"OCPI-{name.strip('_')}-country-code"] = country_code
        headers[f"OCPI-{name.strip('_')}-party-id"] = party_id
    return headers


def routed(got: Got) -> dict[str, str]:
    return {name.casefold(): value for name, value in got.headers.items() if name.casefold().startswith("ocpi-")}


async def test_routing_headers_come_back_swapped(platform: Platform) -> None:
    got = await platform.ask("GET", SENDER, headers=routing(to=("se", "vlt"), from_=("nl", "ems")))
    assert routed(got) == {
        "ocpi-to-country-code": "nl",
        "ocpi-to-party-id": "ems",
        "ocpi-from-country-code": "se",
        "ocpi-from-party-id": "vlt",
    }
    (call,) = platform.calls
    assert (call.from_party, call.to_party) == (("nl", "ems"), ("se", "vlt"))


async def test_refusals_are_routed_too(platform: Platform) -> None:
    got = await platform.ask("GET", f"{SENDER}?limit=-1", headers=routing(to=VOLTA, from_=EMSP))
    assert routed(got)["ocpi-to-party-id"] == "EMS"


async def test_who_names_nobody_is_not_named(platform: Platform) -> None:
    assert routed(await platform.get(SENDER)) == {}


async def test_an_open_request_is_answered_by_our_only_party(platform: Platform) -> None:
    got = await platform.ask("GET", SENDER, headers=routing(from_=EMSP))
    assert routed(got)["ocpi-from-party-id"] == "VLT"
    assert platform.calls[0].to_party is None


async def test_a_request_for_a_party_that_is_not_ours_is_refused(platform: Platform) -> None:
    got = await platform.ask("GET", SENDER, headers=routing(to=("FR", "XXX"), from_=EMSP))
    assert got.statuses == (200, 2001)
    assert "OCPI-to-party-id" in got.envelope["status_message"]


async def test_a_partner_speaks_for_its_own_parties_only(platform: Platform) -> None:
    got = await platform.ask("GET", SENDER, headers=routing(to=VOLTA, from_=("FR", "XXX")))
    assert got.statuses == (200, 2001)
    assert platform.calls == []


@pytest.mark.parametrize("hub", [{"roles": [party_role("HUB", ("DE", "HUB"))]}, {"hub_party_id": "DEHUB"}])
async def test_a_hub_speaks_for_others(hub: dict[str, Any]) -> None:
    async with running(emsp(**hub)) as platform:
        got = await platform.ask("GET", SENDER, headers=routing(to=VOLTA, from_=("FR", "XXX")))
        assert got.statuses == (200, 1000)


async def test_configuration_modules_and_old_releases_know_no_routing() -> None:
    strange = routing(to=("FR", "XXX"), from_=("FR", "YYY"))
    async with running() as platform:
        for path in ("/ocpi/versions", "/ocpi/2.2.1", "/ocpi/2.2.1/credentials", "/ocpi/2.2.1/sender/hubclientinfo"):
            got = await platform.ask("GET", path, headers=strange)
            assert (got.status, routed(got)) == (200, {})
    async with running(emsp(release="2.1.1")) as platform:
        got = await platform.ask("GET", "/ocpi/2.1.1/sender/locations", headers=strange)
        assert (got.status, routed(got)) == (200, {})


async def test_health_needs_no_token_and_elsewhere_is_nothing(platform: Platform) -> None:
    got = await platform.get("/health", Authorization="")
    assert (got.status, json.loads(got.body)) == (200, {"status": "ok"})
    for path in ("/", "/ocpix", "/metrics"):
        assert (await platform.get(path)).status == 404


async def test_requests_are_counted_by_operation_and_statuses(platform: Platform) -> None:
    await platform.get(SENDER)
    await platform.get(f"{SENDER}?limit=-1")
    await platform.get("/ocpi/nonsense")
    text = generate_latest(platform.metrics.registry).decode()
    for line in (
        'evmesh_requests_total{http_status="200",operation="locations.sender.list",status_code="1000"} 1.0',
        'evmesh_requests_total{http_status="200",operation="locations.sender.list",status_code="2001"} 1.0',
        'evmesh_requests_total{http_status="404",operation="none",status_code="2000"} 1.0',
        'evmesh_request_seconds_count{operation="locations.sender.list"} 2.0',
        "evmesh_requests_running 0.0",
    ):
        assert line in text


async def test_a_line_in_the_log_says_who_asked_what_and_no_secret(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "evmesh.transport.server"):
        await platform.get(SENDER, X_Request_ID="r-1")
        await platform.get(SENDER, Authorization="Token c3RyYW5nZXI=")
    assert "GET /ocpi/2.2.1/sender/locations from emsp: 200/1000 in" in caplog.text
    assert "(request r-1)" in caplog.text
    assert "from unknown: 401/2000" in caplog.text
    assert "c3RyYW5nZXI" not in caplog.text


async def test_the_application_stands_in_any_asgi_server() -> None:
    """One that runs lifespans, gives no raw path, or mounts it below a path of its own."""
    handed: list[Any] = []
    got: list[Any] = []

    async def take(call: Call) -> Answer:
        handed.append(call)
        return Answer()

    server = Server({"locations.sender.get_location": take}, knows(secret=emsp()), url="https://v", parties=[VOLTA])

    async def send(message: Any) -> None:
        got.append(message["type"])

    async def shut_down() -> dict[str, str]:
        return {"type": "lifespan.shutdown" if got else "lifespan.startup"}

    await server({"type": "lifespan"}, shut_down, send)
    assert got == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/below{SENDER}/é x",
        "root_path": "/below",
        "headers": [(b"authorization", TOKEN["Authorization"].encode())],
    }
    await server(scope, shut_down, send)
    assert handed[0].path == {"location_id": "é x"}


class Gate:
    """A handler that holds its calls until the test lets them go."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.full = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, call: Call) -> Answer:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == 2:
            self.full.set()
        await self.open.wait()
        self.inside -= 1
        return Answer()


async def test_a_partner_gets_so_many_requests_at_once_and_the_rest_wait_or_come_later() -> None:
    gate = Gate()
    limits = Limits(partner_requests=2, partner_waiting=1)
    async with running(limits=limits, handlers={"locations.sender.list": gate}) as platform:
        first = [asyncio.create_task(platform.get(SENDER)) for _ in range(2)]
        await gate.full.wait()
        more = [asyncio.create_task(platform.get(SENDER)) for _ in range(2)]
        (refused,), (waiting,) = await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED)
        assert (await refused).statuses == (429, 2000)
        assert (await refused).headers["Retry-After"] == "1"
        gate.open.set()
        assert [(await each).status for each in (*first, waiting)] == [200, 200, 200]
        assert gate.most == 2


async def test_another_partner_does_not_notice() -> None:
    gate = Gate()
    people = knows(secret=emsp(), other=cpo("https://x.example", id=9))
    limits = Limits(partner_requests=2, partner_waiting=0)

    def make(url: str) -> Server:
        return Server({"locations.sender.list": gate}, people, url=url, parties=[VOLTA], limits=limits)

    async with serving_own_url(make, limits=limits) as url, aiohttp.ClientSession() as session:

        async def ask(token: str) -> int:
            headers = {"Authorization": authorization(token, base64_token=True)}
            async with session.get(url + SENDER, headers=headers) as response:
                return response.status

        busy = [asyncio.create_task(ask("secret")) for _ in range(2)]
        await gate.full.wait()
        assert await ask("secret") == 429
        other = asyncio.create_task(ask("other"))
        gate.open.set()
        assert [await each for each in (*busy, other)] == [200, 200, 200]


async def test_a_body_that_never_comes_is_given_up() -> None:
    async with running(limits=Limits(body_seconds=0.05)) as platform:
        host, _, port = platform.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"PUT {LOCATION} HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN['Authorization']}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{{".encode())
        assert b" 408 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_paths_are_taken_raw() -> None:
    """A proper client would tidy such a path up before it sends it."""
    async with running() as platform:
        host, _, port = platform.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for path, status in ((f"{SENDER}/..", b"200"), (f"{SENDER}/%2e%2e", b"200"), (f"{SENDER}/a/../b/c/d", b"404")):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN['Authorization']}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            assert status.decode() in head.partition("\r\n")[0]
            length = next(line for line in head.split("\r\n") if line.startswith("content-length"))
            await reader.readexactly(int(length.partition(":")[2]))
        writer.close()
        await writer.wait_closed()
        assert [call.path["location_id"] for call in platform.calls] == ["..", ".."]
