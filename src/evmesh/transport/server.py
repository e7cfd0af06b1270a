"""The server: every request of a partner, from the raw path to the envelope.

One ASGI application answers everything below `/ocpi/`, and `/health`. For each request, in this order:

1. The message ids are taken from the headers, or made; the answer carries them. [transport_and_format_message_ids]
2. The raw path and the verb name the operation.
3. The Authorization header must hold a token that opens it: 401 otherwise, before anything is told about paths.
4. Then the path counts: 404, or 405 with the verbs that are possible; 404 also for the modules of a release that is
   not the one agreed on with this partner.
5. A partner gets so many requests at once; more wait, many more are told to come later (429).
6. Query, routing headers and body are checked: 200 with 2001 for what is content, 400, 413, 415 for what is not.
7. The handler answers, or raises an `OcpiError`. What it raises besides is our failure: HTTP 500 with 3000, the
   traceback in the log, and nothing of it in the answer.

Whatever happens, the answer is an envelope. It is written as bytes: a page whose objects are stored as text is joined
and sent without being decoded.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from evmesh.base.clock import Clock, utc_now
from evmesh.ocpi.dialect import Dialect, dialect, releases_best_first
from evmesh.ocpi.status_codes import SERVER_ERROR, InvalidParameter, OcpiError, is_success
from evmesh.ports import Answer, Call, Handler, Partner, Party
from evmesh.transport.auth import Authenticate, Caller, tokens_in
from evmesh.transport.envelope import envelope
from evmesh.transport.limits import Limits
from evmesh.transport.links import next_link
from evmesh.transport.metrics import Metrics
from evmesh.transport.requests import (
    Gone,
    Receive,
    TokenRefused,
    TooLarge,
    TooManyRequests,
    body_of,
    party_of,
    query_of,
)
from evmesh.transport.routing import CONFIGURATION, HANDSHAKE, OPERATIONS, Found, Map, NotThere, WrongMethod

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ROOT = "/ocpi"
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 10.0
RETRY_AFTER = "1"

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""What comes with any other request is nobody's business, and not read."""

NO_OPERATION = OPERATIONS["versions.list"]
"""Whom a path without an operation is for: whoever may call us at all."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Exchange:
    """One request as far as it is understood, and what its answer must carry."""

    method: str
    path: str
    headers: dict[str, str]
    request_id: str
    correlation_id: str
    caller: Caller | None = None
    operation: str = "none"
    status_code: int = 0
    out: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Room:
    """Where the requests of one partner are worked on, so many at once."""

    places: asyncio.Semaphore
    waiting: int = 0


class Server:
    """The ASGI application. `url` is our own base URL, below which `/ocpi` lies; `parties` are ours.

    `heard_from` is told the id of each registered partner that calls. `is_hub` accepts requests for parties that
    are not ours.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        authenticate: Authenticate,
        *,
        url: str,
        parties: Iterable[Party],
        limits: Limits | None = None,
        releases: Sequence[str] | None = None,
        heard_from: Callable[[int], None] | None = None,
        metrics: Metrics | None = None,
        clock: Clock = utc_now,
        is_hub: bool = False,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._handlers = dict(handlers)
        self._authenticate = authenticate
        self._url = url.rstrip("/")
        self._prefix = quote(urlsplit(self._url).path)
        self._parties = _distinct(parties)
        self._limits = limits or Limits()
        self._map = Map(self._handlers, releases or releases_best_first())
        self._heard_from = heard_from or (lambda partner_id: None)
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._is_hub = is_hub
        self._new_id = new_id
        self._rooms: dict[int, _Room] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            path = self._path(scope)
            if path == ROOT or path.startswith(ROOT + "/"):
                await self._ocpi(scope, path[len(ROOT) :] or "/", receive, send)
            else:
                await _outside(path, scope["method"], send)

    def _path(self, scope: Scope) -> str:
        """The raw path below our own base URL, whether or not a proxy or an outer application took that part off."""
        raw = scope.get("raw_path")
        path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
        for prefix in (quote(scope.get("root_path", "")), self._prefix):
            if prefix and path.startswith(prefix + "/"):
                path = path[len(prefix) :]
        return path

    async def _ocpi(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        exchange = _Exchange(
            method=scope["method"],
            path=path,
            headers=headers,
            request_id=headers.get("x-request-id") or self._new_id(),
            correlation_id=headers.get("x-correlation-id") or self._new_id(),
        )
        began = time.perf_counter()
        self._metrics.running.inc()
        try:
            http_status, body = await self._answer(exchange, scope.get("query_string", b""), receive)
            await self._send(exchange, http_status, body, receive, send)
        except Gone:
            http_status = 499
        finally:
            self._metrics.running.dec()
        took = time.perf_counter() - began
        self._metrics.answered(exchange.operation, http_status, exchange.status_code, took)
        if log.isEnabledFor(logging.INFO):
            who = exchange.caller.partner.name if exchange.caller else "unknown"
            log.info(
                "%s %s%s from %s: %d/%d in %.1f ms (request %s)",
                *(exchange.method, ROOT, path, who, http_status, exchange.status_code, took * 1000),
                exchange.request_id,
            )

    async def _answer(self, exchange: _Exchange, query_string: bytes, receive: Receive) -> tuple[int, bytes]:
        try:
            answer = await self._perform(exchange, query_string, receive)
            exchange.status_code = answer.status_code
            exchange.out.update(answer.headers)
            return answer.http_status, envelope(answer.data, answer.status_code, answer.message, self._clock())
        except OcpiError as error:
            exchange.status_code = error.status_code
            exchange.out.update(_headers_of(error))
            return error.http_status, envelope(None, error.status_code, error.message, self._clock())
        except Gone:
            raise
        except Exception as error:
            exchange.status_code = SERVER_ERROR
            log.error(
                "%s failed for request %s: %s", exchange.operation, exchange.request_id, _without_token(error, exchange)
            )
            message = f"this is our failure, not yours; tell us X-Request-ID {exchange.request_id}"
            return 500, envelope(None, SERVER_ERROR, message, self._clock())

    async def _perform(self, exchange: _Exchange, query_string: bytes, receive: Receive) -> Answer:
        found = await self._admitted(exchange)
        assert exchange.caller is not None
        partner = exchange.caller.partner
        spoken = _dialect(partner, found)
        if partner.status == "registered":
            self._heard_from(partner.id)
        async with _Place(self._rooms, partner.id, self._limits):
            call = Call(
                operation=found.operation,
                partner=partner,
                dialect=spoken,
                path=dict(found.parameters),
                query={},
                url=f"{self._url}{ROOT}{exchange.path}",
                token_hash=exchange.caller.token.hash,
                token=exchange.caller.said,
                request_id=exchange.request_id,
                correlation_id=exchange.correlation_id,
            )
            if spoken.release.has_routing_headers and found.operation.module not in CONFIGURATION:
                self._route(call, exchange)
            call.query = query_of(query_string, found.operation)
            if exchange.method in WITH_BODY:
                call.body = await body_of(receive, exchange.headers, self._limits)
            answer = await self._handlers[found.operation.id](call)
        if found.operation.paged and answer.data is None and is_success(answer.status_code):
            answer.data = b"[]"
        if answer.page is not None:
            exchange.out["X-Total-Count"] = str(answer.page.total)
            exchange.out["X-Limit"] = str(answer.page.limit)
            if answer.page.next_query is not None:
                exchange.out["Link"] = next_link(call.url, call.query, answer.page.next_query)
        return answer

    async def _admitted(self, exchange: _Exchange) -> Found:
        """What was asked for, once it is known who asks: strangers learn nothing about paths."""
        found, wrong = None, None
        try:
            found = self._map.find(exchange.method, exchange.path)
        except (NotThere, WrongMethod) as error:
            wrong = error
        operation = NO_OPERATION if found is None else found.operation
        exchange.caller = await self._authenticate(exchange.headers.get("authorization"), operation)
        if exchange.caller is None:
            raise TokenRefused("the Authorization header holds no token that opens this")
        if found is None:
            assert wrong is not None
            raise wrong
        exchange.operation = found.operation.id
        return found

    def _route(self, call: Call, exchange: _Exchange) -> None:
        """Read the routing headers, check them, and put the swapped ones on the answer.

        A hub passes on what others say; any other partner speaks for its own parties. [transport_and_format_routing]
        """
        headers, partner = exchange.headers, call.partner
        call.from_party, call.to_party = party_of(headers, "from"), party_of(headers, "to")
        if call.from_party is not None:
            exchange.out |= _party_headers("to", call.from_party)
        answering = call.to_party
        if answering is None and call.from_party is not None and len(self._parties) == 1:
            (answering,) = self._parties.values()
        if answering is not None:
            exchange.out |= _party_headers("from", answering)
        if call.from_party is not None and not partner.owns(call.from_party) and not _passes_on(partner):
            raise InvalidParameter(f"OCPI-from-party-id: {'*'.join(call.from_party)[:20]} is no party of the caller")
        if call.to_party is not None and not self._is_hub and _folded(call.to_party) not in self._parties:
            raise InvalidParameter(f"OCPI-to-party-id: {'*'.join(call.to_party)[:20]} is no party of this platform")

    async def _send(self, exchange: _Exchange, http_status: int, body: bytes, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", exchange.request_id.encode("latin-1", "replace")),
            (b"x-correlation-id", exchange.correlation_id.encode("latin-1", "replace")),
            *((n.lower().encode("latin-1"), v.encode("latin-1", "replace")) for n, v in exchange.out.items()),
        ]
        unread = http_status == TooLarge.http_status
        await send({"type": "http.response.start", "status": http_status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": unread})
        if unread:
            await _drain(receive)
            await send({"type": "http.response.body", "body": b""})


class _Place:
    """A place among a partner's requests, for the time of one. TooManyRequests when even the queue is full."""

    def __init__(self, rooms: dict[int, _Room], partner_id: int, limits: Limits) -> None:
        room = rooms.get(partner_id)
        if room is None:
            room = rooms[partner_id] = _Room(asyncio.Semaphore(limits.partner_requests))
        if room.places.locked() and room.waiting >= limits.partner_waiting:
            raise TooManyRequests("too many requests at once; come back in a moment")
        self._room = room

    async def __aenter__(self) -> None:
        if not self._room.places.locked():
            await self._room.places.acquire()
            return
        self._room.waiting += 1
        try:
            await self._room.places.acquire()
        finally:
            self._room.waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._room.places.release()


def _dialect(partner: Partner, found: Found) -> Dialect:
    """The dialect to serve the operation in. NotThere where the partner has agreed on another release with us."""
    if found.release is None:
        return dialect(partner.release or releases_best_first()[0], partner.base64_token)
    if found.operation.module not in HANDSHAKE and found.release != partner.release:
        raise NotThere(f"this connection speaks {partner.release}; PUT the credentials of {found.release} to change it")
    return dialect(found.release, partner.base64_token)


def _passes_on(partner: Partner) -> bool:
    return partner.hub_party_id is not None or partner.plays("HUB")


def _distinct(parties: Iterable[Party]) -> dict[Party, Party]:
    return {_folded(party): party for party in parties}


def _folded(party: Party) -> Party:
    return party[0].casefold(), party[1].casefold()


def _party_headers(direction: str, party: Party) -> dict[str, str]:
    return {f"OCPI-{direction}-country-code": party[0], f"OCPI-{direction}-party-id": party[1]}


def _headers_of(error: OcpiError) -> dict[str, str]:
    if isinstance(error, WrongMethod):
        return {"Allow": ", ".join(error.allowed)}
    if isinstance(error, TooManyRequests):
        return {"Retry-After": RETRY_AFTER}
    if error.http_status == TokenRefused.http_status:
        return {"WWW-Authenticate": "Token"}
    if isinstance(error, TooLarge):
        return {"Connection": "close"}
    return {}


def _without_token(error: Exception, exchange: _Exchange) -> str:
    """The traceback, with the caller's token blotted out wherever it may have got into."""
    text = "".join(traceback.format_exception(error))
    for token in tokens_in(exchange.headers.get("authorization")):
        text = text.replace(token, "…")
    return text


async def _drain(receive: Receive) -> None:
    """Take what the caller still sends of a body that is too large, for a while.

    Closing at once would reset the connection under a caller that has not yet read why.
    """
    left = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        pass


async def _outside(path: str, method: str, send: Send) -> None:
    healthy = path.rstrip("/") == "/health" and method in ("GET", "HEAD")
    body = b'{"status":"ok"}' if healthy else b'{"error":"nothing is here; OCPI begins at /ocpi/versions"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200 if healthy else 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
