"""Running the application on uvicorn, with the bounds that keep slow and many callers from holding it up.

uvicorn waits for ever for the head of a request on a new connection. `Patient` gives it so many seconds; the body has
its own time in `requests`, and pauses between requests are uvicorn's keep-alive time.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from evmesh.base.clock import utc_now
from evmesh.ocpi.status_codes import CLIENT_ERROR
from evmesh.transport.envelope import envelope
from evmesh.transport.limits import Limits
from evmesh.transport.server import Application


class Patient(HttpToolsProtocol):
    """Closes a connection whose request does not begin, or whose head does not end, in time."""

    head_seconds = Limits().head_seconds
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._wait_for_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_came()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What is not even HTTP gets an envelope too."""
        body = envelope(None, CLIENT_ERROR, msg, utc_now())
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def configuration(application: Application, limits: Limits | None = None, **more: Any) -> uvicorn.Config:
    """The uvicorn settings of a node; `more` are uvicorn's own (host, port, TLS files)."""
    limits = limits or Limits()
    protocol = type("Patient", (Patient,), {"head_seconds": limits.head_seconds})
    settings: dict[str, Any] = {
        "http": protocol,
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": limits.idle_seconds,
        "timeout_graceful_shutdown": limits.closing_seconds,
        "limit_concurrency": limits.connections,
    }
    return uvicorn.Config(cast(Any, application), **(settings | more))
