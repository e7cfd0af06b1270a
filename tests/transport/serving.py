"""An ASGI application on a real socket, in this process and event loop, with the protocol that a node runs on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from uvicorn.server import ServerState

from evmesh.transport.limits import Limits
from evmesh.transport.serve import configuration


@asynccontextmanager
async def serving(application: Any, *, limits: Limits | None = None) -> AsyncIterator[str]:
    """The base URL at which the application answers."""
    async with serving_own_url(lambda url: application, limits=limits) as url:
        yield url


@asynccontextmanager
async def serving_own_url(make: Callable[[str], Any], *, limits: Limits | None = None) -> AsyncIterator[str]:
    """The same for an application that must know its own base URL when it is made."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = configuration(make(url), limits)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    protocol: Any = config.http_protocol_class
    server = await loop.create_server(lambda: protocol(config, state, {}, loop), sock=listener)
    try:
        yield url
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(state.tasks)
        await server.wait_closed()
        await asyncio.sleep(0)  # let the transports that were closed be let go
