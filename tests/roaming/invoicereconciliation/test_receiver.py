"""Records that partners push, and what they are compared with."""

from typing import Any

import pytest

from evmesh.ocpi.status_codes import InvalidParameter, NotFound
from evmesh.ports import Answer, Document, Partner
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.invoicereconciliation import reconcile
from evmesh.roaming.node import Node
from evmesh.roaming.publish import publish
from evmesh.store import faults, objects
from evmesh.store.objects import Held
from tests.roaming.calls import EMS, VOLTERA, Clock, befriend, call, cdr, data, record

POST = "invoicereconciliation.receiver.post"
PUT = "invoicereconciliation.receiver.put"
GET = "invoicereconciliation.receiver.get"
DELETE = "invoicereconciliation.receiver.delete"
FJD = ("NO", "FJD")


@pytest.fixture
async def cpo(node: Node) -> Partner:
    return await befriend(node, "fjord", "2.3.0", (("CPO", FJD),))


async def do(node: Node, partner: Partner, operation: str, *path: str, body: Any = None) -> Answer:
    return await all_handlers(node)[operation](call(partner, operation, *path, body=body))


async def charged(node: Node, partner: Partner, *ids: str, **fields: Any) -> None:
    for id in ids:
        await do(node, partner, "cdrs.receiver.post", body=cdr(FJD, id, VOLTERA, **fields))


async def wrong(node: Node, kind: str = reconcile.WRONG_CDRS) -> list[str]:
    return [each.detail for each in await node.store.read(lambda tx: faults.open_faults(tx, kind=kind))]


async def held(node: Node) -> list[Held]:
    return await node.store.read(lambda tx: objects.listing(tx, "invoicereconciliation", theirs=True))


async def test_a_posted_record_can_be_read_as_it_was_said(node: Node, cpo: Partner) -> None:
    said = record(FJD, "R1", "C1", surprise=1)
    assert (await do(node, cpo, POST, body=said)).status_code == 1000
    assert data(await do(node, cpo, GET, *FJD, "R1")) == said
    assert data(await do(node, cpo, GET, "no", "fjd", "r1")) == said


async def test_the_same_record_again_is_no_news(node: Node, cpo: Partner) -> None:
    await do(node, cpo, POST, body=record(FJD))
    first = await held(node)
    assert (await do(node, cpo, POST, body=record(FJD))).status_code == 1000
    assert await held(node) == first


async def test_a_put_changes_the_list_and_an_older_one_nothing(node: Node, cpo: Partner) -> None:
    await do(node, cpo, POST, body=record(FJD, "R1", "C1"))
    await do(node, cpo, PUT, *FJD, "R1", body=record(FJD, "R1", "C1", "C2", at=2))
    await do(node, cpo, PUT, *FJD, "R1", body=record(FJD, "R1", "C3", at=1))
    assert data(await do(node, cpo, GET, *FJD, "R1"))["cdrs"] == ["C1", "C2"]


async def test_a_deleted_record_is_gone_and_so_is_what_was_wrong_with_it(node: Node, cpo: Partner) -> None:
    await do(node, cpo, POST, body=record(FJD))
    assert await wrong(node) == ["1 of 1 CDRs are not known here: C1"]
    await do(node, cpo, DELETE, *FJD, "R1")
    assert await wrong(node) == []
    for operation in (GET, DELETE):
        with pytest.raises(NotFound):
            await do(node, cpo, operation, *FJD, "R1")


@pytest.mark.parametrize("cdrs", [[], None, [""]])
async def test_a_record_without_a_cdr_is_refused(node: Node, cpo: Partner, cdrs: Any) -> None:
    for operation, path in ((POST, ()), (PUT, (*FJD, "R1"))):
        with pytest.raises(InvalidParameter, match="/cdrs"):
            await do(node, cpo, operation, *path, body=record(FJD) | {"cdrs": cdrs})
    assert await held(node) == []


async def test_ids_of_credit_cdrs_have_39_characters(node: Node, cpo: Partner) -> None:
    long = "C" * 36 + "-CR"
    await charged(node, cpo, long)
    await do(node, cpo, POST, body=record(FJD, "R1", long))
    assert data(await do(node, cpo, GET, *FJD, "R1"))["cdrs"] == [long]
    assert await wrong(node) == []


async def test_cdrs_that_are_missing_or_doubled_are_named_until_all_is_well(
    node: Node, cpo: Partner, clock: Clock
) -> None:
    await charged(node, cpo, "C1")
    await do(node, cpo, POST, body=record(FJD, "R1", "C1", "C2", "c1"))
    assert await wrong(node) == ["1 of 3 CDRs are not known here: C2; listed twice: c1"]
    await charged(node, cpo, "C2")
    await do(node, cpo, PUT, *FJD, "R1", body=record(FJD, "R1", "C1", "C2", at=1))
    assert await wrong(node) == []
    await do(node, cpo, POST, body=record(FJD, "R2", "C2"))
    assert await wrong(node) == ["on another invoice too: C2 (INV-R1)"]


async def test_only_the_listed_cdrs_count_whatever_their_dates(node: Node, cpo: Partner) -> None:
    await charged(node, cpo, "C1", "C2")
    await charged(node, cpo, "LATE", at=500)
    await do(node, cpo, POST, body=record(FJD, "R1", "C1", "C2"))
    (one,) = await held(node)
    comparison, _ = await node.store.write(lambda tx: reconcile.look_at(tx, cpo, one))
    assert comparison.sums["SEK"].before_taxes == 8
    assert comparison.sums["SEK"].after_taxes == 10


async def test_another_partners_cdr_of_that_id_is_not_meant(node: Node, cpo: Partner) -> None:
    other = await befriend(node, "other", "2.3.0", (("CPO", ("DE", "ELS")),))
    await do(node, other, "cdrs.receiver.post", body=cdr(("DE", "ELS"), "C1", VOLTERA))
    await do(node, cpo, POST, body=record(FJD, "R1", "C1"))
    assert await wrong(node) == ["1 of 1 CDRs are not known here: C1"]


async def test_reverse_billing_lists_our_cdrs(node: Node) -> None:
    emsp = await befriend(node, "ems", "2.3.0")
    mine: list[Document] = [cdr(id="C1"), cdr(id="C2", driver=("SE", "ELS"))]
    for each in mine:
        await node.store.write(lambda tx, each=each: publish(tx, node, "cdrs", each, partners=[]))
    await do(node, emsp, POST, body=record(EMS, "R1", "C1", "C2"))
    assert await wrong(node) == ["1 of 2 CDRs are not known here: C2"]
