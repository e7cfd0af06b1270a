"""The book of two that charge, credit, invoice, cancel and pay each other in any order: it always balances, a CDR is
billed once, an invoice is worth what it gathered, and what is open is what was billed and not paid."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evmesh.billing import ledger as rules
from evmesh.billing.balance import balances
from evmesh.billing.settings import Billing, Customer
from evmesh.billing.vat import VatRule
from evmesh.ports import Partner
from evmesh.roaming import publish
from evmesh.roaming.cdrs import invoicing
from evmesh.roaming.cdrs.invoicing import Month, Order
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.invoicereconciliation import incoming
from evmesh.roaming.node import Node
from evmesh.store import invoices, ledger
from evmesh.store.database import Store
from evmesh.store.ledger import Posted
from evmesh.store.transaction import Tx
from tests.billing.charges import VOLT
from tests.roaming.calls import EMS, VOLTERA, Clock, befriend, call, cdr, new_node, record

DAY = date(2026, 4, 1)
CUSTOMER = Customer(name="EMS", country="SE", vat_id="SE556677889902", partner="ems")
BILLING = Billing(company=VOLT, customer=[CUSTOMER], vat=[VatRule(category="S", rate=Decimal(25))], line_limit=2)


@dataclass
class Two:
    """We and a partner, each of whom charges the other's drivers. `charged` is what CDRs cost by side and id."""

    node: Node
    partner: Partner
    charged: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    credited: set[tuple[str, str]] = field(default_factory=set)
    listed: list[tuple[str, list[str]]] = field(default_factory=list)

    async def charge(self, side: str, thousandths: int, credit_of: str | None = None) -> None:
        id = f"C{len(self.charged)}"
        net = Decimal(thousandths).scaleb(-3)
        more: dict[str, Any] = {"total_cost": {"before_taxes": net}, "session_id": id}
        if credit_of is not None:
            more |= {"credit": True, "credit_reference_id": credit_of}
        self.charged[side, id] = net
        if side == "payable":
            await self.ask("cdrs.receiver.post", body=cdr(EMS, id, VOLTERA, **more))
        else:
            document = cdr(VOLTERA, id, EMS, **more)
            await self.write(lambda tx: publish.publish(tx, self.node, "cdrs", document, partners=[self.partner]))

    async def credit(self, side: str, which: int) -> None:
        there = [key for key, net in self.charged.items() if net > 0 and key[0] == side and key not in self.credited]
        if there:
            key = there[which % len(there)]
            self.credited.add(key)
            await self.charge(side, -int(self.charged[key].scaleb(3)), key[1])

    async def invoice(self, side: str, which: int) -> None:
        order = Order(
            direction="sale" if side == "receivable" else "self_billing", customer=CUSTOMER, partner=self.partner,
            month=Month(2026, 3), issued_on=DAY, per_session=which % 4 == 0,
        )  # fmt: skip
        await invoicing.run(self.node, BILLING, [order])

    async def mark(self, side: str, which: int) -> None:
        state: invoices.State = "paid" if side == "payable" else "cancelled"
        alive = [each.number for each in await self.issued() if each.state == "issued"]
        if alive:
            number = alive[which % len(alive)]
            await self.write(lambda tx: invoicing.mark(tx, self.node, number, state))

    async def tell(self, side: str, which: int) -> None:
        """The partner invoices some of its CDRs; perhaps one that we do not have, or have an invoice of already."""
        ids = [id for whose, id in self.charged if whose == "payable"][which % 3 :: 1 + which % 2]
        ids = [*ids, "LOST"] if side == "receivable" else ids
        if ids:
            number = f"R{len(self.listed)}"
            self.listed.append((number, ids))
            await self.ask("invoicereconciliation.receiver.post", body=record(EMS, number, *ids))

    async def say(self, side: str, which: int) -> None:
        """What its document says: what its CDRs cost, or something else."""
        if self.listed:
            number, ids = self.listed[which % len(self.listed)]
            net = sum((self.charged.get(("payable", id), Decimal(0)) for id in ids), Decimal(0))
            net = net.quantize(Decimal("0.01")) + (side == "receivable")
            await self.write(
                lambda tx: incoming.say(
                    tx, self.partner, f"INV-{number}", before_taxes=net, after_taxes=net + 1, currency="SEK"
                )
            )

    async def pay(self, side: str, which: int) -> None:
        known = await self.node.store.read(incoming.known)
        if known:
            partner, number = known[which % len(known)]
            if (await self.write(lambda tx: incoming.look_at(tx, partner, number))).said is not None:
                await self.write(lambda tx: incoming.pay(tx, partner, number))

    async def delete(self, side: str, which: int) -> None:
        if self.listed:
            number, _ = self.listed.pop(which % len(self.listed))
            await self.ask("invoicereconciliation.receiver.delete", *EMS, number)

    async def ask(self, operation: str, *path: str, body: Any = None) -> None:
        await all_handlers(self.node)[operation](call(self.partner, operation, *path, body=body))

    async def write(self, run: Callable[[Tx], Any]) -> Any:
        return await self.node.store.write(run)

    async def issued(self) -> list[invoices.Issued]:
        return await self.node.store.read(lambda tx: invoices.listing(tx, limit=1000))

    async def posted(self) -> list[Posted]:
        return await self.node.store.read(lambda tx: list(ledger.entries(tx, self.partner.id)))

    async def is_sound(self) -> None:
        everything = await self.posted()
        by_id = {each.id: each for each in everything}
        assert sum(map(Fraction, rules.balances(each.entry for each in everything).values())) == 0
        counts = [each for each in everything if each.reversed_by is None]
        for each in everything:
            if each.reversed_by is not None:
                assert rules.balances([each.entry, by_id[each.reversed_by].entry]) == {}, "each takes the other back"
                assert each.gathered_by is None
        assert rules.balances(each.entry for each in counts) == rules.balances(each.entry for each in everything)
        gathered = Counter[int]()
        worth: dict[int, Fraction] = {}
        for each in counts:
            if each.gathered_by is not None:
                gathered[each.id] += 1
                worth[each.gathered_by] = worth.get(each.gathered_by, Fraction(0)) + Fraction(rules.owed(each.entry))
        for number, entry in ((each.id, each.entry) for each in counts if each.entry.kind == "invoice"):
            sign = -1 if entry.side == "receivable" else 1
            account: rules.Account = "cdrs_receivable" if entry.side == "receivable" else "cdrs_payable"
            assert worth.pop(number, 0) == sign * Fraction(entry.on(account)), "it is worth what it gathered"
        assert worth == {}, "what gathers counts"
        for side in ("payable", "receivable"):
            charged = sum((net for (whose, _), net in self.charged.items() if whose == side), Decimal(0))
            mine = [
                each
                for each in balances((each.entry for each in counts if not each.gathered_by), DAY)
                if each.side == side
            ]
            assert sum(each.charged for each in mine) == charged
            assert sum(each.open for each in mine) == sum(each.billed - each.paid for each in mine)

    async def is_settled(self) -> None:
        """To do everything again changes nothing."""
        for side in ("receivable", "payable"):
            await self.invoice(side, 1)
        before = await self.posted()
        for side in ("receivable", "payable"):
            await self.invoice(side, 1)
        for partner, number in await self.node.store.read(incoming.known):
            await self.write(partial(incoming.look_at, partner=partner, number=number))
        assert await self.posted() == before


Step = tuple[str, str, int]
STEPS = ("charge", "charge", "credit", "invoice", "mark", "tell", "say", "say", "pay", "delete")
steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.sampled_from(["payable", "receivable"]), st.integers(0, 99_999)), max_size=16
)


async def play(store: Store, played: list[Step]) -> None:
    node = new_node(store, Clock())
    roles = (("EMSP", EMS), ("CPO", EMS))
    two = Two(node, await befriend(node, "ems", "2.3.0", roles, modules=["cdrs", "invoicereconciliation"]))
    # What the official rules say of an invoice is for other tests, and takes its time.
    with patch("evmesh.billing.rules.can_check", lambda: False):
        for name, side, number in played:
            await getattr(two, name)(side, number)
            await two.is_sound()
        await two.is_settled()
        await two.is_sound()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_the_book_always_balances(played: list[Step]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = await Store.open(f"sqlite:///{folder}/book.db", b"a secret key of the settings", clock=Clock())
            try:
                await play(store, played)
            finally:
                await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("seed", [1, 2])
async def test_on_each_database_too(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    sides = ("payable", "receivable")
    await play(store, [(chance.choice(STEPS), chance.choice(sides), chance.randrange(100_000)) for _ in range(25)])
