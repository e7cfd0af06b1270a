"""Invoices as they are kept: numbers without gaps, and a CDR on one of them at most."""

import asyncio
from typing import Any

import pytest

from evmesh.store import invoices
from evmesh.store.database import Store
from evmesh.store.invoices import AlreadyInvoiced, NewInvoice, NoSuchInvoice, NumberTaken, WrongState
from tests.store.conftest import NOON, SetClock


def new(count: int, **more: Any) -> NewInvoice:
    given: dict[str, Any] = {
        "number": f"INV-{count}", "series": "INV-{number}", "count": count, "type_code": "380", "direction": "sale",
        "partner_id": 1, "other_party": "drive", "issued_on": "2026-06-01", "period_begin": "2026-05-01",
        "period_end": "2026-05-31", "currency": "EUR", "net": "4.47", "tax": "1.12", "total": "5.59", "payable": "5.59",
        "rounding_difference": "0.0083", "charges": 1, "model": "{}",
    }  # fmt: skip
    return NewInvoice(**(given | more))


async def issued(store: Store, count: int, *seqs: int, side: invoices.Side = "partner", **more: Any) -> invoices.Issued:
    return await store.write(lambda tx: invoices.issue(tx, new(count, **more), seqs, side))


async def test_an_invoice_is_kept(store: Store) -> None:
    kept = await issued(store, 1, 7, 8)
    assert (kept.number, kept.state, kept.net, kept.created_at) == ("INV-1", "issued", "4.47", NOON)
    assert await store.read(lambda tx: invoices.by_number(tx, "INV-1")) == kept
    assert await store.read(lambda tx: invoices.invoiced(tx, [6, 7, 8], "partner")) == {7, 8}
    assert await store.read(lambda tx: invoices.of_cdr(tx, 8, "partner")) == kept
    assert await store.read(lambda tx: invoices.model(tx, kept.id)) == "{}"


async def test_numbers_follow_each_other(store: Store) -> None:
    assert await store.read(lambda tx: invoices.next_count(tx, "INV-{number}")) == 1
    await issued(store, 1, 1)
    assert await store.read(lambda tx: invoices.next_count(tx, "INV-{number}")) == 2
    for count in (1, 3):
        with pytest.raises(NumberTaken):
            await issued(store, count, 2)
    assert await store.read(lambda tx: invoices.next_count(tx, "another {number}")) == 1
    with pytest.raises(NumberTaken):
        await issued(store, 1, 2, series="another {number}")


async def test_of_many_at_once_one_takes_a_number(store: Store) -> None:
    found = await asyncio.gather(*(issued(store, 1, seq) for seq in range(8)), return_exceptions=True)
    assert sum(isinstance(each, invoices.Issued) for each in found) == 1
    assert sum(isinstance(each, NumberTaken) for each in found) == 7


async def test_a_cdr_stands_on_one_invoice_of_a_side(store: Store) -> None:
    await issued(store, 1, 7)
    with pytest.raises(AlreadyInvoiced):
        await issued(store, 2, 7, 8)
    assert await store.read(lambda tx: invoices.invoiced(tx, range(1200), "partner")) == {7}
    assert await store.read(lambda tx: invoices.next_count(tx, "INV-{number}")) == 2, "nothing was kept"
    await issued(store, 2, 7, side="driver")


async def test_its_life(store: Store, clock: SetClock) -> None:
    await issued(store, 1, 7)
    clock.forward(60)
    assert (await store.write(lambda tx: invoices.move(tx, "INV-1", "sent"))).updated_at == clock()
    assert (await store.write(lambda tx: invoices.move(tx, "INV-1", "paid"))).state == "paid"
    with pytest.raises(WrongState, match="is paid and cannot become cancelled"):
        await store.write(lambda tx: invoices.move(tx, "INV-1", "cancelled"))
    with pytest.raises(NoSuchInvoice):
        await store.write(lambda tx: invoices.move(tx, "INV-2", "sent"))


async def test_one_that_is_cancelled_frees_its_cdrs_but_not_its_number(store: Store) -> None:
    await issued(store, 1, 7)
    await store.write(lambda tx: invoices.move(tx, "INV-1", "cancelled"))
    again = await issued(store, 2, 7)
    assert await store.read(lambda tx: invoices.of_cdr(tx, 7, "partner")) == again


async def test_documents_are_kept(store: Store) -> None:
    kept = await issued(store, 1, 7)
    assert await store.read(lambda tx: invoices.document(tx, kept.id, "pdf")) is None
    for content in (b"%PDF\x00\xff", b"%PDF anew"):
        await store.write(lambda tx, c=content: invoices.keep_document(tx, kept.id, "pdf", c))  # type: ignore[misc]
        assert await store.read(lambda tx: invoices.document(tx, kept.id, "pdf")) == content


async def test_a_listing(store: Store) -> None:
    await issued(store, 1, 1)
    await issued(store, 2, 2, partner_id=2, direction="self_billing")

    async def numbers(**filters: Any) -> list[str]:
        return [each.number for each in await store.read(lambda tx: invoices.listing(tx, **filters))]

    assert await numbers() == ["INV-1", "INV-2"]
    assert await numbers(after_id=1) == ["INV-2"]
    assert await numbers(limit=1) == ["INV-1"]
