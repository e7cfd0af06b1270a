"""The gate in front of a platform: partners come through it, and see what it does to them.

It listens at the platform's own URL and passes every request on to where the platform really listens. It writes down
what was asked and answered, and a test can tell it to misbehave: to be shut, to lose answers, to answer something else.
Between two platforms it is the network and, where a test wants that, the strange software of somebody else.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from evmesh.ocpi import wire


@dataclass
class Exchange:
    """A request, and what the caller got. `status` is None as long as, or because, it got nothing."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None = None
    answer: bytes = b""
    answer_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def document(self) -> Any:
        """The body, decoded."""
        return wire.decode(self.body)

    @property
    def status_code(self) -> int | None:
        """The OCPI status of the answer."""
        return wire.decode(self.answer)["status_code"] if self.answer else None

    def asks(self, method: str, part: str = "") -> bool:
        return self.method == method and part in self.path

    def __str__(self) -> str:
        return f"{self.method} {self.target} -> {self.status}"


@dataclass(frozen=True)
class Instead:
    """Answer this, and let the platform know nothing. A dict is sent as JSON."""

    status: int
    body: dict[str, Any] | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True)
class LoseAnswer:
    """Let the platform do what was asked, and lose what it says."""


@dataclass(frozen=True)
class CutOff:
    """Let the platform do what was asked, and lose the second half of what it says."""


@dataclass(frozen=True)
class HangUp:
    """Close the connection; the request has not arrived."""


@dataclass(frozen=True)
class Hold:
    """Let the request wait here until the event is set, and then pass."""

    until: asyncio.Event


Act = Instead | LoseAnswer | CutOff | HangUp | Hold
Rule = Callable[[Exchange], Act | None]


def refuse(status: int, status_code: int, message: str = "no") -> Instead:
    """An OCPI refusal."""
    stamp = "2026-01-01T00:00:00Z"
    return Instead(status, {"status_code": status_code, "status_message": message, "timestamp": stamp})


def once(act: Act, when: Callable[[Exchange], bool] = lambda exchange: True, times: int = 1) -> Rule:
    """A rule for the first requests that fit."""
    left = times

    def rule(exchange: Exchange) -> Act | None:
        nonlocal left
        if left > 0 and when(exchange):
            left -= 1
            return act
        return None

    return rule


def always(act: Act, when: Callable[[Exchange], bool] = lambda exchange: True) -> Rule:
    return lambda exchange: act if when(exchange) else None


def free_port() -> int:
    """A port that is free, and below those that the system gives to outgoing connections meanwhile."""
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Gate:
    """`url` is the platform's URL for everybody, `inside` the port where the platform listens."""

    def __init__(self) -> None:
        self.port = free_port()
        self.inside = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log: list[Exchange] = []
        self.rules: list[Rule] = []
        self._news = asyncio.Event()
        self._runner: web.ServerRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_open(self) -> bool:
        return self._runner is not None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=60), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=512).start()

    async def shut(self) -> None:
        """From now on nobody is there: connections are refused, those that exist are closed."""
        if self._runner is not None and self._session is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
            await self._session.close()

    def asked(self, method: str, part: str = "") -> list[Exchange]:
        """What was asked so far, in order."""
        return [exchange for exchange in self.log if exchange.asks(method, part)]

    async def sees(self, ask: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Wait until something holds of what went through here."""
        async with asyncio.timeout(seconds):
            while not (found := ask()):
                self._news.clear()
                await self._news.wait()
        return found

    def _tell(self) -> None:
        self._news.set()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        exchange = Exchange(request.method, request.raw_path, request.headers, await request.read())
        self.log.append(exchange)
        self._tell()
        act = next((act for rule in self.rules if (act := rule(exchange)) is not None), None)
        match act:
            case Instead(status, body, headers, content_type):
                content = wire.encode(body) if isinstance(body, dict) else body
                given = {**headers, "Content-Type": content_type}
                return self._answered(exchange, web.Response(status=status, body=content, headers=given))
            case HangUp():
                return _broken_off(request)
            case Hold(until):
                await until.wait()
        answer = await self._passed_on(exchange)
        if answer is None or isinstance(act, LoseAnswer):
            return _broken_off(request)
        if isinstance(act, CutOff):
            return await _half(request, answer)
        return self._answered(exchange, answer)

    async def _passed_on(self, exchange: Exchange) -> web.Response | None:
        """The platform's answer; None when it is not there."""
        assert self._session is not None
        url = URL(f"http://127.0.0.1:{self.inside}{exchange.target}", encoded=True)
        headers = {name: value for name, value in exchange.headers.items() if name not in ("Host", "Connection")}
        try:
            async with self._session.request(
                exchange.method, url, headers=headers, data=exchange.body or None, allow_redirects=False
            ) as reply:
                body = await reply.read()
        except (aiohttp.ClientError, OSError):
            return None
        kept = {name: value for name, value in reply.headers.items() if name not in ("Content-Length", "Connection")}
        return web.Response(status=reply.status, body=body, headers=kept)

    def _answered(self, exchange: Exchange, response: web.Response) -> web.Response:
        exchange.status, exchange.answer_headers = response.status, response.headers
        exchange.answer = response.body if isinstance(response.body, bytes) else b""
        self._tell()
        return response


def _broken_off(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _half(request: web.BaseRequest, answer: web.Response) -> web.StreamResponse:
    body = answer.body if isinstance(answer.body, bytes) else b""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
