"""Partners' sessions as they push them: what `receive` promises, on this slice's operations."""

from typing import Any

import pytest

from evmesh.ocpi.status_codes import NotFound
from evmesh.ports import Partner
from evmesh.roaming.node import Node
from evmesh.roaming.sessions import receiver
from tests.roaming.calls import VOLTERA, answer, befriend, call, data, period, say, session, stamp

CPO = ("DE", "CPO")


async def ask(node: Node, partner: Partner, method: str, body: Any = None, id: str = "S1") -> Any:
    return data(
        await answer(receiver.handlers(node), call(partner, f"sessions.receiver.{method}", *CPO, id, body=body))
    )


async def test_a_session_is_put_patched_and_read(node: Node) -> None:
    partner = await befriend(node, roles=[("CPO", CPO)])
    said = await say(node, "sessions", session(CPO, driver=VOLTERA), "2.2.1")
    await ask(node, partner, "put", said)
    more = {"kwh": 3, "charging_periods": [period(30, 2)], "last_updated": stamp(30)}
    for _ in range(2):
        await ask(node, partner, "patch", more)

    found = await ask(node, partner, "get", id="s1")
    assert found["kwh"] == 3
    assert found["charging_periods"] == [period(), period(30, 2)]


async def test_what_was_never_put_cannot_be_patched(node: Node) -> None:
    partner = await befriend(node, roles=[("CPO", CPO)])
    with pytest.raises(NotFound):
        await ask(node, partner, "patch", {"kwh": 3, "last_updated": stamp(30)})
