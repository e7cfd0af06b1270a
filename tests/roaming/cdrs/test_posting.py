"""What CDRs of ours put into the ledger: once for whoever pays them, and nothing where nobody does."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.ports import Document, Partner
from evmesh.roaming import importing, publish
from evmesh.roaming.cdrs import posting
from evmesh.roaming.importing import Candidate
from evmesh.roaming.node import Node
from evmesh.store import ledger, partners
from tests.billing import charges
from tests.roaming.calls import EMS, VOLTERA, befriend, cdr

ELSE = ("DE", "ELS")


@pytest.fixture
async def emsp(node: Node) -> Partner:
    return await befriend(node)


async def hold(node: Node, document: Document, *partners: Partner) -> None:
    await node.store.write(lambda tx: publish.publish(tx, node, "cdrs", document, partners=partners))


async def posted(node: Node, partner: Partner, kind: str = "receivable cdr") -> dict[str, Decimal]:
    found = await node.store.read(lambda tx: list(ledger.not_gathered(tx, partner.id, kind=kind)))
    return {each.entry.subject: each.entry.on("revenue").copy_negate() for each in found}


def costing(net: Any) -> Document:
    return {"total_cost": {"before_taxes": net}}


async def test_a_cdr_of_ours_is_owed_by_the_partner_whose_token_it_was(node: Node, emsp: Partner) -> None:
    for _ in range(2):
        await hold(node, cdr(id="C1", **costing(Decimal("4.005"))), emsp)
    assert await posted(node, emsp) == {"SE*VLT*C1": Decimal("4.005")}


async def test_it_is_posted_for_a_partner_that_is_told_nothing(node: Node, emsp: Partner) -> None:
    await hold(node, cdr(id="C1"))
    assert list(await posted(node, emsp)) == ["SE*VLT*C1"]


async def test_partners_at_hand_are_not_looked_up(node: Node, emsp: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every CDR of ours comes this way."""
    monkeypatch.setattr(partners, "all_partners", None)
    await hold(node, cdr(id="C1"), emsp)
    assert list(await posted(node, emsp)) == ["SE*VLT*C1"]


async def test_a_credit_takes_back_what_was_owed(node: Node, emsp: Partner) -> None:
    await hold(node, cdr(id="C1", **costing(4)), emsp)
    await hold(node, cdr(id="X1", credit=True, credit_reference_id="C1", **costing(-4)), emsp)
    assert await posted(node, emsp) == {"SE*VLT*C1": 4, "SE*VLT*X1": -4}
    assert await node.store.read(lambda tx: ledger.balances(tx, emsp.id)) == {"SEK": {}}


@pytest.mark.parametrize("driver", [VOLTERA, ELSE], ids=["a driver of our own", "a token of nobody that we know"])
async def test_what_no_partner_pays_is_not_posted(node: Node, emsp: Partner, driver: tuple[str, str]) -> None:
    await hold(node, cdr(id="C1", driver=driver), emsp)
    assert await posted(node, emsp) == {}


async def test_what_costs_nothing_is_not_posted(node: Node, emsp: Partner) -> None:
    await hold(node, cdr(id="C1", **costing(0)), emsp)
    await hold(node, cdr(id="C2", **costing(None)), emsp)
    assert await posted(node, emsp) == {}


async def test_imported_cdrs_are_posted_and_a_better_one_takes_the_place_of_the_first(
    node: Node, emsp: Partner
) -> None:
    for minute, net in enumerate((4, 5, 5)):
        document = cdr(id="C1", at=minute, **costing(net))
        imported = await importing.take(node, "cdrs", [Candidate("item 1", document)])
        assert imported.refused == 0, imported.findings
    assert await posted(node, emsp) == {"SE*VLT*C1": 5}
    assert (await node.store.read(lambda tx: ledger.balances(tx, emsp.id)))["SEK"]["revenue"] == -5
    await hold(node, cdr(id="C1", at=9, **costing(0)), emsp)
    assert await posted(node, emsp) == {}


async def test_each_partner_owes_its_own(node: Node, emsp: Partner) -> None:
    other = await befriend(node, "other", roles=(("EMSP", ELSE),))
    for id, driver in (("C1", EMS), ("C2", ELSE)):
        await hold(node, cdr(id=id, driver=driver), emsp, other)
    assert list(await posted(node, emsp)) == ["SE*VLT*C1"]
    assert list(await posted(node, other)) == ["SE*VLT*C2"]


async def test_what_was_posted_before_a_partner_came_back_is_billed_and_counts_once(node: Node, emsp: Partner) -> None:
    await hold(node, cdr(id="C1", **costing(4)), emsp)
    await node.store.write(lambda tx: partners.remove(tx, emsp.id))
    back = await befriend(node)
    made = charges.invoice(charges.cdr(1, "4", id="C1", currency="SEK"))

    await node.store.write(lambda tx: posting.invoiced(tx, back.id, made))

    assert await node.store.read(lambda tx: ledger.balances(tx, emsp.id)) == {"SEK": {}}
    assert (await node.store.read(lambda tx: ledger.balances(tx, back.id)))["SEK"]["revenue"] == -4

    await node.store.write(lambda tx: partners.remove(tx, back.id))
    again = await befriend(node)
    with pytest.raises(ledger.BilledAlready, match=r"SE\*VLT\*C1 on INV-2026-00001"):
        await node.store.write(lambda tx: posting.invoiced(tx, again.id, made))
