"""Whatever happens to our objects, and however it is told: a partner that takes every push has what we would show it.

Two nodes, one CPO and one eMSP. Objects change at random, also several times before anything is told; what `prepare`
says is handed to the other node's Receiver; then both sides must hold the same document.
"""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ports import Document, Partner, Push
from evmesh.roaming import publish
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.node import Node, OurParty
from evmesh.store import deliveries, objects, partners
from evmesh.store.database import Store
from tests.roaming.calls import (
    EMS,
    OPERATIONS,
    RELEASES,
    VOLTERA,
    Clock,
    befriend,
    call,
    connector,
    evse,
    location,
    new_node,
    period,
    session,
    tariff,
)

STEPS = 60
PATCHES = {"locations.receiver.patch_location", "locations.receiver.patch_evse", "locations.receiver.patch_connector",
           "sessions.receiver.patch"}  # fmt: skip


@pytest.fixture
async def other(tmp_path: Path, clock: Clock) -> AsyncIterator[Node]:
    """The eMSP."""
    store = await Store.open(f"sqlite:///{tmp_path / 'other.db'}", b"another secret key", clock=clock)
    yield new_node(store, clock, parties=[OurParty("EMSP", *EMS, "EMS")])
    await store.close()


class Objects:
    """One Location, one Session and one tariff that change at random."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.place = location(evses=[evse("E1"), evse("E2")])
        self.session = session()
        self.tariff = tariff()

    def change(self, minute: int) -> tuple[str, Document]:
        kind = self.chance.choice(["locations", "locations", "locations", "sessions", "sessions", "tariffs"])
        if kind == "tariffs":
            self.tariff = tariff(at=minute, currency=self.chance.choice(["SEK", "NOK"]))
            return kind, self.tariff
        if kind == "sessions":
            self.session |= {"kwh": minute, "last_updated": tariff(at=minute)["last_updated"]}
            periods = self.session["charging_periods"]
            if self.chance.random() < 0.5:
                self.session["charging_periods"] = [*periods, period(minute)]
            elif self.chance.random() < 0.2:
                self.session["charging_periods"] = [{**periods[0], **period(0, minute)}, *periods[1:]]
            return kind, self.session
        what = self.chance.choice(["name", "no name", "status", "status", "status", "plug", "new", "gone"])
        if what == "name":
            self.place = {**self.place, "name": f"Harbour {minute}", "last_updated": tariff(at=minute)["last_updated"]}
        elif what == "no name":
            self.place = {**self.place, "name": None, "last_updated": tariff(at=minute)["last_updated"]}
        else:
            self.place = {**self.place, "evses": self.evses(what, minute)}
        self.place["last_updated"] = tariff(at=minute)["last_updated"]
        return kind, self.place

    def evses(self, what: str, minute: int) -> list[Document]:
        found = list(self.place["evses"])
        index = self.chance.randrange(len(found))
        one = dict(found[index])
        stamp = tariff(at=minute)["last_updated"]
        if what == "status":
            found[index] = {**one, "status": self.chance.choice(["AVAILABLE", "CHARGING"]), "last_updated": stamp}
        elif what == "plug":
            plug = connector("1", at=minute, max_amperage=self.chance.choice([16, 32]))
            found[index] = {**one, "connectors": [plug, *one["connectors"][1:]]}
        elif what == "new":
            found.append(evse(f"E{minute}", at=minute))
        else:
            found[index] = {**one, "status": "REMOVED", "last_updated": stamp}
        return found


async def hand_over(other: Node, sender: Partner, push: Push) -> None:
    """What a push would do over HTTP."""
    names = [part[1:-1] for part in OPERATIONS[push.operation].path.split("/") if part.startswith("{")]
    given = call(sender, push.operation, *(push.path[name] for name in names), body=push.body, query=push.query)
    answer = await all_handlers(other)[push.operation](given)
    assert (answer.http_status, answer.status_code) == (200, 1000)


@pytest.mark.parametrize("release", RELEASES)
async def test_the_partner_has_what_we_would_show_it(node: Node, other: Node, release: str) -> None:
    chance = random.Random(f"told and had {release}")
    receiver = await befriend(node, "emsp", release)
    sender = await befriend(other, "cpo", release, (("CPO", VOLTERA),), our_party=EMS)
    ours, used = Objects(chance), set[str]()

    def publishing(kind: str, document: Document) -> Any:
        return lambda tx: publish.publish(tx, node, kind, document, partners=partners.all_partners(tx))

    await node.store.write(publishing("locations", ours.place))
    for minute in range(1, STEPS):
        for _ in range(chance.choice([1, 1, 1, 2])):
            await node.store.write(publishing(*ours.change(minute)))
        rows = await node.store.write(lambda tx: deliveries.due(tx, node.clock(), 9, 60.0))
        for row in rows:
            # A quarter of the first tries is lost on the way there, or the answer on the way back.
            lost = chance.choice(["no", "no", "no", "no", "no", "no", "push", "answer"])
            push = await publish.prepare(node, receiver, row, patch_allowed=row.attempts == 1)
            assert push is not None
            used.add(push.operation)
            if lost != "push":
                await hand_over(other, sender, push)
            if lost != "no":
                await node.store.write(lambda tx, id=row.id: deliveries.failed(tx, id, "lost", node.clock()))
                push = await publish.prepare(node, receiver, row, patch_allowed=False)
                assert push is not None
                await hand_over(other, sender, push)
            await node.store.write(
                lambda tx, id=row.id, push=push: deliveries.delivered(tx, id, push.change, push.told)
            )
            shown = await written(node, receiver, row.seq)
            (had,) = await other.store.read(lambda tx, id=shown["id"], kind=row.kind: objects.find(tx, kind, id))
            assert wire.decode(had.wire_or_document) == shown

    assert used >= PATCHES


async def written(node: Node, receiver: Partner, seq: int) -> Document:
    def run(tx: Any) -> Document:
        held = objects.by_seq(tx, seq)
        assert held is not None
        names = {"locations": "Location", "sessions": "Session", "tariffs": "Tariff"}
        document = wire.decode(held.document)
        context = publish.our_context(tx, node, document)
        return wire.write(names[held.kind], document, receiver.dialect, context).document

    return await node.store.read(run)
