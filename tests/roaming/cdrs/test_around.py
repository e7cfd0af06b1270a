"""What is known around a CDR is found: the card, the place, the Session, other CDRs. Each finding, and its opposite."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from evmesh.ports import Document, Partner
from evmesh.roaming.locations import receiver as locations
from evmesh.roaming.node import Node
from evmesh.roaming.sessions import receiver as sessions
from tests.roaming.calls import VOLTERA, Clock, answer, call, cdr_token, location, say, session, stamp
from tests.roaming.cdrs.received import CPO, bill, codes, send


@pytest.fixture
async def told(node: Node, cpo: Partner) -> Partner:
    """The CPO told its place, with 22 kW at each connector, and the Session of the charge, which has ended."""
    await tell(node, cpo, "locations", location(CPO), "locations.receiver.put_location", "LOC1")
    ended = session(CPO, "S1", VOLTERA, status="COMPLETED", start_date_time=stamp(-60), end_date_time=stamp())
    await tell(node, cpo, "sessions", ended, "sessions.receiver.put", "S1")
    return cpo


async def tell(node: Node, cpo: Partner, kind: str, document: Document, operation: str, id: str) -> None:
    handlers = locations.handlers(node) if kind == "locations" else sessions.handlers(node)
    await answer(handlers, call(cpo, operation, *CPO, id, body=await say(node, kind, document, "2.2.1")))


def placed(**fields: Any) -> Document:
    whole = bill()
    return {"cdr_location": whole["cdr_location"] | fields}


async def test_of_a_charge_that_everything_is_known_of_nothing_is_said(node: Node, told: Partner) -> None:
    assert codes(await send(node, told, bill())) == set()


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"cdr_token": cdr_token(VOLTERA, "NOBODY"), "session_id": "S2"}, {"unknown_token", "no_session"}),
        (placed(id="ELSEWHERE"), {"unknown_location"}),
        (placed(evse_uid="E9"), {"unknown_evse"}),
        ({"session_id": "S2"}, {"no_session"}),
        ({"cdr_token": cdr_token(VOLTERA, "OTHER")}, {"unknown_token", "session_of_other_token"}),
    ],
    ids=["token", "location", "EVSE", "Session", "the Session's card"],
)
async def test_what_nobody_told_is_said(node: Node, told: Partner, fields: dict[str, Any], found: set[str]) -> None:
    assert codes(await send(node, told, bill(**fields))) == found


async def test_energy_is_held_against_the_connector_and_the_session(node: Node, told: Partner) -> None:
    """22 kW for an hour are 22.08 kWh and a tenth more; the Session ended with one."""
    period = {**bill()["charging_periods"][0], "dimensions": [{"type": "ENERGY", "volume": 30}]}

    verdict = await send(node, told, bill(net=120, total_energy=30, charging_periods=[period]))

    assert codes(verdict) == {"more_than_the_connector_gives", "session_energy_differs"}


async def test_a_session_that_goes_on_has_not_said_its_last_word(node: Node, told: Partner) -> None:
    going_on = session(CPO, "S2", VOLTERA, kwh=Decimal("0.2"), start_date_time=stamp(-60))
    await tell(node, told, "sessions", going_on, "sessions.receiver.put", "S2")

    assert codes(await send(node, told, bill(session_id="S2"))) == set()


async def test_when_it_comes_counts(node: Node, told: Partner, clock: Clock) -> None:
    clock.moment -= timedelta(minutes=10)
    assert codes(await send(node, told, bill())) == {"in_the_future"}
    clock.moment += timedelta(days=31)
    assert codes(await send(node, told, bill("C2"))) == {"late", "session_billed_twice"}


async def test_the_same_evse_and_the_same_card_at_the_same_time(node: Node, told: Partner) -> None:
    await send(node, told, bill())

    verdict = await send(node, told, bill("C2", session_id=None))

    assert codes(verdict) == {"token_overlaps", "evse_overlaps"}


async def test_a_credit_is_given_once(node: Node, told: Partner) -> None:
    await send(node, told, bill())
    back = {"credit": True, "credit_reference_id": "C1"}

    first = await send(node, told, bill("X1", -4, **back))
    second = await send(node, told, bill("X2", -4, **back))

    assert (first.verdict, codes(first)) == ("agrees", set())
    assert codes(second) == {"credited_twice"}
