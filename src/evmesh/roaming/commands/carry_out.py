"""Carrying out what eMSPs ask of our stations, and telling them once what came of it. See `states.py`.

A command that was accepted is a row; `run` asks the station, waits for its answer as long as we have promised, and
posts the result to the response URL. Each step is taken in the database first, so each is taken once: a result that
did not arrive is not sent again, and what a node that died left behind gets its one result at the next start
(`recover`). [mod_commands_flow]

A reservation that we end ourselves is told the same way, to the response URL of the RESERVE_NOW that made it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any

from evmesh.ocpi import wire
from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import CommandOutcome, Document, Partner, PartnerError, Party, Place, Stations
from evmesh.roaming.commands.sender import expire
from evmesh.roaming.commands.states import RECEIVED
from evmesh.roaming.node import Node
from evmesh.roaming.sessions import charge as charging
from evmesh.roaming.sessions import reservation
from evmesh.roaming.sessions.reservation import place_of
from evmesh.roaming.sessions.site import Site, site
from evmesh.store import charges, commands, partners
from evmesh.store.charges import Charge
from evmesh.store.commands import Command, Reservation
from evmesh.store.transaction import Tx

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
SWARM_SECONDS = 0.05
"""Changes come in swarms; after a look the next one waits so long."""


async def run(node: Node, stop: asyncio.Event) -> None:
    """Carry out commands as they are accepted until told to stop; then finish what was begun."""
    await recover(node)
    under_way: set[asyncio.Task[None]] = set()
    stopped = asyncio.create_task(stop.wait())
    change = 0
    try:
        while not stop.is_set():
            for each in await begun(node):
                task = asyncio.create_task(each)
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.wait({stopped}, timeout=SWARM_SECONDS)
            news = asyncio.create_task(node.store.changed(change, LOOK_SECONDS))
            await asyncio.wait({news, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if news.done():
                change = news.result()
            else:
                news.cancel()
            await expire(node)
    finally:
        stopped.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def work(node: Node) -> None:
    """Carry out everything that waits now, and return when it is told."""
    await asyncio.gather(*await begun(node))


async def begun(node: Node) -> list[Coroutine[Any, Any, None]]:
    """Take what waits, each thing once: commands to carry out, reservations whose end is to be told."""

    def waits(tx: Tx) -> bool:
        accepted = commands.listing(tx, direction="received", states=["accepted"], limit=1)
        return bool(accepted or commands.reservations_in(tx, ["WITHDRAWN"]))

    def take(tx: Tx) -> tuple[list[Command], list[Reservation]]:
        accepted = commands.listing(tx, direction="received", states=["accepted"], limit=1000)
        withdrawn = commands.reservations_in(tx, ["WITHDRAWN"])
        tell = reservation.STEPS["WITHDRAWN", "tell"]
        return (
            [each for each in accepted if commands.move(tx, each.id, ["accepted"], RECEIVED["accepted", "ask"])],
            [each for each in withdrawn if commands.move_reservation(tx, each.own_id, ["WITHDRAWN"], tell)],
        )

    if not await node.store.glance(waits):
        return []
    taken, withdrawn = await node.store.write(take)
    return [carry_out(node, each) for each in taken] + [_tell_of(node, each) for each in withdrawn]


async def recover(node: Node) -> None:
    """What a node that died was doing: nobody knows what the station did. Each gets its one result."""
    left = await node.store.read(
        lambda tx: commands.listing(tx, direction="received", states=["asked", "answered"], limit=10_000)
    )
    for command in left:
        if command.state == "answered":
            # It may have been told or not; a result is never sent twice.
            await _move(node, command, ["answered"], RECEIVED["answered", "fail"])
            continue
        over = command.expires_at is not None and command.expires_at <= node.clock()
        result = _result("TIMEOUT" if over else "FAILED", "the platform was restarted meanwhile")
        if await _move(node, command, ["asked"], RECEIVED["asked", "abandon"], result):
            await _post(node, command, result)


async def carry_out(node: Node, command: Command) -> None:
    """Ask the station, and tell the eMSP once."""
    result = await _ask(node, command)
    if await _move(node, command, ["asked"], RECEIVED["asked", "answer"], result):
        await _post(node, command, result)


async def _ask(node: Node, command: Command) -> Document:
    if node.stations is None:
        return _result("FAILED", "there are no stations here any more")
    left = None if command.expires_at is None else (command.expires_at - node.clock()).total_seconds()
    if left is not None and left <= 0:
        return _result("TIMEOUT", "the command waited too long")
    try:
        return _result(await DOING[command.command](node, node.stations, command, left))
    except Exception:
        log.exception("the command %s %s failed", command.command, command.id)
        return _result("FAILED", "something went wrong here")


async def _in_time(asked: Awaitable[CommandOutcome], seconds: float | None) -> CommandOutcome:
    """What the station answers, or TIMEOUT: it may still do it."""
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except TimeoutError:
        return "TIMEOUT"


async def _start_session(node: Node, stations: Stations, command: Command, left: float | None) -> CommandOutcome:
    """The charge is there before the station is asked, since energy may flow before its answer is here.

    After a refusal it is given up. After silence it waits like any that was allowed: the station may have heard.
    """
    request = command.request

    def allow(tx: Tx) -> Charge:
        where = _site(tx, request)
        reference = request.get("authorization_reference")
        for held in charges.at_evse(tx, where.location["id"], where.evse["uid"], ("RESERVATION",)):
            if _same_card(held, request["token"]):
                return charging.authorised(tx, node, held, "COMMAND", reference)
        return charging.begin(tx, node, where, request["token"], "COMMAND", reference, told=False)

    charge = await node.store.write(allow)
    outcome = await _in_time(stations.start(place_of(charge), charge.session_id, request["token"]), left)

    def settle(tx: Tx) -> None:
        now = charging.known(tx, charge.session_id)
        if outcome == "ACCEPTED":
            charging.announce(tx, node, now)
        elif outcome != "TIMEOUT" and now.state == "PENDING":
            charging.give_up(tx, node, now)

    await node.store.write(settle)
    return outcome


async def _stop_session(node: Node, stations: Stations, command: Command, left: float | None) -> CommandOutcome:
    charge = await node.store.read(lambda tx: charging.known(tx, command.request["session_id"]))
    return await _in_time(stations.stop(place_of(charge), charge.session_id), left)


async def _unlock_connector(node: Node, stations: Stations, command: Command, left: float | None) -> CommandOutcome:
    return await _in_time(stations.unlock(_place(command.request)), left)


async def _reserve_now(node: Node, stations: Stations, command: Command, left: float | None) -> CommandOutcome:
    """The same reservation_id again changes the reservation that is there; elsewhere, the former place is let go."""
    request = command.request
    before, where = await node.store.read(
        lambda tx: (_held(tx, command.partner_id, request["reservation_id"]), _site(tx, request))
    )
    own_id = node.new_id() if before is None else before[0].own_id
    until = parse_timestamp(request["expiry_date"])
    outcome = await _in_time(stations.reserve(where.place, own_id, request["token"], until), left)
    if outcome != "ACCEPTED":
        return outcome
    await node.store.write(
        lambda tx: reservation.hold(
            tx,
            node,
            where,
            command.partner_id,
            request["reservation_id"],
            own_id,
            request["token"],
            until,
            request.get("authorization_reference"),
            command.response_url,
        )
    )
    if before is not None and before[1].evse_uid != where.evse["uid"]:
        await _in_time(stations.cancel(before[1], own_id), left)
    return outcome


async def _cancel_reservation(node: Node, stations: Stations, command: Command, left: float | None) -> CommandOutcome:
    held = await node.store.read(lambda tx: _held(tx, command.partner_id, command.request["reservation_id"]))
    if held is None:
        return "UNKNOWN_RESERVATION"
    outcome = await _in_time(stations.cancel(held[1], held[0].own_id), left)
    if outcome in ("ACCEPTED", "UNKNOWN_RESERVATION"):
        await node.store.write(lambda tx: reservation.end(tx, node, held[0].own_id, "cancel", node.clock()))
    return outcome


DOING = {
    "START_SESSION": _start_session,
    "STOP_SESSION": _stop_session,
    "UNLOCK_CONNECTOR": _unlock_connector,
    "RESERVE_NOW": _reserve_now,
    "CANCEL_RESERVATION": _cancel_reservation,
}


def _held(tx: Tx, partner_id: int, reservation_id: str) -> tuple[Reservation, Place] | None:
    """The partner's reservation, if it still holds a place, and which."""
    held = commands.reservation(tx, partner_id, reservation_id)
    if held is None or held.state != reservation.HELD or held.session_key is None:
        return None
    charge = charges.get(tx, held.session_key)
    return None if charge is None else (held, place_of(charge))


def _place(request: Document) -> Place:
    return Place(
        request["country_code"],
        request["party_id"],
        request["location_id"],
        request["evse_uid"],
        request["connector_id"],
    )


def _site(tx: Tx, request: Document) -> Site:
    found = site(tx, _place(request))
    if found is None:
        raise LookupError(f"{request['evse_uid']} is gone")
    return found


def _same_card(charge: Charge, token: Document) -> bool:
    return charge.token_uid == token["uid"].casefold() and charge.token.get("type") == token.get("type")


async def withdraw(node: Node, own_id: str) -> bool:
    """End a reservation of ours before its time; its eMSP is told. Whether there was one."""
    charge = await node.store.read(lambda tx: _charge_of(tx, own_id))
    if charge is None:
        return False
    if node.stations is not None:
        await _in_time(node.stations.cancel(place_of(charge), own_id), node.settings.command_timeout)
    return await node.store.write(lambda tx: reservation.end(tx, node, own_id, "withdraw", node.clock()))


def _charge_of(tx: Tx, own_id: str) -> Charge | None:
    held = commands.reservation_by_own_id(tx, own_id)
    if held is None or held.state != reservation.HELD or held.session_key is None:
        return None
    return charges.get(tx, held.session_key)


async def _tell_of(node: Node, held: Reservation) -> None:
    """Tell the eMSP of a reservation that we have ended ourselves. [mod_commands_flow]"""
    partner, charge = await node.store.read(
        lambda tx: (
            partners.get(tx, held.partner_id),
            charges.get(tx, held.session_key) if held.session_key is not None else None,
        )
    )
    if partner is None or held.response_url is None:
        return
    ours = None if charge is None else (charge.country_code, charge.party_id)
    result = _result("CANCELED_RESERVATION")
    await _say(node, partner, held.response_url, result, ours, _party_of(held.token, partner), None)


async def _post(node: Node, command: Command, result: Document) -> None:
    partner = await node.store.read(lambda tx: partners.get(tx, command.partner_id))
    arrived = False
    if partner is not None and partner.status == "registered" and command.response_url is not None:
        request = command.request
        ours = (request["country_code"], request["party_id"]) if "country_code" in request else None
        theirs = _party_of(request.get("token") or {}, partner)
        arrived = await _say(node, partner, command.response_url, result, ours, theirs, command.correlation_id)
    await _move(node, command, ["answered"], RECEIVED["answered", "arrive" if arrived else "fail"])


async def _say(
    node: Node,
    partner: Partner,
    url: str,
    result: Document,
    ours: Party | None,
    theirs: Party | None,
    correlation_id: str | None,
) -> bool:
    """Post a result, once. [mod_commands_sender_interface]"""
    try:
        body = wire.write("CommandResult", result, partner.dialect).text
        reply = await node.calls.call(
            partner,
            "commands.sender.result",
            url=url,
            body=body,
            correlation_id=correlation_id,
            from_party=ours,
            to_party=theirs,
        )
    except PartnerError as error:
        log.warning("%s was not told a result: %s", partner.name, error)
        return False
    if not reply.ok:
        log.warning("%s did not take a result: %s %s", partner.name, reply.http_status, reply.message)
    return reply.ok


def _party_of(token: Document, partner: Partner) -> Party | None:
    """Whose command it was: the token's party, else the only one that it can have been."""
    if token.get("country_code") and token.get("party_id"):
        return token["country_code"], token["party_id"]
    emsps = partner.parties("EMSP")
    return emsps[0] if emsps else None


def _result(outcome: CommandOutcome, message: str | None = None) -> Document:
    result: Document = {"result": outcome}
    if message is not None:
        result["message"] = [{"language": "en", "text": message}]
    return result


async def _move(node: Node, command: Command, before: list[str], state: str, result: Document | None = None) -> bool:
    fields = {} if result is None else {"result": result}
    return await node.store.write(lambda tx: commands.move(tx, command.id, before, state, **fields))
