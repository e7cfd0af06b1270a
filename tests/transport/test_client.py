"""The client against partners that do what they should, and against all others."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import generate_latest

from evmesh.ports import Forbidden, Nonsense, NoSuchEndpoint, Partner, PartnerError, Reply, Unreachable
from evmesh.transport.addresses import Addresses
from evmesh.transport.client import Client, NotConnected
from evmesh.transport.limits import Limits
from evmesh.transport.metrics import Metrics
from tests.transport.misbehaving import NEVER, Behaviour, Misbehaving, Request, misbehaving, ocpi, raw
from tests.transport.people import EMSP, VOLTA, cpo, party_role

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWN = "http://127.0.0.1:1"
TRIED = Limits(tries=3, answer_seconds=20)
HTML = raw(200, b"<html>It works!</html>", Content_Type="text/html")


class Calling:
    """A client, and what it would have waited."""

    def __init__(self, limits: Limits, own: str, parties: tuple[tuple[str, tuple[str, str]], ...]) -> None:
        self.waits: list[float] = []
        self.metrics = Metrics()
        ids = iter(range(10**6))

        async def token_for(partner: Partner) -> str:
            return "secret"

        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        self.client = Client(
            token_for,
            Addresses(own),
            parties,
            limits=limits,
            metrics=self.metrics,
            clock=lambda: NOON,
            new_id=lambda: f"id-{next(ids)}",
            sleep=sleep,
        )


@asynccontextmanager
async def calling(
    *,
    limits: Limits = TRIED,
    own: str = OWN,
    parties: tuple[tuple[str, tuple[str, str]], ...] = (("EMSP", EMSP),),
) -> AsyncIterator[Calling]:
    made = Calling(limits, own, parties)
    try:
        yield made
    finally:
        await made.client.close()


@asynccontextmanager
async def talking(behave: Behaviour, **how: Any) -> AsyncIterator[tuple[Calling, Misbehaving, Partner]]:
    """A client, a partner that behaves so, and how we know it."""
    async with misbehaving(behave) as there, calling(**how) as here:
        yield here, there, cpo(there.url)


def in_turn(*answers: bytes) -> Behaviour:
    """One answer after the other; the last one again and again."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


async def read_all(here: Calling, partner: Partner, **how: Any) -> list[Any]:
    return [item async for reply in here.client.pages(partner, "locations.sender.list", **how) for item in reply.data]


async def test_a_request_carries_all_that_a_partner_may_expect() -> None:
    async with talking(lambda request: ocpi()) as (here, there, volta):
        reply = await here.client.call(
            volta,
            "tokens.receiver.put",
            {"country_code": "NL", "party_id": "EMS", "token_uid": "a/b é"},
            query={"type": "APP_USER"},
            body=b'{"uid":"x"}',
            correlation_id="c",
        )
    assert reply.ok
    (request,) = there.requests
    assert (request.method, request.body) == ("PUT", b'{"uid":"x"}')
    assert request.target == "/tokens/NL/EMS/a%2Fb%20%C3%A9?type=APP_USER"
    expected = {
        "authorization": "Token c2VjcmV0",
        "content-type": "application/json",
        "x-correlation-id": "c",
        "ocpi-from-country-code": "NL",
        "ocpi-from-party-id": "EMS",
        "ocpi-to-country-code": "SE",
        "ocpi-to-party-id": "VLT",
    }
    assert expected.items() <= request.headers.items()
    assert request.headers["x-request-id"]


async def test_a_reply_is_what_the_envelope_said_with_every_digit() -> None:
    body = b'{"data":{"kwh":1.10},"status_code":1000,"status_message":"fine","timestamp":"2026-03-01T12:00:00Z"}'
    async with talking(lambda request: raw(200, body, X_Limit="7")) as (here, _, volta):
        reply = await here.client.call(volta, "locations.sender.get_location", {"location_id": "1"})
    assert (reply.http_status, reply.status_code, reply.message, str(reply.data["kwh"])) == (200, 1000, "fine", "1.10")
    assert reply.headers["x-limit"] == "7"


async def test_plain_tokens_and_releases_without_routing() -> None:
    async with talking(lambda request: ocpi([])) as (here, there, _):
        old = cpo(there.url, release="2.1.1", base64_token=False)
        await here.client.call(old, "locations.sender.list")
    (request,) = there.requests
    assert request.headers["authorization"] == "Token secret"
    assert not [name for name in request.headers if name.startswith("ocpi-")]


async def test_configuration_modules_carry_no_routing_headers() -> None:
    async with talking(lambda request: ocpi({})) as (here, there, volta):
        await here.client.call(volta, "credentials.get")
        await here.client.call(volta, "versions.list")
        await here.client.fetch(f"{there.url}/versions", "secret", base64_token=False)
        await here.client.register("POST", f"{there.url}/credentials", "secret", b"{}", base64_token=True)
    assert not [name for request in there.requests for name in request.headers if name.startswith("ocpi-")]
    assert [request.path for request in there.requests] == ["/credentials", "/versions", "/versions", "/credentials"]
    assert [request.headers["authorization"] for request in there.requests[2:]] == ["Token secret", "Token c2VjcmV0"]


async def test_the_right_party_speaks_to_the_right_party() -> None:
    """The owner in the path speaks; otherwise whoever plays the role that the module asks for."""
    ours = (("CPO", ("NL", "CPO")), ("EMSP", EMSP), ("EMSP", ("NL", "TWO")))
    roles = [party_role("EMSP", ("SE", "EMS")), party_role("CPO", VOLTA)]

    def parties(request: Request) -> tuple[str, str]:
        return request.headers["ocpi-from-party-id"], request.headers["ocpi-to-party-id"]

    async with talking(lambda request: ocpi([]), parties=ours) as (here, there, _):
        both = cpo(there.url, roles=roles)
        await here.client.call(both, "locations.sender.list")
        path = {"country_code": "nl", "party_id": "two", "token_uid": "1"}
        await here.client.call(both, "tokens.receiver.get", path)
        await here.client.call(both, "locations.sender.list", from_party=("NL", "CPO"), to_party=("SE", "EMS"))
        await here.client.call(cpo(there.url, hub_party_id="DEHUB"), "locations.sender.list")
    assert [parties(request) for request in there.requests] == [
        ("EMS", "VLT"),
        ("TWO", "VLT"),
        ("CPO", "EMS"),
        ("EMS", "HUB"),
    ]


async def test_a_module_that_a_partner_does_not_offer() -> None:
    async with calling() as here:
        with pytest.raises(NoSuchEndpoint):
            await here.client.call(cpo("https://x.example", endpoints=[]), "locations.sender.list")


async def test_a_response_url_is_taken_as_it_is() -> None:
    async with talking(lambda request: ocpi()) as (here, there, volta):
        await here.client.call(volta, "commands.sender.result", url=f"{there.url}/odd%2Fplace?id=1%202", body=b"{}")
    assert there.requests[0].target == "/odd%2Fplace?id=1%202"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (HTML, "no OCPI"),
        (raw(200), "empty"),
        (raw(204), "empty"),
        (raw(200, b"[]"), "envelope"),
        (raw(200, b'{"data": 1}'), "envelope"),
        (raw(200, b"[" * 100_000), "nested"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "HTTP"),
    ],
)
async def test_what_is_no_ocpi_is_nonsense(answer: bytes, message: str) -> None:
    async with talking(lambda request: answer) as (here, there, volta):
        with pytest.raises(Nonsense, match=message):
            await here.client.call(volta, "locations.sender.list")
        assert len(there.requests) == 1


async def test_an_error_page_is_a_reply_with_its_status() -> None:
    async with talking(lambda request: raw(404, b"<html>")) as (here, _, volta):
        reply = await here.client.call(volta, "locations.sender.list")
    assert (reply.http_status, reply.status_code, reply.ok) == (404, None, False)


async def test_a_refusal_with_http_200_is_no_success() -> None:
    async with talking(lambda request: ocpi(status_code=3000)) as (here, _, volta):
        reply = await here.client.call(volta, "locations.sender.list")
    assert (reply.http_status, reply.status_code, reply.ok) == (200, 3000, False)


HALF = raw(200, b'{"data":[{"id":"L1"},').replace(b"Content-Length: 21", b"Content-Length: 2100")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", HALF])
async def test_an_answer_that_breaks_off_is_asked_for_again_where_that_is_safe(answer: bytes) -> None:
    async with talking(in_turn(answer, answer, ocpi([]))) as (here, there, volta):
        assert (await here.client.call(volta, "locations.sender.list")).ok
        assert len({request.headers["x-request-id"] for request in there.requests}) == len(there.requests) >= 3
        assert len({request.headers["x-correlation-id"] for request in there.requests}) == 1


@pytest.mark.parametrize("answer", [b"", HALF])
async def test_what_may_have_arrived_is_not_sent_again(answer: bytes) -> None:
    async with talking(lambda request: answer) as (here, there, volta):
        with pytest.raises(Unreachable) as failure:
            await here.client.call(volta, "commands.receiver.start_session", body=b"{}")
        assert not isinstance(failure.value, NotConnected)
        assert len(there.requests) == 1


async def test_a_partner_that_never_answers_costs_no_more_than_the_time_given() -> None:
    async with talking(lambda request: NEVER) as (here, there, volta):
        with pytest.raises(Unreachable, match=r"within 0\.05 seconds"):
            await here.client.call(volta, "locations.sender.list", timeout=0.05)
        assert len(there.requests) == 1


async def test_a_partner_that_is_not_there_was_certainly_not_reached() -> None:
    async with misbehaving(lambda request: ocpi()) as there:
        pass
    async with calling() as here:
        with pytest.raises(NotConnected):
            await here.client.call(cpo(there.url), "commands.receiver.start_session", body=b"{}")
        assert here.waits == []
        with pytest.raises(NotConnected):
            await here.client.call(cpo(there.url), "locations.sender.list")
        assert len(here.waits) == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_safe_request_is_tried_again_when_the_partner_is_busy(status: int) -> None:
    async with talking(in_turn(raw(status), ocpi([]))) as (here, there, volta):
        assert (await here.client.call(volta, "locations.sender.list")).ok
        assert len(there.requests) == 2


async def test_in_the_end_the_error_is_the_answer() -> None:
    async with talking(lambda request: raw(500)) as (here, there, volta):
        assert (await here.client.call(volta, "locations.sender.list")).http_status == 500
        assert len(there.requests) == 3


async def test_no_other_request_is_tried_again() -> None:
    async with talking(lambda request: raw(503)) as (here, there, volta):
        reply = await here.client.call(volta, "commands.receiver.start_session", body=b"{}")
        assert (reply.http_status, len(there.requests), here.waits) == (503, 1, [])


async def test_a_wait_that_is_asked_for_is_obeyed_when_it_is_short() -> None:
    busy = raw(503, Retry_After="3")
    later = raw(429, Retry_After="Sun, 01 Mar 2026 12:00:04 GMT")
    async with talking(in_turn(busy, later, ocpi([]))) as (here, _, volta):
        assert (await here.client.call(volta, "locations.sender.list")).ok
        assert here.waits == [3.0, 4.0]


async def test_a_long_wait_is_left_to_whoever_asked() -> None:
    async with talking(lambda request: raw(503, Retry_After="600")) as (here, there, volta):
        reply = await here.client.call(volta, "locations.sender.list")
        assert (reply.headers["Retry-After"], len(there.requests)) == ("600", 1)
        with pytest.raises(PartnerError) as failure:
            await read_all(here, volta)
        assert failure.value.retry_after == 600


async def test_a_gigantic_answer_is_not_read_to_the_end() -> None:
    huge = ocpi(["x" * 1000] * 1000)
    async with talking(lambda request: huge, limits=Limits(answer_bytes=100_000)) as (here, _, volta):
        with pytest.raises(Nonsense, match="larger than 100000 bytes"):
            await here.client.call(volta, "locations.sender.list")


async def test_a_small_answer_that_unpacks_to_a_gigantic_one_neither() -> None:
    import gzip

    packed = gzip.compress(b" " * 10_000_000)
    async with talking(
        lambda request: raw(200, packed, Content_Encoding="gzip"), limits=Limits(answer_bytes=1_000_000)
    ) as (here, _, volta):
        with pytest.raises(Nonsense, match="larger"):
            await here.client.call(volta, "locations.sender.list")


async def test_a_packed_answer_is_unpacked() -> None:
    import gzip

    packed = gzip.compress(b'{"status_code":1000,"data":[]}')
    async with talking(lambda request: raw(200, packed, Content_Encoding="gzip")) as (here, _, volta):
        assert (await here.client.call(volta, "locations.sender.list")).ok


async def test_redirects_of_a_get_are_followed_at_the_same_place_with_the_token() -> None:
    def behave(request: Request) -> bytes:
        return ocpi([1]) if request.path == "/there" else raw(308, Location="/there?x=1")

    async with talking(behave) as (here, there, volta):
        assert (await here.client.call(volta, "locations.sender.list")).data == [1]
        assert there.requests[1].headers["authorization"] == "Token c2VjcmV0"


async def test_a_token_does_not_follow_a_redirect_to_another_place() -> None:
    async with misbehaving(lambda request: raw(401)) as other:
        async with talking(lambda request: raw(302, Location=f"{other.url}/catch")) as (here, _, volta):
            reply = await here.client.call(volta, "locations.sender.list")
        assert reply.http_status == 401
        assert "authorization" not in other.requests[0].headers


@pytest.mark.parametrize("target", ["http://10.0.0.1/x", "http://169.254.169.254/latest", "ftp://127.0.0.1/"])
async def test_a_redirect_to_a_forbidden_place_is_not_followed(target: str) -> None:
    async with talking(lambda request: raw(302, Location=target)) as (here, there, volta):
        with pytest.raises(Forbidden):
            await here.client.call(volta, "locations.sender.list")
        assert len(there.requests) == 1


@pytest.mark.parametrize("header", [{"Location": "http://[::1"}, {"Link": '<http://[::1>; rel="next"'}])
async def test_an_address_that_is_none_leads_nowhere(header: dict[str, str]) -> None:
    async with talking(lambda request: ocpi([1], http_status=302 if "Location" in header else 200, **header)) as (
        here,
        _,
        volta,
    ):
        with pytest.raises(Nonsense, match="address"):
            await read_all(here, volta)


async def test_redirects_end() -> None:
    async with talking(lambda request: raw(302, Location=request.target + "x")) as (here, there, volta):
        with pytest.raises(Nonsense, match="redirects"):
            await here.client.call(volta, "locations.sender.list")
        assert len(there.requests) == 6


async def test_a_redirect_of_anything_else_is_an_answer() -> None:
    async with talking(lambda request: raw(307, Location="/there")) as (here, there, volta):
        reply = await here.client.call(volta, "commands.receiver.start_session", body=b"{}")
        assert (reply.http_status, reply.ok, len(there.requests)) == (307, False, 1)
        assert "/there" in (reply.message or "")


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "https://user:pw@cpo.example/", "gopher://x/", "not a url"])
async def test_forbidden_addresses_are_not_called_whoever_names_them(url: str) -> None:
    async with calling() as here:
        with pytest.raises(Forbidden):
            await here.client.call(cpo(url), "commands.sender.result", url=url, body=b"{}")
        with pytest.raises(Forbidden):
            await here.client.fetch(url, "secret", base64_token=True)
        with pytest.raises(Forbidden):
            await read_all(here, cpo(url))


async def test_a_public_name_that_stands_for_our_own_machine_is_refused_when_connecting() -> None:
    """`localhost` passes as a name; what it stands for does not."""
    async with misbehaving(lambda request: ocpi([])) as there, calling(own="http://volta.example") as here:
        for _ in range(2):
            with pytest.raises(Forbidden, match="stands for"):
                await here.client.call(cpo(there.url.replace("127.0.0.1", "localhost")), "locations.sender.list")
        assert there.requests == []


async def test_an_address_can_be_tried_without_calling_it() -> None:
    async with misbehaving(lambda request: ocpi()) as there, calling() as here:
        await here.client.permit(there.url)
        await here.client.permit("http://name.that.does.not.exist.invalid/x")
        with pytest.raises(Forbidden):
            await here.client.permit("http://10.0.0.1/x")
        assert there.requests == []
    async with calling(own="http://volta.example") as here:
        with pytest.raises(Forbidden, match="stands for"):
            await here.client.permit("http://localhost/x")


async def test_a_token_that_no_header_can_carry_is_not_sent() -> None:
    async with misbehaving(lambda request: ocpi()) as there, calling() as here:
        with pytest.raises(Forbidden):
            await here.client.fetch(there.url, "a\r\nX-Evil: 1", base64_token=False)
        assert there.requests == []


def paged(objects: int, size: int, link: Callable[[int], str], **headers: str) -> Behaviour:
    """A list of numbers, `size` on a page."""

    def behave(request: Request) -> bytes:
        offset = int(request.query.get("offset", "0"))
        following = offset + size
        links = {"Link": link(following)} if following < objects else {}
        return ocpi(list(range(offset, min(following, objects))), **links, **headers)

    return behave


async def test_all_pages_are_read_by_following_the_links() -> None:
    behave = paged(5, 2, lambda offset: f'</locations?offset={offset}&cursor=x>; rel="next"')
    async with talking(behave) as (here, there, volta):
        query = {"date_from": "2026-01-01T00:00:00Z"}
        assert await read_all(here, volta, query=query, limit=2) == [0, 1, 2, 3, 4]
    assert there.requests[0].query == {"date_from": "2026-01-01T00:00:00Z", "limit": "2"}
    assert [request.query.get("cursor") for request in there.requests] == [None, "x", "x"]
    assert all(request.headers["authorization"] == "Token c2VjcmV0" for request in there.requests)


async def test_a_partner_that_links_nothing_but_counts_is_read_by_counting() -> None:
    def behave(request: Request) -> bytes:
        offset = int(request.query.get("offset", "0"))
        return ocpi(list(range(offset, min(offset + 2, 5))), X_Total_Count="5")

    async with talking(behave) as (here, there, volta):
        assert await read_all(here, volta, limit=2) == [0, 1, 2, 3, 4]
    assert [request.query["limit"] for request in there.requests] == ["2", "2", "2"]


async def test_missing_headers_and_null_data_mean_one_page() -> None:
    async with talking(in_turn(ocpi([1]), raw(200, b'{"status_code":1000,"data":null}'))) as (here, _, volta):
        assert await read_all(here, volta) == [1]
        assert await read_all(here, volta) == []


async def test_a_count_that_never_comes_true_ends_the_list() -> None:
    """More is counted than shown, but there is nothing more."""

    def behave(request: Request) -> bytes:
        return ocpi([1, 2] if "offset" not in request.query else [], X_Total_Count="9")

    async with talking(behave) as (here, there, volta):
        assert await read_all(here, volta) == [1, 2]
        assert len(there.requests) == 2


def to(path: str) -> str:
    return f'<{path}>; rel="next"'


def counting(request: Request) -> int:
    return int(request.query.get("offset", "0"))


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (lambda r: ocpi([counting(r)], Link=to("/locations")), "circle"),
        (lambda r: ocpi([7], Link=to(f"/locations?offset={counting(r) + 1}")), "circle"),
        (lambda r: ocpi([counting(r) % 3], Link=to(f"/locations?offset={counting(r) + 1}")), "circle"),
        (lambda r: ocpi([], Link=to(f"/locations?offset={counting(r) + 1}")), "does not end"),
        (lambda r: ocpi([counting(r)], Link=to(f"/locations?offset={counting(r) + 1}")), "does not end"),
        (lambda r: ocpi([1], Link=to("http://127.0.0.1:9/elsewhere")), "elsewhere"),
        (lambda r: ocpi([1], Link=to("http://10.0.0.1/locations")), "elsewhere"),
        (lambda r: ocpi({"id": 1}), "no list"),
        (lambda r: ocpi(status_code=3000), "refused"),
        (lambda r: raw(401), "refused"),
        (in_turn(ocpi([1], Link=to("/locations?offset=1")), HTML), "no OCPI"),
        (in_turn(ocpi([1], Link=to("/locations?offset=1")), ocpi(status_code=2001)), "refused"),
    ],
    ids=[
        *("links-to-itself", "same-page-again", "goes-in-a-circle", "only-empty-pages", "never-ends", "elsewhere"),
        *("private", "no-list", "refused", "not-authorized", "html-in-the-middle", "refused-in-the-middle"),
    ],
)
async def test_a_list_that_cannot_be_read_to_the_end_ends_with_an_error(behave: Behaviour, message: str) -> None:
    """Whoever reads to the end knows that it was the end."""
    async with talking(behave, limits=Limits(pages=50, tries=1)) as (here, there, volta):
        with pytest.raises(Nonsense, match=message):
            await read_all(here, volta)
        assert len(there.requests) <= 51


async def test_a_list_that_breaks_off_ends_with_an_error() -> None:
    async with talking(in_turn(ocpi([1], Link=to("/locations?offset=1")), b"")) as (here, _, volta):
        with pytest.raises(Unreachable):
            await read_all(here, volta)


async def test_a_page_is_handed_on_before_the_next_is_asked_for() -> None:
    behave = paged(4, 2, lambda offset: to(f"/locations?offset={offset}"))
    async with talking(behave) as (here, there, volta):
        pages = here.client.pages(volta, "locations.sender.list")
        first: Reply = await anext(pages)
        assert (first.data, len(there.requests)) == ([0, 1], 1)
        await pages.aclose()  # type: ignore[attr-defined]


async def test_calls_are_counted_by_what_came_of_them() -> None:
    async with talking(in_turn(ocpi([]), HTML)) as (here, _, volta):
        await here.client.call(volta, "locations.sender.list")
        with pytest.raises(Nonsense):
            await here.client.call(volta, "locations.sender.list")
        text = generate_latest(here.metrics.registry).decode()
    assert 'evmesh_calls_total{operation="locations.sender.list",outcome="200"} 1.0' in text
    assert 'evmesh_calls_total{operation="locations.sender.list",outcome="Nonsense"} 1.0' in text


async def test_a_call_that_is_cancelled_lets_go_of_its_connection() -> None:
    async with talking(lambda request: NEVER) as (here, there, volta):
        call = asyncio.create_task(here.client.call(volta, "locations.sender.list"))
        await there.arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_large_body_goes_out_whole() -> None:
    body = json.dumps({"x": "y" * 3_000_000}).encode()
    async with talking(lambda request: ocpi()) as (here, there, volta):
        path = {"country_code": "NL", "party_id": "EMS", "token_uid": "1"}
        await here.client.call(volta, "tokens.receiver.put", path, body=body)
    assert there.requests[0].body == body
    assert there.requests[0].headers["content-type"] == "application/json"
