"""A CPO whose CDRs come in."""

import pytest

from evmesh.ports import Partner
from evmesh.roaming.node import Node
from tests.roaming.calls import VOLTERA, Clock, befriend, token
from tests.roaming.cdrs.received import CPO, tell_tariff
from tests.roaming.sessions.charging import publish_all


@pytest.fixture
async def cpo(node: Node, clock: Clock) -> Partner:
    """A CPO that told its tariff, 4 SEK for a kWh, two hours before the charges of these tests."""
    partner = await befriend(node, "cpo", "2.2.1", roles=[("CPO", CPO)])
    await publish_all(node, ("tokens", token(VOLTERA)))
    clock.forward(-3 * 3600)
    await tell_tariff(node, partner, 4, at=-180)
    clock.forward(3 * 3600)
    return partner
