"""The folder of an eMSP that does not run, with CDRs that a partner sent while it did: each sort once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from evmesh import config
from evmesh.ocpi import wire
from evmesh.ports import Document
from evmesh.roaming.cdrs import receiver
from evmesh.roaming.node import Node, OurParty
from evmesh.roaming.tariffs import receiver as tariffs
from evmesh.store.database import Store
from tests.roaming.calls import NOON, Clock, answer, befriend, call, cdr, new_node, say, stamp, tariff, token
from tests.roaming.sessions.charging import publish_all

VOLT, OTHER, DRV = ("SE", "VLT"), ("NO", "FJD"), ("SE", "DRV")
SORTS = {
    "AGREES": {},
    "NEARLY": {"total_cost": {"before_taxes": Decimal("4.004"), "taxes": [{"name": "VAT", "amount": 1}]}},
    "HABIT": {"total_cost": {"before_taxes": 5}},
    "WRONG": {"total_cost": {"before_taxes": 7, "taxes": [{"name": "VAT", "amount": Decimal("1.75")}]}},
    "UNKNOWN": {"tariffs": [], "tariff_id": "T9"},
}
"""CDRs for one kWh at 4 SEK and 25 % VAT, by id, and what is odd about each."""


def costing(price: Any, **fields: Any) -> Document:
    component = {"type": "ENERGY", "price": Decimal(str(price)), "vat": 25, "step_size": 1}
    return tariff(VOLT, at=-600, elements=[{"price_components": [component]}], **fields)


def bill(id: str, hour: float = 0, owner: tuple[str, str] = VOLT, **fields: Any) -> Document:
    """One kWh, charged in the hour before noon, or so many hours before."""
    start, end = stamp(-60 - 60 * hour), stamp(-1 - 60 * hour)
    named = {"tariff_id": fields.pop("tariff_id", "T1")}
    period = {"start_date_time": start, "dimensions": [{"type": "ENERGY", "volume": 1}]} | named
    given = {"start_date_time": start, "end_date_time": end, "charging_periods": [period], "session_id": f"S-{id}"}
    return cdr(owner, id, DRV, **(given | {"tariffs": [costing(4)], "total_time": Decimal("0.9833")} | fields))


def received(folder: Path, *bills: Document, partner: str = "volt", after: timedelta = timedelta()) -> None:
    """A partner sends these CDRs, so long after noon."""

    async def send(node: Node) -> None:
        from evmesh.store import partners

        for document in bills:
            peer = await node.store.read(lambda tx: partners.by_name(tx, partner))
            assert peer is not None
            said = wire.encode(await say(node, "cdrs", document, "2.2.1"))
            await answer(receiver.handlers(node), call(peer, "cdrs.receiver.post", body=said))

    as_node(folder, send, Clock(NOON + after))


def as_node(folder: Path, work: Callable[[Node], Any], clock: Clock) -> None:
    """What the node did when it ran."""

    async def run() -> None:
        settings = config.load(folder)
        store = await Store.open(settings.database, settings.secret_key, clock=clock)
        try:
            await work(new_node(store, clock, parties=[OurParty("EMSP", *DRV, "Driver AB")]))
        finally:
            await store.close()

    asyncio.run(run())


def befriended(folder: Path) -> None:
    """Two CPOs; volt told its tariff ten hours before noon."""

    async def meet(node: Node) -> None:
        await publish_all(node, ("tokens", token(DRV)))
        volt = await befriend(node, "volt", roles=[("CPO", VOLT)], modules=["cdrs", "tariffs"])
        await befriend(node, "fjord", roles=[("CPO", OTHER)], modules=["cdrs", "tariffs"])
        said = await say(node, "tariffs", costing(4), "2.2.1")
        await answer(tariffs.handlers(node), call(volt, "tariffs.receiver.put", *VOLT, "T1", body=said))

    as_node(folder, meet, Clock(NOON - timedelta(hours=10)))


def left_and_came_back(folder: Path) -> None:
    """fjord was removed, and registered anew under its name."""

    async def happen(node: Node) -> None:
        from evmesh.store import partners

        former = await node.store.read(lambda tx: partners.by_name(tx, "fjord"))
        assert former is not None
        await node.store.write(lambda tx: partners.remove(tx, former.id))
        await befriend(node, "fjord", roles=[("CPO", OTHER)], modules=["cdrs", "tariffs"])

    as_node(folder, happen, Clock(NOON))
