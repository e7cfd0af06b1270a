"""How many requests a second a node answers, against an ASGI application that answers the same bytes and does nothing.

    python -m bench.server [--seconds 2] [--rounds 5] [--connections 64]

Each contestant is a process of its own on the server of a node; the load comes from this process. They take turns,
round by round, so that whatever else the machine does meets all of them, and each line is the median of its rounds.

    hello        thirteen bytes, bare ASGI: what the machine can do
    page         a page of 50 Locations, bare ASGI
    GET, carried the same page through the server, from a handler that has it ready: what carrying costs
    GET, whole   the same page from the database of a node
    PUT, carried a Session through the server to a handler that does nothing
    PUT, whole   a Session that is checked, stored and on disk before the answer
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvicorn
import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from evmesh.ocpi import wire
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import timestamp
from evmesh.ports import Answer, Call, PageHeaders, Partner, PartnerCalls
from evmesh.roaming import publish
from evmesh.roaming.credentials.tokens import recognise
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.node import Node, OurParty
from evmesh.store import partners
from evmesh.store.database import Store
from evmesh.store.partners import OurToken
from evmesh.store.secrets import hash_of
from evmesh.store.transaction import Tx
from evmesh.transport.auth import Tokens, authorization
from evmesh.transport.envelope import envelope
from evmesh.transport.serve import configuration
from evmesh.transport.server import Application, Receive, Scope, Send, Server

Document = dict[str, Any]

TOKEN = "a-token-of-forty-three-characters-as-we-make-them"
PAGE = 50
OBJECTS = 1000
STAMP = datetime(2026, 1, 1, tzinfo=UTC)
OURS = (OurParty("CPO", "SE", "VLT", "Volta"), OurParty("EMSP", "SE", "EMS", "Volta"))
ROLES = [
    {"role": role, "country_code": "NL", "party_id": party, "business_details": {"name": "Partner"}}
    for role, party in (("CPO", "CPO"), ("EMSP", "EMS"))
]


def location(number: int) -> Document:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["11"],
        "last_updated": timestamp(STAMP),
    }
    evses = [
        {
            "uid": f"{number}-{evse}",
            "evse_id": f"SE*VLT*E{number}*{evse}",
            "status": "AVAILABLE",
            "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
            "connectors": [connector],
            "last_updated": timestamp(STAMP),
        }
        for evse in range(3)
    ]
    return {
        "country_code": "SE",
        "party_id": "VLT",
        "id": f"LOC{number}",
        "publish": True,
        "name": f"Place {number}",
        "address": "F.Rooseveltlaan 3A",
        "city": "Gent",
        "postal_code": "9000",
        "country": "BEL",
        "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
        "evses": evses,
        "operator": {"name": "Volta"},
        "time_zone": "Europe/Brussels",
        "last_updated": timestamp(STAMP),
    }


def session(number: int, second: int) -> Document:
    moment = timestamp(STAMP + timedelta(seconds=second))
    return {
        "country_code": "NL",
        "party_id": "CPO",
        "id": f"S{number}",
        "start_date_time": timestamp(STAMP),
        "kwh": 15.342,
        "cdr_token": {
            "country_code": "SE",
            "party_id": "EMS",
            "uid": "012345678",
            "type": "RFID",
            "contract_id": "SE8ACC12E46L89",
        },
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "3256",
        "connector_id": "1",
        "currency": "EUR",
        "charging_periods": [
            {"start_date_time": timestamp(STAMP), "dimensions": [{"type": "ENERGY", "volume": 0.12 * step}]}
            for step in range(5)
        ],
        "total_cost": {"excl_vat": 4, "incl_vat": 5},
        "status": "ACTIVE",
        "last_updated": moment,
    }


def ready_page() -> bytes:
    return wire.encode([location(number) for number in range(PAGE)])


def bare(body: bytes) -> Application:
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
    }

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return application


def carried() -> Application:
    """The server with everything in front of the handlers, and nothing behind."""
    page = ready_page()
    partner = Partner(id=1, name="partner", status="registered", release="2.2.1", roles=ROLES)
    token = OurToken(hash_of(TOKEN), 1, "C", STAMP, STAMP, None)

    async def known(said: str, operation: Operation) -> tuple[Partner, OurToken] | None:
        return (partner, token) if said == TOKEN else None

    async def give(call: Call) -> Answer:
        return Answer(page, page=PageHeaders(OBJECTS, 100, {"offset": "50", "limit": "50"}))

    async def take(call: Call) -> Answer:
        return Answer()

    handlers = {"locations.sender.list": give, "sessions.receiver.put": take}
    return Server(handlers, Tokens(known), url="http://127.0.0.1", parties=[each.party for each in OURS])


async def whole(folder: Path, url: str) -> tuple[Application, Store]:
    """A node with its database, without loops."""
    store = await Store.open(f"sqlite:///{folder / 'bench.db'}", b"bench")
    calls: PartnerCalls = None  # type: ignore[assignment]  # nobody is called here
    node = Node(url=url, parties=OURS, store=store, calls=calls)

    def furnish(tx: Tx) -> None:
        new = partners.insert(tx, "partner", status="registered", release="2.2.1", roles=ROLES)
        partners.add_our_token(tx, new.id, hash_of(TOKEN), "C")
        for number in range(OBJECTS):
            publish.publish(tx, node, "locations", location(number), partners=())

    await store.write(furnish)
    parties = [each.party for each in OURS]
    server = Server(all_handlers(node), Tokens(partial(recognise, store)), url=node.url, parties=parties)
    return server, store


async def serve(name: str, folder: Path) -> None:
    """What a contestant's process does: say where it listens, and answer."""
    store = None
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    if name == "hello":
        application = bare(b"Hello, world!")
    elif name == "page":
        application = bare(envelope(ready_page(), 1000, None, STAMP))
    elif name == "carried":
        application = carried()
    else:
        application, store = await whole(folder, f"http://127.0.0.1:{port}")
    server = uvicorn.Server(configuration(application, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    print(port, flush=True)
    await serving
    if store is not None:
        await store.close()


@contextmanager
def contestant(name: str) -> Iterator[int]:
    """The port at which its process listens."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.server", "--serve", name, "--folder", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield int(process.stdout.readline())
            finally:
                process.terminate()


class Connection(asyncio.Protocol):
    """One caller: sends a request, waits for the whole answer, notes how long it took, sends the next."""

    def __init__(self, request: Callable[[], bytes], took: list[float]) -> None:
        self._request = request
        self._took = took
        self._answer = b""
        self._length: int | None = None
        self._sent = 0.0
        self.over = False
        self.error: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by descent
        self._send()

    def _send(self) -> None:
        self._answer, self._length = b"", None
        self._sent = time.perf_counter()
        self._transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        self._answer = self._answer + data if self._answer else data
        if self._length is None:
            end = self._answer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._answer[:end]
            if not head.startswith(b"HTTP/1.1 200"):
                self.error = head.partition(b"\r\n")[0].decode()
            at = head.index(b"content-length: ") + 16
            self._length = end + 4 + int(head[at : (head + b"\r\n").index(b"\r\n", at)])
        if len(self._answer) >= self._length:
            self._took.append(time.perf_counter() - self._sent)
            if b'"status_code":2' in self._answer[-200:]:
                self.error = self._answer[-200:].decode(errors="replace")
            if self.over:
                self._transport.close()
            else:
                self._send()


@asynccontextmanager
async def callers(port: int, count: int, request: Callable[[], bytes], took: list[float]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    made = [(await loop.create_connection(lambda: Connection(request, took), "127.0.0.1", port)) for _ in range(count)]
    try:
        yield
    finally:
        for transport, connection in made:
            connection.over = True
            if connection.error is not None:
                raise RuntimeError(connection.error)
            if not transport.is_closing():
                transport.close()


async def measured(port: int, connections: int, seconds: float, request: Callable[[], bytes]) -> tuple[float, float]:
    """Requests a second, and the time that 99 of 100 stay below."""
    took: list[float] = []
    async with callers(port, connections, request, took):
        began, before = time.perf_counter(), len(took)
        await asyncio.sleep(seconds)
        rate = (len(took) - before) / (time.perf_counter() - began)
    return rate, statistics.quantiles(took, n=100)[98]


async def warmed_up(port: int, request: Callable[[], bytes]) -> None:
    """One answer, however long it takes: the first page of a node is put into words."""
    took: list[float] = []
    async with callers(port, 1, request, took):
        while not took:
            await asyncio.sleep(0.01)


def head(method: str, path: str, body: bytes = b"") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: {authorization(TOKEN, base64_token=True)}",
        "X-Request-ID: 3256b3a0-7c1d-4d0e-9f6e-0c6a7b7c9a10",
        "X-Correlation-ID: 7c1d4d0e-3256-b3a0-9f6e-0c6a7b7c9a10",
        "OCPI-from-country-code: NL",
        "OCPI-from-party-id: CPO",
        "OCPI-to-country-code: SE",
        "OCPI-to-party-id: EMS",
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def puts() -> Callable[[], bytes]:
    """A thousand sessions, each changed again and again."""
    numbers = iter(range(10**9))

    def request() -> bytes:
        number = next(numbers)
        body = wire.encode(session(number % 1000, number))
        return head("PUT", f"/ocpi/2.2.1/receiver/sessions/NL/CPO/S{number % 1000}", body)

    ready = [request() for _ in range(20_000)]
    place = iter(range(10**9))
    return lambda: ready[next(place) % len(ready)]


def compare(seconds: float, rounds: int, connections: int) -> None:
    page = head("GET", f"/ocpi/2.2.1/sender/locations?limit={PAGE}")
    put = puts()
    runs: list[tuple[str, str, Callable[[], bytes], str]] = [
        ("hello", "hello", lambda: page, "hello"),
        ("page", "page", lambda: page, "page"),
        ("GET, carried", "carried", lambda: page, "page"),
        ("GET, whole", "whole", lambda: page, "page"),
        ("PUT, carried", "carried", put, "hello"),
        ("PUT, whole", "whole", put, "hello"),
    ]
    rates: dict[str, list[float]] = {name: [] for name, *_ in runs}
    tails: dict[str, list[float]] = {name: [] for name, *_ in runs}
    with ExitStack() as stack:
        ports = {name: stack.enter_context(contestant(name)) for name in ("hello", "page", "carried", "whole")}
        for _, process, request, _ in runs:
            asyncio.run(warmed_up(ports[process], request))
        for _ in track(range(rounds), "rounds", console=Console(stderr=True), transient=True):
            for name, process, request, _ in runs:
                rate, tail = asyncio.run(measured(ports[process], connections, seconds, request))
                rates[name].append(rate)
                tails[name].append(tail)
    table = Table("", "requests/s", "99 % within ms", "of hello", "of the bare page")
    for name, *_ in runs:
        rate = statistics.median(rates[name])
        shares = [f"{rate / statistics.median(rates[other]):.2f}" for other in ("hello", "page")]
        tail = f"{statistics.median(tails[name]) * 1000:.1f}"
        table.add_row(name, f"{rate:,.0f}", tail, shares[0], shares[1] if name.startswith("GET") else "")
    Console().print(table)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--connections", type=int, default=64)
    arguments.add_argument("--serve", help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    if given.serve:
        asyncio.run(serve(given.serve, given.folder))
    else:
        compare(given.seconds, given.rounds, given.connections)


if __name__ == "__main__":
    main()
