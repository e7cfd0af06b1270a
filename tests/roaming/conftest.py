"""A node on each kind of database, with a clock that tests set and partners that answer what tests lay down."""

from collections.abc import AsyncIterator

import pytest

from evmesh.roaming.node import Node
from evmesh.store.database import Store
from tests.roaming.calls import Clock, Peers, new_node

KEY = b"a secret key of the settings"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def peers() -> Peers:
    return Peers()


@pytest.fixture
async def store(store_url: str, clock: Clock) -> AsyncIterator[Store]:
    store = await Store.open(store_url, KEY, clock=clock)
    yield store
    await store.close()


@pytest.fixture
def node(store: Store, clock: Clock, peers: Peers) -> Node:
    return new_node(store, clock, peers)
