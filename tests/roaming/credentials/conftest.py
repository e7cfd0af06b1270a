"""A world with one platform of ours in it, an invitation to it, and a peer that may accept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evmesh.ports import Partner
from evmesh.roaming import partners
from evmesh.roaming.node import Node
from evmesh.store.database import Store
from tests.roaming.wiring import Peer, World, platform

KEY = b"a secret key of the settings"
VOLT = "https://volt.example"
DRIVER = "https://driver.example"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{path}", KEY)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path / "volt.db") as store:
        yield store


@pytest.fixture
async def drivers_store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path / "driver.db") as store:
        yield store


@pytest.fixture
def registered() -> list[Partner]:
    """Whom our platform was told of as registered."""
    return []


@pytest.fixture
def volt(world: World, store: Store, registered: list[Partner]) -> Node:
    """A CPO, ours."""
    return platform(world, store, VOLT, "CPO:SE:VLT", on_registered=registered.append)


@pytest.fixture
def driver(world: World, drivers_store: Store) -> Node:
    """An eMSP, ours as well, on another database."""
    return platform(world, drivers_store, DRIVER, "EMSP:DE:DRV")


@pytest.fixture
def peer(world: World) -> Peer:
    """An eMSP that is somebody else's."""
    return Peer("https://peer.example").in_world(world)


@pytest.fixture
async def invitation(volt: Node) -> str:
    """Token A for the peer, whom we call `friend`."""
    return (await partners.invite(volt, "friend")).token
