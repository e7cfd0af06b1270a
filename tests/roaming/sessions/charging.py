"""A city to charge in, eMSPs that answer as a test wants, and what the store then holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from evmesh.ocpi import wire
from evmesh.ports import CommandOutcome, Document, Forbidden, MeterValue, Partner, PartnerError, Party, Place, Reply
from evmesh.roaming.node import Node
from evmesh.roaming.publish import publish
from evmesh.store import deliveries, faults, objects, partners
from evmesh.store.transaction import Tx
from tests.roaming.calls import NOON, VOLTERA, Asked, Peers, evse, location, tariff

PLACE = Place(*VOLTERA, "LOC1", "E1", "1")
OTHER_PLACE = Place(*VOLTERA, "LOC1", "E2", "1")
ALL_CAPABLE = [
    "RESERVABLE",
    "UNLOCK_CAPABLE",
    "REMOTE_START_STOP_CAPABLE",
    "RFID_READER",
    "CHARGING_PREFERENCES_CAPABLE",
    "TOKEN_GROUP_CAPABLE",
]


@dataclass
class Heard(Asked):
    """A call with everything that it was made with."""

    url: str | None = None
    from_party: Party | None = None
    correlation_id: str | None = None


@dataclass
class Partners(Peers):
    """Partners that answer by name and operation: a Reply, an error, or never (`silent`)."""

    answers: dict[tuple[str, str], Reply | PartnerError] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)

    async def call(
        self,
        partner: Partner,
        operation: str,
        path: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        to_party: Party | None = None,
        url: str | None = None,
        from_party: Party | None = None,
        correlation_id: str | None = None,
        timeout: float | None = None,
    ) -> Reply:
        said = None if body is None else wire.decode(body)
        self.asked.append(
            Heard(
                partner.name,
                operation,
                dict(path or {}),
                dict(query or {}),
                said,
                to_party,
                url,
                from_party,
                correlation_id,
            )
        )
        if partner.name in self.silent:
            await asyncio.Event().wait()
        answer = self.answers.get((partner.name, operation), Reply(200, 1000))
        if isinstance(answer, PartnerError):
            raise answer
        return answer

    async def permit(self, url: str) -> None:
        if url in self.forbidden:
            raise Forbidden(f"{url} is not a public address")

    def heard(self, operation: str) -> list[Any]:
        return [each for each in self.asked if each.operation == operation]


def says(allowed: str, *, token: Document | None = None, **fields: Any) -> Reply:
    """An AuthorizationInfo of 2.2.1."""
    info = {"allowed": allowed, **({} if token is None else {"token": token}), **fields}
    return Reply(200, 1000, data=wire.decode(wire.encode(info)))


UNKNOWN = Reply(404, 2004, "unknown token")


async def publish_all(node: Node, *documents: tuple[str, Document]) -> None:
    def run(tx: Tx) -> None:
        for kind, document in documents:
            publish(tx, node, kind, document, partners=partners.all_partners(tx))

    await node.store.write(run)


async def open_city(node: Node, **location_fields: Any) -> None:
    """One Location with two EVSEs that can do everything, and its tariff."""
    place = location(evses=[evse(uid, capabilities=ALL_CAPABLE) for uid in ("E1", "E2")], **location_fields)
    await publish_all(node, ("tariffs", tariff()), ("locations", place))


def reading(minutes: float, kwh: Any, kw: Any = 11, *, charging: bool = True) -> MeterValue:
    """A meter value so many minutes after noon."""
    return MeterValue(at(minutes), Decimal(str(kwh)), Decimal(str(kw)), charging)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


async def ours(node: Node, kind: str) -> list[Document]:
    """Our own objects of a kind, in the order in which they came to be."""
    held = await node.store.read(lambda tx: objects.listing(tx, kind, limit=1000))
    return [wire.decode(each.document) for each in held]


async def one(node: Node, kind: str) -> Document:
    (document,) = await ours(node, kind)
    return document


async def changes(node: Node, kind: str) -> int:
    """A number that is another when any of our objects of that kind was told anew."""
    held = await node.store.read(lambda tx: objects.listing(tx, kind, limit=1000))
    return max((each.change for each in held), default=0)


async def lacked(node: Node) -> set[tuple[str, str]]:
    """(partner, kind) of what is still to be delivered."""

    def run(tx: Tx) -> set[tuple[str, str]]:
        names = {each.id: each.name for each in partners.all_partners(tx)}
        return {(names[row.partner_id], row.kind) for row in deliveries.listing(tx, limit=1000)}

    return await node.store.read(run)


async def evse_status(node: Node, uid: str = "E1") -> str:
    document = await one(node, "locations")
    (found,) = [each["status"] for each in document["evses"] if each["uid"] == uid]
    return str(found)


async def open_faults(node: Node) -> list[str]:
    return [fault.kind for fault in await node.store.read(lambda tx: faults.open_faults(tx))]


async def give_token(node: Node, partner: Partner, document: Document) -> None:
    """A token as the partner has pushed it."""

    def run(tx: Tx) -> None:
        objects.put(
            tx,
            "tokens",
            partner.id,
            document["country_code"],
            document["party_id"],
            document["uid"],
            partner.dialect.key(document["country_code"], document["party_id"], document["uid"], document["type"]),
            wire.encode(document).decode(),
            None,
            partner.dialect.name,
            NOON,
        )

    await node.store.write(run)


@dataclass
class Obedient:
    """Stations that answer what a test has laid down and remember what they were asked; by default they obey."""

    outcome: CommandOutcome = "ACCEPTED"
    silent: bool = False
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    def knows(self, place: Place) -> bool:
        return place.evse_uid not in self.unknown

    async def start(self, place: Place, session_id: str, token: Document) -> CommandOutcome:
        return await self._answer("start", place, session_id, token)

    async def stop(self, place: Place, session_id: str) -> CommandOutcome:
        return await self._answer("stop", place, session_id)

    async def unlock(self, place: Place) -> CommandOutcome:
        return await self._answer("unlock", place)

    async def reserve(self, place: Place, reservation_id: str, token: Document, until: datetime) -> CommandOutcome:
        return await self._answer("reserve", place, reservation_id, token, until)

    async def cancel(self, place: Place, reservation_id: str) -> CommandOutcome:
        return await self._answer("cancel", place, reservation_id)

    async def _answer(self, *asked: Any) -> CommandOutcome:
        self.asked.append(asked)
        if self.silent:
            await asyncio.Event().wait()
        return self.outcome
