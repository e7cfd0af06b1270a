"""Records that we publish with our invoices: who sees them, and what partners are told."""

from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ports import Partner, Push
from evmesh.roaming import publish, versions
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.invoicereconciliation.sender import NothingInvoiced, publish_record, record_id, retract_record
from evmesh.roaming.node import Node
from evmesh.store import deliveries
from evmesh.store.deliveries import Delivery
from tests.roaming.calls import EMS, MODULES, VOLTERA, Clock, befriend, call, cdr, data, stamp

RECORDS = "invoicereconciliation"
LIST = "invoicereconciliation.sender.list"
ELSE = ("DE", "ELS")


@pytest.fixture
async def emsp(node: Node) -> Partner:
    return await befriend(node, "ems", "2.3.0", modules=[*MODULES, RECORDS])


async def ours(node: Node, id: str, **fields: Any) -> int:
    document = cdr(id=id, **fields)
    return (await node.store.write(lambda tx: publish.publish(tx, node, "cdrs", document, partners=[]))).seq


async def invoice(node: Node, partner: Partner, *seqs: int, number: str = "INV-1") -> None:
    await node.store.write(lambda tx: publish_record(tx, node, number, seqs, partner))


async def listed(node: Node, partner: Partner, **query: str) -> list[Any]:
    found: list[Any] = data(await all_handlers(node)[LIST](call(partner, LIST, query=query)))
    return found


async def told(node: Node, clock: Clock, partner: Partner) -> list[Push]:
    """What the partner is told now; it takes everything."""
    rows: list[Delivery] = await node.store.write(lambda tx: deliveries.due(tx, clock(), 10, 60, set()))
    found = []
    for row in rows:
        push = await publish.prepare(node, partner, row, patch_allowed=True)
        if push is not None:
            found.append(push)
            await node.store.write(
                lambda tx, row=row, push=push: deliveries.delivered(tx, row.id, push.change, push.told)
            )
    return found


async def test_a_new_record_is_posted_a_changed_one_put_and_an_error_deleted(
    node: Node, clock: Clock, emsp: Partner
) -> None:
    one, two = await ours(node, "C1"), await ours(node, "C2")

    await invoice(node, emsp, one)
    (posted,) = await told(node, clock, emsp)
    assert (posted.operation, posted.path) == ("invoicereconciliation.receiver.post", {})
    assert wire.decode(posted.body or b"") == {
        "country_code": "SE", "party_id": "VLT", "id": "INV-1", "invoice_id": "INV-1", "cdrs": ["C1"],
        "last_updated": stamp(),
    }  # fmt: skip

    await invoice(node, emsp, one)
    assert await told(node, clock, emsp) == []

    clock.forward(60)
    await invoice(node, emsp, one, two)
    (put,) = await told(node, clock, emsp)
    path = {"country_code": "SE", "party_id": "VLT", "id": "INV-1"}
    assert (put.operation, put.path) == ("invoicereconciliation.receiver.put", path)
    assert wire.decode(put.body or b"")["cdrs"] == ["C1", "C2"]

    assert await node.store.write(lambda tx: retract_record(tx, node, "INV-1")) == 1
    (gone,) = await told(node, clock, emsp)
    assert (gone.operation, gone.path, gone.body) == ("invoicereconciliation.receiver.delete", path, None)
    assert await listed(node, emsp) == []


async def test_a_record_is_seen_by_whom_the_invoice_is_for_alone(node: Node, emsp: Partner) -> None:
    other = await befriend(node, "other", "2.3.0", (("EMSP", ELSE), ("CPO", ELSE)), modules=[*MODULES, RECORDS])
    await invoice(node, emsp, await ours(node, "C1"))
    assert [each["id"] for each in await listed(node, emsp)] == ["INV-1"]
    assert await listed(node, other) == []


async def test_the_list_has_a_window_and_pages(node: Node, clock: Clock, emsp: Partner) -> None:
    for number in range(3):
        await invoice(node, emsp, await ours(node, f"C{number}"), number=f"INV-{number}")
        clock.forward(60)
    assert [each["id"] for each in await listed(node, emsp, date_from=stamp(1), date_to=stamp(2))] == ["INV-1"]
    answer = await all_handlers(node)[LIST](call(emsp, LIST, query={"limit": "2"}))
    assert answer.page is not None
    assert (answer.page.total, len(data(answer))) == (3, 2)


async def test_reverse_billing_is_of_our_party_whose_token_was_used(node: Node, clock: Clock) -> None:
    cpo = await befriend(node, "fjord", "2.3.0", (("CPO", ("NO", "FJD")),), modules=[*MODULES, RECORDS])
    document = cdr(("NO", "FJD"), "C9", VOLTERA)
    await all_handlers(node)["cdrs.receiver.post"](call(cpo, "cdrs.receiver.post", body=document))
    held = await node.store.read(lambda tx: publish.objects.listing(tx, "cdrs", theirs=True))
    await invoice(node, cpo, held[0].seq, number="SB-1")
    (posted,) = await told(node, clock, cpo)
    assert wire.decode(posted.body or b"")["party_id"] == "VLT"


async def test_each_of_our_parties_has_its_own_record(node: Node, emsp: Partner) -> None:
    one, two = await ours(node, "C1"), await ours(node, "C2", owner=("NO", "NRD"))
    await invoice(node, emsp, one, two)
    found = {(each["party_id"], *each["cdrs"]) for each in await listed(node, emsp)}
    assert found == {("VLT", "C1"), ("NRD", "C2")}


async def test_what_is_not_between_us_is_not_told(node: Node, emsp: Partner) -> None:
    with pytest.raises(NothingInvoiced, match="not one of ems"):
        await invoice(node, emsp, await ours(node, "C1", driver=ELSE))
    with pytest.raises(NothingInvoiced, match="no CDR stands"):
        await invoice(node, emsp)
    with pytest.raises(NothingInvoiced, match="no CDR 999"):
        await invoice(node, emsp, 999)


@pytest.mark.parametrize("release", ["2.1.1", "2.2.1"])
async def test_older_releases_have_no_records(node: Node, clock: Clock, release: str) -> None:
    partner = await befriend(node, "old", release, modules=[*MODULES])
    await invoice(node, partner, await ours(node, "C1"))
    assert await told(node, clock, partner) == []
    offered = versions.endpoints(node, partner, partner.dialect)
    assert RECORDS not in {each["identifier"] for each in offered}


async def test_a_credit_cdr_with_a_long_id_can_be_told(node: Node, clock: Clock, emsp: Partner) -> None:
    long = "C" * 36 + "-CR"
    await invoice(node, emsp, await ours(node, long))
    (posted,) = await told(node, clock, emsp)
    assert wire.decode(posted.body or b"")["cdrs"] == [long]


def test_a_record_is_named_like_its_invoice_where_that_fits() -> None:
    assert record_id("INV-2026-00017") == "INV-2026-00017"
    long = record_id("I" * 37)
    assert len(long) == 36
    assert long == record_id("I" * 37) != record_id("I" * 38)
    assert EMS != ELSE
