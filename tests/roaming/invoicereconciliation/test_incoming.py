"""Partners' invoices in the ledger: records, amounts and CDRs come in any order, and the book ends the same."""

from decimal import Decimal
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from evmesh.ports import Partner
from evmesh.roaming import publish
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.invoicereconciliation import incoming
from evmesh.roaming.invoicereconciliation.incoming import WRONG_AMOUNT, CannotReconcile, Received
from evmesh.roaming.invoicereconciliation.reconcile import WRONG_CDRS
from evmesh.roaming.node import Node
from evmesh.store import faults, ledger
from tests.roaming.calls import EMS, VOLTERA, befriend, call, cdr, record

FJD = ("NO", "FJD")
NET, GROSS = Decimal(8), Decimal(10)
"""Of two CDRs as `cdr` makes them."""


@pytest.fixture
async def cpo(node: Node) -> Partner:
    return await befriend(node, "fjord", "2.3.0", (("CPO", FJD),))


async def do(node: Node, partner: Partner, operation: str, *path: str, body: Any = None) -> None:
    await all_handlers(node)[operation](call(partner, operation, *path, body=body))


async def charge(node: Node, partner: Partner, id: str, **fields: Any) -> None:
    await do(node, partner, "cdrs.receiver.post", body=cdr(FJD, id, VOLTERA, **fields))


async def tell(node: Node, partner: Partner, id: str, *cdrs: str, **fields: Any) -> None:
    await do(node, partner, "invoicereconciliation.receiver.post", body=record(FJD, id, *cdrs) | fields)


async def say(
    node: Node, partner: Partner, net: Decimal | int = NET, gross: Decimal | int | None = GROSS, **more: Any
) -> Received:
    more |= {"before_taxes": Decimal(net), "after_taxes": None if gross is None else Decimal(gross)}
    number = more.pop("number", "INV-R1")
    return await node.store.write(lambda tx: incoming.say(tx, partner, number, **more))


async def wrong(node: Node) -> set[str]:
    return {each.kind for each in await node.store.read(faults.open_faults) if each.kind in (WRONG_AMOUNT, WRONG_CDRS)}


async def book(node: Node, partner: Partner, currency: str = "SEK") -> dict[str, Decimal]:
    found = (await node.store.read(lambda tx: ledger.balances(tx, partner.id))).get(currency, {})
    return {str(account): amount for account, amount in found.items()}


BILLED = {"costs": Decimal(8), "vat_paid": Decimal(2), "invoices_payable": Decimal(-10)}


async def test_an_invoice_is_posted_and_gathers_the_cdrs_of_its_record(node: Node, cpo: Partner) -> None:
    for id in ("C1", "C2", "LATE"):
        await charge(node, cpo, id)
    await tell(node, cpo, "R1", "c1", "C2")
    assert await book(node, cpo) == {"costs": 12, "cdrs_payable": -12}
    found = await say(node, cpo)
    assert found.agrees
    assert (found.open, found.side, found.number) == (GROSS, "payable", "INV-R1")
    assert await book(node, cpo) == BILLED | {"costs": 12, "cdrs_payable": -4}
    assert await wrong(node) == set()


@pytest.mark.parametrize("order", list(permutations(("CDR", "record", "amounts"))))
async def test_the_order_does_not_matter(node: Node, cpo: Partner, order: tuple[str, ...]) -> None:
    await charge(node, cpo, "C1")
    for what in order:
        if what == "CDR":
            await charge(node, cpo, "C2")
        elif what == "record":
            await tell(node, cpo, "R1", "C1", "C2")
        else:
            await say(node, cpo, currency="SEK", number="inv-r1")
    assert await book(node, cpo) == BILLED
    assert await wrong(node) == set()


async def test_what_is_missing_ends_by_itself_when_it_comes(node: Node, cpo: Partner) -> None:
    await tell(node, cpo, "R1", "C1", "C2")
    await say(node, cpo, currency="SEK")
    assert await wrong(node) == {WRONG_CDRS, WRONG_AMOUNT}
    assert await book(node, cpo) == {"differences": 8, "vat_paid": 2, "invoices_payable": -10}
    await charge(node, cpo, "C1")
    assert await wrong(node) == {WRONG_CDRS, WRONG_AMOUNT}
    await charge(node, cpo, "C2")
    assert await wrong(node) == set()
    assert await book(node, cpo) == BILLED


async def test_the_same_again_changes_nothing_and_another_amount_corrects(node: Node, cpo: Partner) -> None:
    async def posted() -> list[ledger.Posted]:
        return await node.store.read(lambda tx: list(ledger.entries(tx, cpo.id, kind="payable invoice")))

    for id in ("C1", "C2"):
        await charge(node, cpo, id)
    await tell(node, cpo, "R1", "C1", "C2")
    found = await say(node, cpo, 9, 11)
    assert [str(each) for each in found.differences] == [
        "9 SEK before taxes are invoiced, 8 charged: +1 SEK", "11 SEK after taxes are invoiced, 10 charged: +1 SEK",
    ]  # fmt: skip
    assert await wrong(node) == {WRONG_AMOUNT}
    assert await book(node, cpo) == {"costs": 8, "differences": 1, "vat_paid": 2, "invoices_payable": -11}
    before = await posted()
    await say(node, cpo, 9, 11)
    assert await posted() == before
    await say(node, cpo)
    assert await wrong(node) == set()
    assert await book(node, cpo) == BILLED
    assert len(await posted()) == 3, "the first, what takes it back, and the right one"


async def test_half_a_coin_for_each_cdr_is_no_difference(node: Node, cpo: Partner) -> None:
    for id in ("C1", "C2", "C3"):
        await charge(node, cpo, id, total_cost={"before_taxes": Decimal("1.005")})
    await tell(node, cpo, "R1", "C1", "C2", "C3")
    found = await say(node, cpo, Decimal("3.03"), None)
    assert found.agrees
    assert await book(node, cpo) == {
        "costs": Decimal("3.015"), "rounding": Decimal("0.015"), "invoices_payable": Decimal("-3.03"),
    }  # fmt: skip
    assert not (await say(node, cpo, Decimal("3.04"), None)).agrees


async def test_paying_closes_it_and_a_later_correction_opens_the_rest(node: Node, cpo: Partner) -> None:
    for id in ("C1", "C2"):
        await charge(node, cpo, id)
    await tell(node, cpo, "R1", "C1", "C2")
    with pytest.raises(CannotReconcile, match="say first what it amounts to"):
        await node.store.write(lambda tx: incoming.pay(tx, cpo, "INV-R1"))
    await say(node, cpo, 7, 9)
    assert await node.store.write(lambda tx: incoming.pay(tx, cpo, "inv-r1")) == 9
    assert await node.store.write(lambda tx: incoming.pay(tx, cpo, "INV-R1")) == 0
    assert (await say(node, cpo)).open == 1
    assert await node.store.write(lambda tx: incoming.pay(tx, cpo, "INV-R1")) == 1
    assert await book(node, cpo) == {"costs": 8, "vat_paid": 2, "bank": -10}


async def test_a_deleted_record_takes_its_invoice_out_of_the_book(node: Node, cpo: Partner) -> None:
    for id in ("C1", "C2"):
        await charge(node, cpo, id)
    await tell(node, cpo, "R1", "C1", "C2")
    await say(node, cpo, 9, 11)
    await do(node, cpo, "invoicereconciliation.receiver.delete", *FJD, "R1")
    assert await book(node, cpo) == {"costs": 8, "cdrs_payable": -8}
    assert await wrong(node) == set()
    await tell(node, cpo, "R2", "C1", "C2")
    assert (await say(node, cpo, number="INV-R2")).agrees


async def test_a_record_that_names_another_invoice_leaves_the_first_without_its_cdrs(node: Node, cpo: Partner) -> None:
    for id in ("C1", "C2"):
        await charge(node, cpo, id)
    await tell(node, cpo, "R1", "C1", "C2")
    await say(node, cpo)
    await do(
        node, cpo, "invoicereconciliation.receiver.put", *FJD, "R1",
        body=record(FJD, "R1", "C1", "C2", at=1) | {"invoice_id": "INV-X"},
    )  # fmt: skip
    assert await book(node, cpo) == BILLED | {"cdrs_payable": -8, "differences": 8}
    assert (await say(node, cpo, number="INV-X")).agrees


async def test_a_cdr_is_billed_by_one_invoice(node: Node, cpo: Partner) -> None:
    for id in ("C1", "C2"):
        await charge(node, cpo, id)
    await tell(node, cpo, "R1", "C1", "C2")
    await say(node, cpo)
    await tell(node, cpo, "R2", "C2")
    second = await say(node, cpo, 4, 5, number="INV-R2")
    assert (second.agrees, await wrong(node)) == (False, {WRONG_CDRS})
    assert await book(node, cpo) == BILLED | {"differences": 4, "vat_paid": 3, "invoices_payable": -15}
    await do(node, cpo, "invoicereconciliation.receiver.delete", *FJD, "R2")
    assert (await book(node, cpo), await wrong(node)) == (BILLED, set())


async def test_an_invoice_of_several_parties_is_the_sum_of_their_records(node: Node) -> None:
    els = ("DE", "ELS")
    cpo = await befriend(node, "fjord", "2.3.0", (("CPO", FJD), ("CPO", els)))
    for owner in (FJD, els):
        await do(node, cpo, "cdrs.receiver.post", body=cdr(owner, "C1", VOLTERA))
        said = record(owner, "R1", "C1") | {"invoice_id": "INV-R1"}
        await do(node, cpo, "invoicereconciliation.receiver.post", body=said)
    assert (await say(node, cpo)).agrees
    assert await book(node, cpo) == BILLED


async def test_the_invoice_that_a_partner_writes_for_us_is_owed_to_us(node: Node) -> None:
    emsp = await befriend(node, "ems", "2.3.0")
    for each in (cdr(id="C1"), cdr(id="C2")):
        await node.store.write(partial(publish.publish, node=node, kind="cdrs", document=each, partners=[emsp]))
    await do(node, emsp, "invoicereconciliation.receiver.post", body=record(EMS, "R1", "C1", "C2"))
    found = await say(node, emsp)
    assert (found.agrees, found.side) == (True, "receivable")
    assert await book(node, emsp) == {"revenue": -8, "vat_owed": -2, "invoices_receivable": 10}
    await node.store.write(lambda tx: incoming.pay(tx, emsp, "INV-R1"))
    assert await book(node, emsp) == {"revenue": -8, "vat_owed": -2, "bank": 10}


async def test_a_credit_note_gives_back(node: Node, cpo: Partner) -> None:
    await charge(node, cpo, "X1", total_cost={"before_taxes": Decimal(-4)}, credit=True, credit_reference_id="C1")
    await tell(node, cpo, "R1", "X1")
    found = await say(node, cpo, -4, None)
    assert found.agrees
    assert found.open == -4
    assert await book(node, cpo) == {"costs": -4, "invoices_payable": 4}


async def test_a_wrong_currency_is_corrected_by_saying_the_amounts_anew(node: Node, cpo: Partner) -> None:
    for id in ("C1", "C2"):
        await charge(node, cpo, id)
    await tell(node, cpo, "R1", "C1", "C2")
    assert not (await say(node, cpo, currency="EUR")).agrees
    found = await say(node, cpo)
    assert (found.agrees, found.said and found.said.currency) == (True, "SEK")
    assert await book(node, cpo) == BILLED
    assert await wrong(node) == set()


async def test_without_a_record_nothing_is_held_against_it(node: Node, cpo: Partner) -> None:
    await charge(node, cpo, "C1")
    with pytest.raises(CannotReconcile, match="name it"):
        await say(node, cpo, 5, None)
    found = await say(node, cpo, 5, None, currency="SEK", number="B-77")
    assert found.agrees
    assert found.open == 5
    assert await node.store.write(lambda tx: incoming.withdraw(tx, cpo, "b-77"))
    assert not await node.store.write(lambda tx: incoming.withdraw(tx, cpo, "b-77"))
    assert await book(node, cpo) == {"costs": 4, "cdrs_payable": -4}


async def test_a_cdr_of_that_id_that_the_record_does_not_mean_changes_nothing(node: Node, cpo: Partner) -> None:
    other = await befriend(node, "other", "2.3.0", (("CPO", ("DE", "ELS")),))
    await tell(node, cpo, "R1", "C1")
    await do(node, other, "cdrs.receiver.post", body=cdr(("DE", "ELS"), "C1", VOLTERA))
    assert await wrong(node) == {WRONG_CDRS}
