"""A running platform, built from its settings: the one place where the floors meet.

    opened(settings)   a Node with its database and its way to call partners: what commands work with
    serve(settings)    the same, answering partners, delivering, pulling, and running its stations, until told to stop

When a node stops it takes no new requests, finishes those that it has, lets the loops come to the end of what they have
in hand, and closes the database last. Whatever is still to be delivered is in the database and goes out at the next
start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

import uvicorn
from prometheus_client import start_http_server

from evmesh.config import Settings
from evmesh.ocpi.wire import decode
from evmesh.ports import Partner, PartnerError
from evmesh.roaming import publish, pull
from evmesh.roaming.cdrs.periods import energy_of
from evmesh.roaming.commands import carry_out
from evmesh.roaming.credentials.tokens import recognise
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.node import Node
from evmesh.roaming.sessions import meter
from evmesh.roaming.sessions.reservation import place_of
from evmesh.stations.controls import Controls
from evmesh.stations.simulator import Simulator, evses_of
from evmesh.store import charges, objects, partners
from evmesh.store.database import Store
from evmesh.transport.addresses import Addresses
from evmesh.transport.auth import Tokens
from evmesh.transport.client import Client
from evmesh.transport.delivery import Courier
from evmesh.transport.metrics import Metrics
from evmesh.transport.serve import configuration
from evmesh.transport.server import Application, Server

log = logging.getLogger(__name__)

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Something that a running node does again and again until the event is set."""

RESTART_SECONDS = 2.0
LOOK_SECONDS = 1.0
"""How soon a simulated station appears at an EVSE that was taken in."""


class NoToken(PartnerError):
    """A partner that never registered, or was removed, has given us nothing to call it with."""


@asynccontextmanager
async def opened(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[Node]:
    """The node of these settings, with its database open. StoreError when it cannot be."""
    store = await Store.open(settings.database, settings.secret_key)

    async def token_for(partner: Partner) -> str:
        token = await store.glance(lambda tx: partners.their_token(tx, partner.id))
        if token is None:
            raise NoToken(f"{partner.name} gave us no token; register first")
        return token

    client = Client(
        token_for,
        Addresses(settings.url, settings.network.allow),
        [(party.role, party.party) for party in settings.parties],
        limits=settings.limits,
        metrics=metrics,
    )
    try:
        yield Node(
            url=settings.url,
            parties=settings.parties,
            store=store,
            calls=client,
            settings=settings.roaming,
        )
    finally:
        await client.close()
        await store.close()


@dataclass(frozen=True, slots=True)
class Running:
    """A node that answers: where it listens, and how to stop it."""

    node: Node
    host: str
    port: int
    stop: Callable[[], None]


async def serve(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    ready: Callable[[Running], None] = lambda running: None,
) -> None:
    """Runs the node until SIGTERM or SIGINT, or until `Running.stop` is called.

    OSError when the port is taken, StoreError when the database cannot be opened.
    """
    metrics = Metrics()
    stop = asyncio.Event()
    async with opened(settings, metrics) as node, AsyncExitStack() as cleanup:
        loops, application = await _assembled(settings, node, metrics)
        if settings.metrics is not None:
            figures, _ = start_http_server(settings.metrics.port, settings.metrics.host, metrics.registry)
            cleanup.callback(figures.shutdown)
        listener = _listener(host or settings.listen[0], settings.listen[1] if port is None else port)
        cleanup.callback(listener.close)
        server = _Quiet(configuration(application, settings.limits))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        running = [asyncio.create_task(_kept_alive(name, loop, stop)) for name, loop in loops.items()]
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        where = listener.getsockname()
        ready(Running(node, where[0], where[1], stop.set))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        server.should_exit = True
        await asyncio.gather(serving, stopping, *running)


async def _assembled(settings: Settings, node: Node, metrics: Metrics) -> tuple[dict[str, Loop], Application]:
    courier = Courier(node.store, node.calls, partial(publish.prepare, node), limits=settings.limits, metrics=metrics)
    loops: dict[str, Loop] = {
        "delivering": courier.run,
        "pulling": partial(pull.run, node),
        "telling of charges": partial(meter.run, node),
        "carrying out commands": partial(carry_out.run, node),
    }
    simulator = None
    if settings.stations.simulate:
        simulator = Simulator(meter.Meter(node), (), speed=settings.stations.speed)
        node.stations = simulator
        loops["simulating stations"] = await _simulated(node, simulator)
    application = Server(
        all_handlers(node),
        Tokens(partial(recognise, node.store)),
        url=settings.url,
        parties=[party.party for party in settings.parties],
        limits=settings.limits,
        heard_from=courier.heard_from,
        metrics=metrics,
    )
    return loops, application if simulator is None else Controls(simulator, settings.secret_key, application)


async def _simulated(node: Node, simulator: Simulator) -> Loop:
    """Every EVSE of ours as a simulated station, those that are taken in later too. Charges that went on when the
    node was stopped go on."""

    async def look() -> None:
        after = 0
        while some := await node.store.read(partial(objects.listing, kind="locations", after_seq=after, limit=500)):
            for held in some:
                simulator.add(evses_of(decode(held.document)))
            after = some[-1].seq

    async def keep_looking(stop: asyncio.Event) -> None:
        change = 0
        while not stop.is_set():
            change = await node.store.changed(change, LOOK_SECONDS)
            await look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    await look()
    for charge in await meter.running(node):
        if charge.state == "ACTIVE" and simulator.knows(place_of(charge)):
            readings = await node.store.read(partial(charges.readings_of, session_id=charge.session_id))
            simulator.resume(place_of(charge), charge.session_id, charge.token_uid, energy_of(charge, readings))

    async def run(stop: asyncio.Event) -> None:
        await asyncio.gather(simulator.run(stop), keep_looking(stop))

    return run


class _Quiet(uvicorn.Server):
    """uvicorn without its own signal handlers: who runs the node decides when it stops."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
    listener.set_inheritable(True)
    return listener


async def _kept_alive(name: str, loop: Loop, stop: asyncio.Event) -> None:
    """A loop must not die of one surprise: it is logged, and the loop begins again a little later."""
    while not stop.is_set():
        try:
            await loop(stop)
            return
        except Exception:
            log.exception("%s broke off and begins again", name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RESTART_SECONDS)
