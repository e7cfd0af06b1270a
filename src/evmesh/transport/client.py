"""The client: how we call partners. `Client` is the `PartnerCalls` of a running platform.

What can go wrong with a partner ends in one of two ways. It answered, perhaps with an error: a `Reply`. It did not,
or with something that is no OCPI: a `PartnerError`. Nothing else is raised, and no call outlasts its time.

    safe (GET)      tried a few times when nobody answers, on 429 and on 5xx, each time with a new X-Request-ID
    anything else   tried once: it may have arrived. A redirect of it is an answer, not followed. Only a PUT or a DELETE
                    goes out again, at once, when the connection broke before an answer began.

Every address passes the operator's policy (`addresses`), at each redirect and each Link again. The token goes to the
partner's own hosts only.
"""

from __future__ import annotations

import asyncio
import io
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from evmesh import __version__
from evmesh.base.clock import Clock, utc_now
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.roles import RECEIVERS, SENDERS
from evmesh.ports import Forbidden, Nonsense, NoSuchEndpoint, Partner, PartnerError, Party, Reply, Unreachable
from evmesh.transport.addresses import Addresses, CheckedResolver, same_place
from evmesh.transport.answers import reply_of, retry_after
from evmesh.transport.auth import authorization
from evmesh.transport.limits import Limits
from evmesh.transport.links import next_url
from evmesh.transport.metrics import Metrics
from evmesh.transport.routing import CONFIGURATION, OPERATIONS
from evmesh.transport.walk import Walk

TokenFor = Callable[[Partner], Awaitable[str]]
"""The token that a partner gave us. PartnerError when it gave none."""

REDIRECTS = 5
LARGE_BODY = 512 * 1024
KEEP_ALIVE_SECONDS = 4.0
"""Shorter than the five seconds after which many servers hang up: a request must not meet a closing connection."""


class NotConnected(Unreachable):
    """No connection came about: the request has certainly not arrived."""


@dataclass(frozen=True, slots=True)
class _Got:
    """A reply, where it came from in the end, and where the next page is."""

    reply: Reply
    url: str
    next_url: str | None


class Client:
    """Calls partners over HTTP. `parties` are ours with their roles, for the routing headers. Close it at the end."""

    def __init__(
        self,
        token_for: TokenFor,
        addresses: Addresses,
        parties: Iterable[tuple[str, Party]] = (),
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        clock: Clock = utc_now,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._token_for = token_for
        self._addresses = addresses
        self._parties = tuple(parties)
        self._limits = limits or Limits()
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._new_id = new_id
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def permit(self, url: str) -> None:
        """Forbidden when the policy keeps us from calling that address. A name that cannot be resolved is no reason:
        it is looked at again when it is called."""
        parts = self._addresses.check(url)
        resolver = CheckedResolver(self._addresses)
        try:
            await resolver.resolve(parts.hostname or "", parts.port or 0)
        except OSError:
            return
        finally:
            await resolver.close()

    async def call(
        self,
        partner: Partner,
        operation: str,
        path: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        url: str | None = None,
        correlation_id: str | None = None,
        from_party: Party | None = None,
        to_party: Party | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """One operation at a partner; see `ports.PartnerCalls`."""
        row = OPERATIONS[operation]
        address = url or row.url(_endpoint(partner, row), path or {})
        headers = await self._headers(partner, row, path or {}, correlation_id, from_party, to_party)
        got = await self._ask(row.id, row.method, _with_query(address, query), headers, body, timeout)
        return got.reply

    async def fetch(self, url: str, token: str, *, base64_token: bool) -> Reply:
        return (await self._ask("versions", "GET", url, self._authorized(token, base64_token))).reply

    async def register(self, method: str, url: str, token: str, body: bytes | None, *, base64_token: bool) -> Reply:
        return (await self._ask("credentials", method, url, self._authorized(token, base64_token), body)).reply

    async def pages(
        self,
        partner: Partner,
        operation: str,
        *,
        query: Mapping[str, str] | None = None,
        limit: int | None = None,
        to_party: Party | None = None,
    ) -> AsyncIterator[Reply]:
        """All pages of a list; each reply's `data` is a list. A page that is refused ends it with a PartnerError,
        so that whoever reads to the end has seen everything."""
        row = OPERATIONS[operation]
        endpoint = _endpoint(partner, row)
        headers = await self._headers(partner, row, {}, None, None, to_party)
        asked = dict(query or {}) | ({} if limit is None else {"limit": str(limit)})
        walk = Walk(_with_query(endpoint, asked), _origins(partner, endpoint), self._limits.pages)
        while walk.url is not None:
            got = await self._ask(row.id, "GET", walk.url, headers)
            reply = self._page(got.reply)
            walk.step(reply.data, got.url, got.next_url)
            yield reply
            if walk.url is None and walk.unlinked_rest(reply):
                walk.go(_with_query(endpoint, asked | {"offset": str(walk.received)}))

    def _page(self, reply: Reply) -> Reply:
        if not reply.ok:
            wait = retry_after(reply.headers, self._clock)
            raise Nonsense(f"a page was refused: {_said(reply)}", wait)
        if reply.data is None:
            reply.data = []
        if not isinstance(reply.data, list):
            raise Nonsense("a page holds no list")
        return reply

    def _authorized(self, token: str, base64_token: bool) -> dict[str, str]:
        try:
            return {"Authorization": authorization(token, base64_token=base64_token)}
        except ValueError as error:
            raise Forbidden(str(error)) from None

    async def _headers(
        self,
        partner: Partner,
        row: Operation,
        path: Mapping[str, str],
        correlation_id: str | None,
        from_party: Party | None,
        to_party: Party | None,
    ) -> dict[str, str]:
        headers = self._authorized(await self._token_for(partner), partner.base64_token)
        headers["X-Correlation-ID"] = correlation_id or self._new_id()
        if partner.release is None or row.module in CONFIGURATION or not partner.dialect.release.has_routing_headers:
            return headers
        sender = from_party or self._our_party(partner, row, path)
        receiver = to_party or _their_party(partner, row)
        for direction, party in (("from", sender), ("to", receiver)):
            if party is not None:
                headers[f"OCPI-{direction}-country-code"], headers[f"OCPI-{direction}-party-id"] = party
        return headers

    def _our_party(self, partner: Partner, row: Operation, path: Mapping[str, str]) -> Party | None:
        """Who asks: the owner in the path when that is us, else our first party whose role does such a thing."""
        if partner.our_party is not None:
            return partner.our_party
        ours = [party for _, party in self._parties]
        owner = (path.get("country_code", "").casefold(), path.get("party_id", "").casefold())
        for party in ours:
            if (party[0].casefold(), party[1].casefold()) == owner:
                return party
        playing = (SENDERS if row.interface == "RECEIVER" else RECEIVERS).get(row.module, ())
        fitting = [party for role, party in self._parties if role in playing]
        return next(iter(fitting or ours), None)

    async def _ask(
        self,
        name: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> _Got:
        """Ask, again where that is safe, within the time. PartnerError."""
        began = time.perf_counter()
        outcome = "cancelled"
        seconds = timeout or self._limits.answer_seconds
        try:
            async with asyncio.timeout(seconds):
                got = await self._tries(method, url, headers, body)
            outcome = str(got.reply.http_status)
            return got
        except TimeoutError:
            outcome = "timeout"
            raise Unreachable(f"{_host(url)} did not answer within {seconds:g} seconds") from None
        except PartnerError as error:
            outcome = type(error).__name__
            raise
        finally:
            self._metrics.calls.labels(name, outcome).inc()
            self._metrics.call_seconds.labels(name).observe(time.perf_counter() - began)

    async def _tries(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> _Got:
        left = self._limits.tries if method == "GET" else 1
        pause = 0.2
        while True:
            left -= 1
            wait: float | None = None
            try:
                got = await self._hops(method, url, headers, body)
                if left <= 0 or not (got.reply.http_status == 429 or got.reply.http_status >= 500):
                    return got
                wait = retry_after(got.reply.headers, self._clock)
                if wait is not None and wait > self._limits.retry_after_seconds:
                    return got
            except Unreachable:
                if left <= 0:
                    raise
            await self._sleep(wait if wait is not None else pause * random.uniform(0.5, 1.5))
            pause *= 2

    async def _hops(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> _Got:
        """One try, redirects of a safe request followed."""
        sent = dict(headers)
        at = self._addresses.check(url)
        for _ in range(REDIRECTS + 1):
            status, answered, raw, links = await self._send(method, url, sent, body)
            target = answered.get("Location")
            if status not in (301, 302, 303, 307, 308) or target is None:
                return _Got(reply_of(status, answered, raw), url, _following(links, url))
            if method != "GET":
                return _Got(Reply(status, None, f"redirected to {target[:200]}", None, answered), url, None)
            url = _joined(url, target)
            there = self._addresses.check(url)
            if not same_place(at, there):
                sent.pop("Authorization", None)
            at = there
        raise Nonsense(f"{_host(url)} redirects again and again")

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes, list[str]]:
        if body is not None:
            headers = dict(headers) | {"Content-Type": "application/json"}
        address = URL(url, encoded=url.isascii())
        try:
            async with self._open_session().request(
                method, address, headers=headers, data=_payload(body), allow_redirects=False
            ) as response:
                raw = await self._read(response)
                return response.status, response.headers, raw, response.headers.getall("Link", [])
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnected(f"no connection to {_host(url)}: {_reason(error)}") from error
        except (aiohttp.InvalidURL, aiohttp.ClientResponseError) as error:
            raise Nonsense(f"{_host(url)} does not speak HTTP: {_reason(error)}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{_host(url)} broke off: {_reason(error)}") from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole body, never more than the limit of it in memory, however small it was when compressed."""
        parts = bytearray()
        async for part in response.content.iter_any():
            parts += part
            if len(parts) > self._limits.answer_bytes:
                response.close()
                raise Nonsense(f"the answer is larger than {self._limits.answer_bytes} bytes")
        return bytes(parts)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=CheckedResolver(self._addresses),
                    limit=0,
                    limit_per_host=self._limits.partner_connections,
                    keepalive_timeout=KEEP_ALIVE_SECONDS,
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_seconds),
                headers={"Accept": "application/json", "User-Agent": f"evmesh/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(self._numbered,),
            )
        return self._session

    async def _numbered(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Each request that leaves has an id of its own. aiohttp itself sends a PUT, a DELETE or a GET once more when
        the connection broke before an answer began; these may come twice. [transport_and_format_message_ids]"""
        request.headers["X-Request-ID"] = self._new_id()
        return await send(request)


def _endpoint(partner: Partner, row: Operation) -> str:
    if row.id == "versions.list":
        found = partner.versions_url
    elif row.module == "versions":
        found = None
    else:
        found = partner.endpoint(row.module, row.interface)
    if found is None:
        side = f" as {row.interface}" if row.interface else ""
        raise NoSuchEndpoint(f"{partner.name} does not offer {row.module}{side}")
    return found


def _their_party(partner: Partner, row: Operation) -> Party | None:
    """Who is asked: the hub when the partner is one, else its first party whose role answers such a thing."""
    if partner.hub_party_id is not None and len(partner.hub_party_id) > 2:
        return partner.hub_party_id[:2], partner.hub_party_id[2:]
    playing = (RECEIVERS if row.interface == "RECEIVER" else SENDERS).get(row.module, ())
    fitting = [party for role in playing for party in partner.parties(role)]
    return next(iter(fitting or partner.parties()), None)


def _origins(partner: Partner, endpoint: str) -> list[SplitResult]:
    """The partner's own hosts, as far as it has told us."""
    urls = [endpoint, partner.versions_url, *(str(each["url"]) for each in partner.endpoints)]
    return [urlsplit(url) for url in urls if url]


def _with_query(url: str, query: Mapping[str, str] | None) -> str:
    if not query:
        return url
    parts = urlsplit(url)
    added = urlencode(dict(query), quote_via=quote, safe=":")
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError as error:
        raise Nonsense(f"{_host(url)} redirects to an address that is none: {error}") from None


def _following(links: list[str], url: str) -> str | None:
    """Where the next page is. A Link that cannot be read is not the end of the list."""
    try:
        return next_url(links, url)
    except ValueError as error:
        raise Nonsense(f"{_host(url)} links an address that is none: {error}") from None


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body is written in pieces, so that everything else goes on meanwhile."""
    return io.BytesIO(body) if body is not None and len(body) > LARGE_BODY else body


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _said(reply: Reply) -> str:
    code = "" if reply.status_code is None else f", status {reply.status_code}"
    return f"HTTP {reply.http_status}{code}{': ' + reply.message if reply.message else ''}"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
