"""CDRs of one kWh that a CPO sends, and the verdicts that they get."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from evmesh.ocpi import wire
from evmesh.ports import Document, Partner
from evmesh.roaming.cdrs import receiver
from evmesh.roaming.cdrs.judge import suspicious
from evmesh.roaming.node import Node
from evmesh.roaming.tariffs import receiver as tariffs
from evmesh.store import objects, verdicts
from evmesh.store.verdicts import Verdict
from tests.roaming.calls import VOLTERA, answer, call, cdr, say, stamp, tariff

CPO = ("DE", "CPO")


async def tell_tariff(node: Node, partner: Partner, price: float, *, at: float) -> None:
    said = await say(node, "tariffs", costing(price, at=at), "2.2.1")
    await answer(tariffs.handlers(node), call(partner, "tariffs.receiver.put", *CPO, "T1", body=said))


def costing(price: float, *, at: float = -180) -> Document:
    component = {"type": "ENERGY", "price": price, "vat": 25, "step_size": 1}
    return tariff(CPO, at=at, elements=[{"price_components": [component]}])


def bill(id: str = "C1", net: Any = 4, **fields: Any) -> Document:
    """A CDR for one kWh."""
    period = {"start_date_time": stamp(-60), "dimensions": [{"type": "ENERGY", "volume": 1}], "tariff_id": "T1"}
    money = {"before_taxes": Decimal(str(net)), "taxes": [{"name": "VAT", "amount": Decimal(str(net)) / 4}]}
    given = {"tariffs": [costing(4)], "charging_periods": [period], "total_cost": money, "session_id": "S1"}
    return cdr(CPO, id, VOLTERA, **(given | fields))


async def send(node: Node, partner: Partner, document: Document) -> Verdict:
    said = wire.encode(await say(node, "cdrs", document, "2.2.1"))
    await answer(receiver.handlers(node), call(partner, "cdrs.receiver.post", body=said))

    def run(tx: Any) -> Verdict | None:
        return verdicts.get(tx, objects.find(tx, "cdrs", document["id"])[0].seq)

    found = await node.store.read(run)
    assert found is not None
    return found


def codes(verdict: Verdict) -> set[str]:
    return {finding["code"] for finding in suspicious(verdict.report)}
