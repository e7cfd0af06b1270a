"""Invoices that were issued, which CDRs stand on them, and the documents as they went out.

issue ──▶ issued ── sent ──▶ sent ── paid ──▶ paid
             └──────────────────┴── cancelled: its CDRs may be invoiced anew, its number stays taken

A number is taken in the same transaction that keeps the invoice, so a series has no gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import delete, func, select, update

from evmesh.billing.errors import BillingError
from evmesh.store.schema import invoice_documents, invoiced_cdrs, invoices
from evmesh.store.transaction import Tx, next_change, now, replace

State = Literal["issued", "sent", "paid", "cancelled"]
Side = Literal["partner", "driver"]
"""A CDR is invoiced between the partners, and once more to the driver."""

_NEXT: dict[str, tuple[State, ...]] = {
    "issued": ("sent", "paid", "cancelled"),
    "sent": ("paid", "cancelled"),
    "paid": (),
    "cancelled": (),
}
_CHUNK = 500


class NumberTaken(BillingError):
    """Somebody else took the number meanwhile: ask for the next one."""


class AlreadyInvoiced(BillingError):
    """A CDR stands on an invoice already."""


class NoSuchInvoice(BillingError):
    """There is no invoice of that number."""


class WrongState(BillingError):
    """An invoice cannot go from where it is to there."""


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an invoice without reading the whole."""

    number: str
    type_code: str
    direction: str
    partner_id: int
    other_party: str
    issued_on: str
    period_begin: str
    period_end: str
    currency: str
    net: str
    tax: str
    total: str
    payable: str
    rounding_difference: str
    charges: int


class NewInvoice(Heading, frozen=True, kw_only=True):
    """What `issue` keeps: the whole is its `model`. `count` is its place in its series."""

    series: str
    count: int
    model: str


class Issued(Heading, frozen=True, kw_only=True):
    """An invoice as lists show it."""

    id: int
    state: State
    created_at: datetime
    updated_at: datetime


_ISSUED = tuple(invoices.c[name] for name in Issued.__struct_fields__)


def next_count(tx: Tx, series: str) -> int:
    """The place in the series that the next invoice takes."""
    last = tx.scalars(select(func.max(invoices.c.count)).where(invoices.c.series == series)).one()
    return (last or 0) + 1


def issue(tx: Tx, new: NewInvoice, seqs: Sequence[int], side: Side) -> Issued:
    """Keep an invoice and take its CDRs. Raises NumberTaken and AlreadyInvoiced, and then keeps nothing."""
    if new.count != next_count(tx, new.series) or find(tx, new.number) is not None:
        raise NumberTaken(f"the number {new.number} is taken")
    taken = invoiced(tx, seqs, side)
    if taken:
        raise AlreadyInvoiced(f"{len(taken)} of the CDRs stand on an invoice already")
    next_change(tx)
    moment = now(tx)
    row = msgspec.structs.asdict(new) | {"state": "issued", "created_at": moment, "updated_at": moment}
    id = tx.scalars(invoices.insert().values(row).returning(invoices.c.id)).one()
    tx.execute(invoiced_cdrs.insert(), [{"seq": seq, "side": side, "invoice_id": id} for seq in seqs])
    return _issued(tx, id)


def invoiced(tx: Tx, seqs: Sequence[int], side: Side) -> set[int]:
    """Which of the CDRs stand on an invoice of that side."""
    found: set[int] = set()
    for start in range(0, len(seqs), _CHUNK):
        some = seqs[start : start + _CHUNK]
        found.update(
            tx.scalars(select(invoiced_cdrs.c.seq).where(invoiced_cdrs.c.side == side, invoiced_cdrs.c.seq.in_(some)))
        )
    return found


def of_cdr(tx: Tx, seq: int, side: Side) -> Issued | None:
    """The invoice that a CDR stands on."""
    join = invoices.join(invoiced_cdrs, invoiced_cdrs.c.invoice_id == invoices.c.id)
    row = tx.execute(
        select(*_ISSUED).select_from(join).where(invoiced_cdrs.c.seq == seq, invoiced_cdrs.c.side == side)
    ).one_or_none()
    return None if row is None else Issued(**row._mapping)


def find(tx: Tx, number: str) -> Issued | None:
    row = tx.execute(select(*_ISSUED).where(invoices.c.number == number)).one_or_none()
    return None if row is None else Issued(**row._mapping)


def by_number(tx: Tx, number: str) -> Issued:
    """The invoice of that number; NoSuchInvoice."""
    found = find(tx, number)
    if found is None:
        raise NoSuchInvoice(f"there is no invoice {number}")
    return found


def listing(tx: Tx, *, after_id: int = 0, limit: int = 100) -> list[Issued]:
    """Invoices in the order in which they were issued."""
    statement = select(*_ISSUED).where(invoices.c.id > after_id).order_by(invoices.c.id).limit(limit)
    return [Issued(**row._mapping) for row in tx.execute(statement)]


def model(tx: Tx, id: int) -> str:
    """The whole invoice, as text."""
    found: str = tx.scalars(select(invoices.c.model).where(invoices.c.id == id)).one()
    return found


def move(tx: Tx, number: str, state: State) -> Issued:
    """Say that it was sent, paid or cancelled; WrongState when that cannot follow. A cancelled one frees its CDRs."""
    there = by_number(tx, number)
    if state not in _NEXT[there.state]:
        raise WrongState(f"invoice {number} is {there.state} and cannot become {state}")
    next_change(tx)
    tx.execute(update(invoices).where(invoices.c.id == there.id).values(state=state, updated_at=now(tx)))
    if state == "cancelled":
        tx.execute(delete(invoiced_cdrs).where(invoiced_cdrs.c.invoice_id == there.id))
    return _issued(tx, there.id)


def keep_document(tx: Tx, id: int, format: str, content: bytes) -> None:
    """A document as it is given out from now on."""
    replace(tx, invoice_documents, ("invoice_id", "format"), {"invoice_id": id, "format": format, "content": content})


def document(tx: Tx, id: int, format: str) -> bytes | None:
    """The document that was kept."""
    kept = invoice_documents.c
    found = tx.scalars(select(kept.content).where(kept.invoice_id == id, kept.format == format)).one_or_none()
    return None if found is None else bytes(found)


def _issued(tx: Tx, id: int) -> Issued:
    return Issued(**tx.execute(select(*_ISSUED).where(invoices.c.id == id)).one()._mapping)
