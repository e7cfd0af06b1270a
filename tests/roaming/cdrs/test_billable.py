"""Which CDRs an invoice takes, where either side may write it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from evmesh.billing.settings import Billing, Customer
from evmesh.billing.vat import VatRule
from evmesh.ports import Party
from evmesh.roaming import publish
from evmesh.roaming.cdrs import invoicing
from evmesh.roaming.cdrs.invoicing import Month, Order, Result
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.node import Node
from tests.billing.charges import VOLT
from tests.roaming.calls import EMS, VOLTERA, befriend, call, cdr, record

CUSTOMER = Customer(name="EMS", country="SE", vat_id="SE556677889902", partner="ems")
BILLING = Billing(company=VOLT, customer=[CUSTOMER], vat=[VatRule(category="S", rate=Decimal(25))])
DIRECTIONS = {"self_billing": EMS, "sale": VOLTERA}


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_what_stands_on_a_partners_record_is_not_invoiced_by_us(node: Node, direction: str) -> None:
    owner: Party = DIRECTIONS[direction]
    partner = await befriend(node, "ems", "2.3.0", (("CPO", EMS), ("EMSP", EMS)))

    async def ask(operation: str, *path: str, body: object = None) -> None:
        await all_handlers(node)[operation](call(partner, operation, *path, body=body))

    for id in ("C1", "C2"):
        if direction == "sale":
            document = cdr(VOLTERA, id, EMS)
            await node.store.write(
                lambda tx, document=document: publish.publish(tx, node, "cdrs", document, partners=[partner])
            )
        else:
            await ask("cdrs.receiver.post", body=cdr(EMS, id, VOLTERA))
    await ask("invoicereconciliation.receiver.post", body=record(EMS, "R1", "c1", "LOST"))

    async def run() -> Result:
        order = Order(
            direction=direction, customer=CUSTOMER, partner=partner, month=Month(2026, 3), issued_on=date(2026, 4, 1)
        )  # fmt: skip
        return await invoicing.run(node, BILLING, [order], dry=True)

    result = await run()
    assert result.left_out == [(f"{'*'.join(owner)}*C1", "it stands on the partner's own invoice INV-R1")]
    assert [row.key for made in result.drafts for row in made.rows] == [f"{'*'.join(owner)}*C2"]
    await ask("invoicereconciliation.receiver.delete", *EMS, "R1")
    assert (await run()).left_out == []
