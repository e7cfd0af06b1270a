"""Slow callers do not hold connections for ever, and a server that stops finishes what it has accepted."""

import asyncio
import contextlib

import uvicorn

from evmesh.ocpi import wire
from evmesh.ports import Answer, Call
from evmesh.transport.limits import Limits
from evmesh.transport.serve import configuration
from evmesh.transport.server import Server
from tests.transport.people import VOLTA, emsp
from tests.transport.serving import serving
from tests.transport.test_server import SENDER, TOKEN, knows

REQUEST = f"GET {SENDER} HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN['Authorization']}\r\n\r\n".encode()


async def answer(call: Call) -> Answer:
    return Answer()


def server(handler: object = answer) -> Server:
    handlers = {"locations.sender.list": handler}
    return Server(handlers, knows(secret=emsp()), url="http://x", parties=[VOLTA])  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def connected(url: str) -> object:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_caller_who_says_nothing_is_cut_off() -> None:
    async with serving(server(), limits=Limits(head_seconds=0.05)) as url, connected(url) as (reader, _):
        assert await reader.read() == b""


async def test_a_head_that_does_not_end_is_cut_off_however_lively_it_is() -> None:
    """A line now and then does not buy time."""
    async with serving(server(), limits=Limits(head_seconds=0.1)) as url, connected(url) as (reader, writer):
        cut_off = asyncio.create_task(reader.read())
        writer.write(b"GET /ocpi/versions HTTP/1.1\r\n")
        while not cut_off.done():
            writer.write(b"X-More: 1\r\n")
            await asyncio.wait([cut_off], timeout=0.02)
        with contextlib.suppress(ConnectionError):
            assert cut_off.result() == b""


async def test_a_connection_that_rests_between_requests_is_kept() -> None:
    """The time for the head counts from where it begins, not from the last request."""
    async with serving(server(), limits=Limits(head_seconds=0.05)) as url, connected(url) as (reader, writer):
        for _ in range(2):
            writer.write(REQUEST)
            assert b" 200 " in await reader.readline()
            await reader.readuntil(b'Z"}')
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    assert await reader.read(1) != b""


async def test_a_second_request_on_a_connection_has_its_time_too() -> None:
    async with serving(server(), limits=Limits(head_seconds=0.05)) as url, connected(url) as (reader, writer):
        writer.write(REQUEST)
        await reader.readuntil(b'Z"}')
        writer.write(b"GET /ocpi/versions HTTP/1.1\r\n")
        assert await reader.read() == b""


async def test_what_is_not_even_http_gets_an_envelope() -> None:
    async with serving(server()) as url, connected(url) as (reader, writer):
        writer.write(b"\x16\x03\x01\x02 hello\r\n\r\n")
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert wire.decode(answer.partition(b"\r\n\r\n")[2])["status_code"] == 2000


async def test_a_server_that_stops_finishes_what_it_has_accepted() -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> Answer:
        inside.set()
        await go_on.wait()
        return Answer([{"id": "finished"}])

    node = uvicorn.Server(configuration(server(slow), host="127.0.0.1", port=0))
    running = asyncio.create_task(node._serve())
    try:
        while not node.started:
            await asyncio.sleep(0)
        port = node.servers[0].sockets[0].getsockname()[1]
        async with connected(f"http://127.0.0.1:{port}") as (reader, writer):
            writer.write(REQUEST)
            await inside.wait()
            node.should_exit = True
            go_on.set()
            assert b"finished" in await reader.read()
    finally:
        node.should_exit = True
        await running
