"""A partner's server written with bare sockets, so that it can do what no proper server does.

    async with misbehaving(lambda request: raw(200, b"<html>")) as partner:
        ... partner.url, partner.requests ...

The behaviour gets each request and gives the bytes to answer before the connection is closed, or `NEVER`: then nothing
comes until the test is over.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

NEVER = b"never"


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass
class Misbehaving:
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


Behaviour = Callable[[Request], bytes]


@asynccontextmanager
async def misbehaving(behave: Behaviour) -> AsyncIterator[Misbehaving]:
    partner = Misbehaving()
    over = asyncio.Event()
    connections: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            request = await _read(reader)
            partner.requests.append(request)
            partner.arrived.set()
            answer = behave(request)
            if answer is NEVER:
                await over.wait()
            else:
                writer.write(answer)
                with suppress(ConnectionError):
                    await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    partner.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield partner
    finally:
        over.set()
        server.close()
        if connections:
            await asyncio.wait(connections)
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.strip().casefold(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


def raw(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole HTTP answer; names of headers with underscores for dashes."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def ocpi(data: Any = None, status_code: Any = 1000, http_status: int = 200, **headers: str) -> bytes:
    """The same with an envelope."""
    body = {"status_code": status_code, "timestamp": "2026-03-01T12:00:00Z"} | ({} if data is None else {"data": data})
    return raw(http_status, json.dumps(body).encode(), Content_Type="application/json", **headers)
