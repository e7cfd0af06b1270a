"""Commands of ours: what the CPO answers, and the result that comes later."""

import asyncio
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.status_codes import InvalidParameter, NotFound
from evmesh.ports import Partner, PartnerError, Reply, Unreachable
from evmesh.roaming.commands import sender
from evmesh.roaming.commands.sender import CannotSend, CommandTicket, expire, result, send
from evmesh.roaming.commands.states import SENT
from evmesh.roaming.node import Node
from evmesh.store import commands, objects
from evmesh.store.database import Store
from tests.roaming.calls import (
    EMS,
    NOON,
    RELEASES,
    VOLTERA,
    Clock,
    answer,
    befriend,
    call,
    evse,
    location,
    new_node,
    token,
)
from tests.roaming.conftest import KEY
from tests.roaming.sessions.charging import Partners, at

CPO = ("DE", "CPO")
START = {"token": token(VOLTERA), "location_id": "LOC1", "evse_uid": "E1"}


def says(result: str, timeout: int | None = 30, **more: Any) -> Reply:
    fields = {"result": result} | ({} if timeout is None else {"timeout": timeout})
    return Reply(200, 1000, data=fields, **more)


async def cpo(node: Node, peers: Partners, reply: Any = None, release: str = "2.2.1") -> Partner:
    partner = await befriend(node, "cpo", release, roles=[("CPO", CPO)])
    timeout = 30 if partner.dialect.release.has_command_result else None
    peers.answers = {
        ("cpo", f"commands.receiver.{name.lower()}"): reply or says("ACCEPTED", timeout) for name in sender.NAMES
    }
    return partner


async def come(node: Node, partner: Partner, ticket: CommandTicket, outcome: str, name: str | None = None) -> None:
    """The result, as the partner posts it to our response URL."""
    path = (name or ticket.command, ticket.id)
    await answer(sender.handlers(node), call(partner, "commands.sender.result", *path, body={"result": outcome}))


async def state(node: Node, ticket: CommandTicket) -> str:
    found = await node.store.read(lambda tx: commands.get(tx, ticket.id))
    assert found is not None
    return found.state


@pytest.mark.parametrize("release", RELEASES)
async def test_a_command_and_its_result(node: Node, peers: Partners, release: str) -> None:
    partner = await cpo(node, peers, release=release)
    ticket = await send(node, partner, "START_SESSION", START)

    (asked,) = peers.asked
    url = f"https://us.example/ocpi/{release}/sender/commands/START_SESSION/{ticket.id}"
    assert asked.body["response_url"] == url
    assert ("country_code" in asked.body["token"]) == partner.dialect.release.owner_in_object
    assert (asked.from_party, asked.to_party) == (VOLTERA, CPO)  # type: ignore[attr-defined]
    assert (ticket.state, ticket.accepted, ticket.expires_at) == ("waiting", True, at(0.5))
    await come(node, partner, ticket, "ACCEPTED")
    done = await result(node, ticket)
    assert (done.state, done.result) == ("answered", {"result": "ACCEPTED"})


async def test_who_waits_is_woken(node: Node, peers: Partners) -> None:
    partner = await cpo(node, peers)
    ticket = await send(node, partner, "START_SESSION", START)
    waiting = asyncio.create_task(result(node, ticket))
    await asyncio.sleep(0)
    await come(node, partner, ticket, "EVSE_OCCUPIED")

    async with asyncio.timeout(20):
        assert (await waiting).result == {"result": "EVSE_OCCUPIED"}


async def test_another_process_waits_too(node: Node, peers: Partners, store_url: str, clock: Clock) -> None:
    partner = await cpo(node, peers)
    ticket = await send(node, partner, "START_SESSION", START)
    elsewhere = await Store.open(store_url, KEY, clock=clock)
    try:
        waiting = asyncio.create_task(result(new_node(elsewhere, clock, peers), ticket.id))
        await come(node, partner, ticket, "ACCEPTED")
        async with asyncio.timeout(20):
            assert (await waiting).state == "answered"
    finally:
        await elsewhere.close()


async def test_a_refusal_has_no_result(node: Node, peers: Partners) -> None:
    partner = await cpo(node, peers, says("REJECTED"))
    ticket = await send(node, partner, "START_SESSION", START)

    assert (ticket.state, ticket.accepted) == ("refused", False)
    assert (await result(node, ticket)).state == "refused"
    with pytest.raises(InvalidParameter):
        await come(node, partner, ticket, "ACCEPTED")


async def test_a_refusal_in_the_envelope_is_one(node: Node, peers: Partners) -> None:
    partner = await cpo(node, peers, Reply(200, 2003, "unknown location"))
    ticket = await send(node, partner, "START_SESSION", START)

    assert ticket.response == {"result": "REJECTED", "message": [{"language": "en", "text": "unknown location"}]}


@pytest.mark.parametrize(
    "reply", [Unreachable("gone"), Reply(500, None), Reply(200, 3000, "broken"), Reply(200, 1000, data="yes")]
)
async def test_no_answer_of_use_is_an_error_and_the_result_may_still_come(
    node: Node, peers: Partners, reply: Any
) -> None:
    partner = await cpo(node, peers, reply)
    with pytest.raises(PartnerError):
        await send(node, partner, "START_SESSION", START)

    (kept,) = await node.store.read(lambda tx: commands.listing(tx))
    ticket = CommandTicket(kept.id, partner.id, kept.command, kept.state, None, None)
    assert kept.state == "failed"
    await come(node, partner, ticket, "ACCEPTED")
    assert await state(node, ticket) == "late"


async def test_a_result_may_be_faster_than_the_answer(node: Node, peers: Partners) -> None:
    partner = await cpo(node, peers)
    plain = peers.call

    async def faster(asked_of: Partner, operation: str, *rest: Any, body: bytes, **more: Any) -> Reply:
        id = wire.decode(body)["response_url"].rpartition("/")[2]
        await come(node, asked_of, CommandTicket(id, 0, "START_SESSION", "", None, None), "ACCEPTED")
        return await plain(asked_of, operation, *rest, body=body, **more)

    peers.call = faster  # type: ignore[method-assign, assignment]
    ticket = await send(node, partner, "START_SESSION", START)

    assert (ticket.state, ticket.response) == ("answered", {"result": "ACCEPTED", "timeout": 30})
    assert (await result(node, ticket)).result == {"result": "ACCEPTED"}


async def test_nothing_in_time_is_a_timeout_and_a_late_result_is_kept(
    node: Node, peers: Partners, clock: Clock
) -> None:
    partner = await cpo(node, peers)
    ticket = await send(node, partner, "START_SESSION", START)
    clock.forward(30)
    assert (await result(node, ticket)).state == "timed_out"

    await come(node, partner, ticket, "ACCEPTED")
    done = await result(node, ticket)
    assert (done.state, done.result) == ("late", {"result": "ACCEPTED"})


async def test_time_runs_out_also_where_nobody_waits(node: Node, peers: Partners, clock: Clock) -> None:
    partner = await cpo(node, peers)
    ticket = await send(node, partner, "START_SESSION", START, timeout=5)
    assert ticket.expires_at == clock.moment.replace(second=5)
    await expire(node)
    assert await state(node, ticket) == "waiting"
    clock.forward(5)
    await expire(node)
    assert await state(node, ticket) == "timed_out"


async def test_the_same_result_again_is_fine_another_is_not(node: Node, peers: Partners) -> None:
    partner = await cpo(node, peers)
    ticket = await send(node, partner, "START_SESSION", START)
    for _ in range(2):
        await come(node, partner, ticket, "ACCEPTED")
    with pytest.raises(InvalidParameter):
        await come(node, partner, ticket, "FAILED")
    assert (await result(node, ticket)).result == {"result": "ACCEPTED"}


async def test_only_the_partner_that_got_the_command_answers_it(node: Node, peers: Partners) -> None:
    partner = await cpo(node, peers)
    other = await befriend(node, "other", roles=[("CPO", ("FR", "OTH"))])
    ticket = await send(node, partner, "START_SESSION", START)
    for caller, asked, name in (
        (other, ticket, None),
        (partner, CommandTicket("guess", 0, "START_SESSION", "", None, None), None),
        (partner, ticket, "STOP_SESSION"),
    ):
        with pytest.raises(NotFound):
            await come(node, caller, asked, "ACCEPTED", name)
    assert await state(node, ticket) == "waiting"


async def test_a_result_that_cannot_be_read_is_refused(node: Node, peers: Partners) -> None:
    partner = await cpo(node, peers)
    ticket = await send(node, partner, "START_SESSION", START)
    with pytest.raises(InvalidParameter, match="result"):
        await come(node, partner, ticket, "PERHAPS")


@pytest.mark.parametrize("release", RELEASES)
async def test_a_cpo_may_cancel_the_reservation_that_it_had_made(node: Node, peers: Partners, release: str) -> None:
    partner = await cpo(node, peers, release=release)
    body = {"token": token(VOLTERA), "expiry_date": "2026-03-01T13:00:00Z", "reservation_id": "7", "location_id": "L"}
    ticket = await send(node, partner, "RESERVE_NOW", body)
    sent = peers.asked[0].body["reservation_id"]
    assert sent == ("7" if partner.dialect.release.has_command_result else 7)

    await come(node, partner, ticket, "ACCEPTED")
    cancels = "CANCELED_RESERVATION" if partner.dialect.release.has_command_result else "REJECTED"
    await come(node, partner, ticket, cancels)
    assert await state(node, ticket) == "withdrawn"


@pytest.mark.parametrize(
    ("release", "command", "document", "why"),
    [
        ("2.2.1", "FLY", {}, "not a command"),
        ("2.1.1", "CANCEL_RESERVATION", {"reservation_id": "7"}, "has no CANCEL_RESERVATION"),
        ("2.1.1", "RESERVE_NOW", {**START, "expiry_date": "2026-03-01T13:00:00Z", "reservation_id": "R7"}, "numbers"),
        ("2.2.1", "START_SESSION", {**START, "token": token(EMS)}, "not of a party of ours"),
        ("2.2.1", "START_SESSION", START, "which connector"),
    ],
)
async def test_what_cannot_be_sent(
    node: Node, peers: Partners, release: str, command: str, document: Any, why: str
) -> None:
    partner = await cpo(node, peers, release=release)
    place = location(CPO, evses=[evse("E1", capabilities=["START_SESSION_CONNECTOR_REQUIRED"])])
    await node.store.write(
        lambda tx: objects.put(
            tx, "locations", partner.id, *CPO, "LOC1", "k", wire.encode(place).decode(), None, "2.2.1", NOON
        )
    )

    with pytest.raises(CannotSend, match=why):
        await send(node, partner, command, document)
    assert peers.asked == []
    assert await node.store.read(lambda tx: commands.listing(tx)) == []


def test_every_state_but_the_ends_leads_on() -> None:
    states = {state for state, _ in SENT}
    assert set(SENT.values()) - states == {"refused", "withdrawn"}
