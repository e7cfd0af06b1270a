"""What our stations tell us becomes Sessions, CDRs and EVSE statuses.

Each thing that is told is one transaction: the charge, its Session, its CDR, the EVSE's status, and what partners then
lack. Nothing of a charge is in memory, so it does not matter whether the node was restarted in between.

An EVSE shows CHARGING from the start to the end of a charge; what a station itself says of its EVSEs comes on top.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import datetime

from evmesh.ocpi import wire
from evmesh.ports import Authorisation, Document, MeterValue, Place
from evmesh.roaming.cdrs.issue import NOT_PRICED
from evmesh.roaming.cdrs.periods import to_keep
from evmesh.roaming.node import Node
from evmesh.roaming.sessions import charge as charging
from evmesh.roaming.sessions import reservation
from evmesh.roaming.sessions.reservation import place_of
from evmesh.roaming.sessions.site import Site, site, tariffs_at
from evmesh.roaming.tokens.authorise import Verdict
from evmesh.roaming.tokens.authorise import authorise as decide
from evmesh.store import charges, commands, faults, objects
from evmesh.store.charges import Charge
from evmesh.store.transaction import Tx


class UnknownPlace(LookupError):
    """A station speaks of an EVSE that we do not have."""


@dataclass(frozen=True, slots=True)
class Meter:
    """`ports.StationEvents` for our stations."""

    node: Node

    async def authorise(self, place: Place, uid: str, token_type: str) -> Authorisation:
        """Decide on a card that was held to the reader.

        The card that charges there stops its own charge (reason STOP), as may one of its group where the EVSE can;
        a card that was allowed before and has not begun goes on under the same session.
        """
        seen = await self.node.store.glance(lambda tx: _look(tx, place, uid, token_type))
        if seen is None:
            return Authorisation(False, "UNKNOWN_EVSE")
        where, going_on, same = seen
        if going_on is not None and going_on.state == "ACTIVE":
            return Authorisation(True, "STOP", going_on.session_id) if same else Authorisation(False, "OCCUPIED")
        if going_on is not None and going_on.state == "RESERVATION" and not same:
            return Authorisation(False, "RESERVED")
        verdict = await decide(self.node, uid, token_type, where.place)
        if not verdict.allowed or verdict.token is None:
            return Authorisation(False, verdict.reason, info=verdict.info)
        session_id = await self.node.store.write(lambda tx: self._allowed(tx, where, verdict, uid, token_type))
        return Authorisation(True, "ALLOWED", session_id, verdict.info)

    def _allowed(self, tx: Tx, where: Site, verdict: Verdict, uid: str, token_type: str) -> str:
        """The charge to report under: the one that waits for this card, or a new one."""
        assert verdict.token is not None
        for charge in charges.at_evse(tx, where.location["id"], where.evse["uid"], ("RESERVATION", "PENDING")):
            if _same_card(charge, uid, token_type):
                return charging.authorised(tx, self.node, charge, verdict.method, verdict.reference).session_id
        begun = charging.begin(tx, self.node, where, verdict.token, verdict.method, verdict.reference)
        return begun.session_id

    async def started(self, session_id: str, place: Place, at: datetime, meter_id: str | None) -> None:
        def run(tx: Tx) -> None:
            charge = charging.known(tx, session_id)
            where = site(tx, place if place.connector_id else replace(place, connector_id=charge.connector_id))
            charge = charging.start(tx, self.node, charge, where, at, meter_id)
            if charge.reservation is not None:
                reservation.use(tx, charge.reservation)
            reservation.show(tx, self.node, place_of(charge), None, "CHARGING")

        await self.node.store.write(run)

    async def metered(self, session_id: str, value: MeterValue) -> None:
        kept = to_keep(value)
        await self.node.store.write(
            lambda tx: charging.meter(tx, self.node, charging.known(tx, session_id), value.at, kept)
        )

    async def stopped(self, session_id: str, value: MeterValue, reason: str | None) -> None:
        kept = to_keep(value)

        def run(tx: Tx) -> None:
            charge = charging.stop(tx, self.node, charging.known(tx, session_id), value.at, kept)
            reservation.show(tx, self.node, place_of(charge), "CHARGING", "AVAILABLE")

        await self.node.store.write(run)

    async def status(self, place: Place, status: str, at: datetime) -> None:
        """An EVSE has another status. It is stamped by our clock: a station's may be wrong by years."""

        def run(tx: Tx) -> None:
            if site(tx, place) is None:
                raise UnknownPlace(f"there is no EVSE {place.evse_uid} at {place.location_id}")
            reservation.show(tx, self.node, place, None, status)

        await self.node.store.write(run)

    async def reservation_ended(self, reservation_id: str, at: datetime, used: bool) -> None:
        """The station holds a place no longer. Before its time, and not by us: the eMSP must be told."""

        def run(tx: Tx) -> None:
            if used:
                reservation.use(tx, reservation_id)
                return
            held = commands.reservation_by_own_id(tx, reservation_id)
            early = held is not None and at < held.expires_at
            reservation.end(tx, self.node, reservation_id, "withdraw" if early else "expire", at)

        await self.node.store.write(run)


def _look(tx: Tx, place: Place, uid: str, token_type: str) -> tuple[Site, Charge | None, bool] | None:
    """The place, what goes on there, and whether it is this card's."""
    where = site(tx, place)
    if where is None:
        return None
    going_on = charges.at_evse(tx, where.location["id"], where.evse["uid"], ("ACTIVE", "RESERVATION"))
    going_on.sort(key=lambda charge: charge.state != "ACTIVE")
    if not going_on:
        return where, None, False
    first = going_on[0]
    same = _same_card(first, uid, token_type) or (where.can("TOKEN_GROUP_CAPABLE") and _same_group(tx, first, uid))
    return where, first, same


def _same_card(charge: Charge, uid: str, token_type: str) -> bool:
    known = str(charge.token.get("type", "")).casefold()
    return charge.token_uid.casefold() == uid.casefold() and known == token_type.casefold()


def _same_group(tx: Tx, charge: Charge, uid: str) -> bool:
    """Cards of one group may stop each other's charges. [mod_tokens_token_object]"""
    group = charge.token.get("group_id")
    if not group:
        return False
    cards: list[Document] = [wire.decode(held.document) for held in objects.find(tx, "tokens", uid)]
    return any(str(card.get("group_id") or "").casefold() == group.casefold() for card in cards)


async def running(node: Node) -> list[Charge]:
    """The charges that have not ended: what a station that lost its memory must be told."""
    return await node.store.read(lambda tx: charges.in_states(tx, charging.OPEN))


async def catch_up(node: Node) -> datetime | None:
    """Do everything that has become due; return when the next thing will be, None while there is none."""

    def run(tx: Tx) -> None:
        at = node.clock()
        for charge in charges.due(tx, at):
            if charge.state == "ACTIVE":
                charging.publish_session(tx, node, charge)
            elif charge.state == "PENDING":
                charging.give_up(tx, node, charge)
            elif charge.reservation is None or not reservation.end(tx, node, charge.reservation, "expire", at):
                # The station said that the driver came, and then he did not charge.
                reservation.let_go(tx, node, charge, at, billed=True)

    while True:
        due = await node.store.read(charges.next_due)
        if due is None or due > node.clock():
            return due
        await node.store.write(run)


LOOK_SECONDS = 5.0
"""How long a moment that has become due may be missed at most."""


async def run(node: Node, stop: asyncio.Event) -> None:
    """Keep catching up until told to stop."""
    while not stop.is_set():
        due = await catch_up(node)
        wait = LOOK_SECONDS if due is None else max(0.0, min((due - node.clock()).total_seconds(), LOOK_SECONDS))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await stop.wait()


async def issue_again(node: Node, session_id: str) -> bool:
    """Issue the CDR of a charge that could not be priced when it ended, by the tariff as it now stands for that time;
    whether it is there now."""

    def run(tx: Tx) -> bool:
        charge = charging.known(tx, session_id)
        open_ones = faults.open_faults(tx, kind=NOT_PRICED)
        if charge.state != "COMPLETED" or not any(each.subject.endswith(f"*{session_id}") for each in open_ones):
            return False
        where = site(tx, place_of(charge))
        if where is not None:
            tariffs = tariffs_at(tx, where, charge.start, charge.token.get("type"))
            charge = charging.changed(charge, tariffs=tariffs, currency=where.currency(tariffs))
        charging.complete(tx, node, charge, charges.readings_of(tx, session_id))
        return not any(each.subject.endswith(f"*{session_id}") for each in faults.open_faults(tx, kind=NOT_PRICED))

    return await node.store.write(run)
