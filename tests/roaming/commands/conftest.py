"""A node with stations, and partners that answer as a test wants."""

import pytest

from evmesh.roaming.node import Node
from evmesh.roaming.sessions.meter import Meter
from evmesh.store.database import Store
from tests.roaming.calls import Clock, new_node
from tests.roaming.sessions.charging import Obedient, Partners


@pytest.fixture
def peers() -> Partners:
    return Partners()


@pytest.fixture
def stations() -> Obedient:
    return Obedient()


@pytest.fixture
def node(store: Store, clock: Clock, peers: Partners, stations: Obedient) -> Node:
    node = new_node(store, clock, peers)
    node.stations = stations
    return node


@pytest.fixture
def meter(node: Node) -> Meter:
    return Meter(node)
