"""The ledger's entries: added, never changed, but for two marks: the invoice that gathered a CDR, and the entry that
took one back.

    post ──▶ it counts ── reverse ──▶ it and its reversal take each other back; what it gathered is free again

Amounts are exact decimals of any length, which no database adds up without rounding: sums are made here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, select, update

from evmesh.billing import ledger
from evmesh.billing.errors import BillingError
from evmesh.billing.ledger import Account, Entry, Posting, Side
from evmesh.store.prepared import Prepared
from evmesh.store.schema import ledger_entries
from evmesh.store.transaction import Tx, insert, now


class BilledAlready(BillingError):
    """A CDR stands on another invoice in the book."""


class Posted(msgspec.Struct, frozen=True):
    """An entry as it stands in the book."""

    id: int
    partner_id: int
    at: datetime
    entry: Entry
    gathered_by: int | None
    reversed_by: int | None = None


_COLUMNS = tuple(
    ledger_entries.c[name]
    for name in (
        "id", "partner_id", "at", "kind", "subject", "currency", "postings", "reference", "day", "gathered_by",
        "reversed_by",
    )
)  # fmt: skip
_ALL = select(*_COLUMNS)
_COUNTS = ledger_entries.c.reversed_by.is_(None)
AT_ONCE = 1000


def post(tx: Tx, partner_id: int, entry: Entry) -> int | None:
    """Add an entry and give its number; None when it is in the book already."""
    posted: int | None = _insert(tx.dialect.name).value(tx, **_values(tx, partner_id, entry))
    return posted


def post_all(tx: Tx, partner_id: int, entries: Sequence[Entry]) -> None:
    """The same for many; those that are in the book already change nothing."""
    if entries:
        statement = insert(tx.dialect.name, ledger_entries).on_conflict_do_nothing(**_ONCE)
        tx.execute(statement, [_values(tx, partner_id, entry) for entry in entries])


def _values(tx: Tx, partner_id: int, entry: Entry, **more: Any) -> dict[str, Any]:
    return {
        "partner_id": partner_id,
        "currency": entry.currency,
        "kind": f"{entry.side} {entry.kind}",
        "subject": entry.subject,
        "reference": entry.reference,
        "day": None if entry.day is None else entry.day.isoformat(),
        "at": now(tx),
        "postings": [[posting.account, posting.amount] for posting in entry.postings],
        **more,
    }


_ONCE: dict[str, Any] = {"index_elements": ["partner_id", "kind", "subject"], "index_where": _COUNTS}


@functools.cache
def _insert(dialect: str) -> Prepared:
    names = ("partner_id", "currency", "kind", "subject", "reference", "day", "at", "postings")
    statement = insert(dialect, ledger_entries).values({name: bindparam(name) for name in names})
    return Prepared(statement.on_conflict_do_nothing(**_ONCE).returning(ledger_entries.c.id))


def reverse(tx: Tx, posted: Posted) -> None:
    """Take an entry back; what it gathered can be gathered anew."""
    book = ledger_entries
    values = _values(tx, posted.partner_id, ledger.reversal(posted.entry), reversed_by=posted.id)
    id = tx.scalars(book.insert().values(values).returning(book.c.id)).one()
    tx.execute(update(book).where(book.c.id == posted.id).values(reversed_by=id, gathered_by=None))
    tx.execute(update(book).where(book.c.gathered_by == posted.id).values(gathered_by=None))


def find(tx: Tx, partner_id: int, side: Side, kind: ledger.Kind, subject: str) -> Posted | None:
    """The entry that counts."""
    row = tx.execute(
        _ALL.where(
            ledger_entries.c.partner_id == partner_id,
            ledger_entries.c.kind == f"{side} {kind}",
            ledger_entries.c.subject == subject,
            _COUNTS,
        )
    ).one_or_none()
    return None if row is None else _posted(row)


def find_all(tx: Tx, partner_id: int, kind: str, subjects: Sequence[str]) -> list[Posted]:
    """Those of the entries that are in the book, and count."""
    mine = ledger_entries.c.partner_id == partner_id, ledger_entries.c.kind == kind, _COUNTS
    found: list[Posted] = []
    for start in range(0, len(subjects), AT_ONCE):
        chunk = list(subjects[start : start + AT_ONCE])
        found += map(_posted, tx.execute(_ALL.where(*mine, ledger_entries.c.subject.in_(chunk))))
    return found


def invoices(tx: Tx) -> list[Posted]:
    """All invoices that count, whoever wrote them."""
    kinds = ("payable invoice", "receivable invoice")
    rows = _ALL.where(ledger_entries.c.kind.in_(kinds), _COUNTS).order_by(ledger_entries.c.id)
    return [_posted(row) for row in tx.execute(rows)]


def payments(tx: Tx, invoice: Posted) -> list[Entry]:
    """What was paid of an invoice."""
    book, entry = ledger_entries.c, invoice.entry
    mine = book.partner_id == invoice.partner_id, book.kind == f"{entry.side} payment", book.reference == entry.subject
    return [_posted(row).entry for row in tx.execute(_ALL.where(*mine, _COUNTS).order_by(book.id))]


def pay(tx: Tx, invoice: Posted, day: date | None = None) -> Decimal:
    """Post the payment of what is open of an invoice, and say how much that was."""
    before = payments(tx, invoice)
    left, entry = ledger.still_open(invoice.entry, before), invoice.entry
    if left:
        number = f"{entry.subject}/{len(before) + 1}"
        amount = Fraction(left)
        post(tx, invoice.partner_id, ledger.payment(entry.side, number, entry.subject, entry.currency, amount, day=day))
    return left


def credits_of(tx: Tx, id: str) -> list[str]:
    """The CDRs of ours, as the book names them, that take back one of that id."""
    book = ledger_entries.c
    return list(
        tx.scalars(select(book.subject).where(book.kind == "receivable cdr", book.reference == id).order_by(book.id))
    )


def entries(tx: Tx, partner_id: int, currency: str | None = None, *, kind: str | None = None) -> Iterator[Posted]:
    """All entries of a partner, oldest first, reversals too. `kind` is one with its side, such as `payable cdr`."""
    conditions: list[ColumnElement[bool]] = []
    if currency is not None:
        conditions.append(ledger_entries.c.currency == currency)
    if kind is not None:
        conditions.append(ledger_entries.c.kind == kind)
    return _entries(tx, partner_id, *conditions)


def not_gathered(tx: Tx, partner_id: int, *, kind: str | None = None) -> Iterator[Posted]:
    """What counts and no invoice has gathered: CDRs that are not billed yet, invoices, payments."""
    conditions: list[ColumnElement[bool]] = [_COUNTS, ledger_entries.c.gathered_by.is_(None)]
    if kind is not None:
        conditions.append(ledger_entries.c.kind == kind)
    return _entries(tx, partner_id, *conditions)


def _entries(tx: Tx, partner_id: int, *conditions: ColumnElement[bool]) -> Iterator[Posted]:
    statement = _ALL.where(ledger_entries.c.partner_id == partner_id, *conditions)
    for row in tx.execute(statement.order_by(ledger_entries.c.id)):
        yield _posted(row)


def gathered(tx: Tx, invoice_id: int) -> set[int]:
    """The entries of the CDRs that an invoice gathered."""
    return set(tx.scalars(select(ledger_entries.c.id).where(ledger_entries.c.gathered_by == invoice_id)))


def gather(tx: Tx, ids: Sequence[int], invoice_id: int) -> None:
    """Mark CDRs as billed by an invoice; BilledAlready when one of them is."""
    marked = 0
    for start in range(0, len(ids), AT_ONCE):
        chunk = list(ids[start : start + AT_ONCE])
        mine = ledger_entries.c.id.in_(chunk), ledger_entries.c.gathered_by.is_(None), _COUNTS
        marked += tx.execute(update(ledger_entries).where(*mine).values(gathered_by=invoice_id)).rowcount
    if marked != len(ids):
        raise BilledAlready(f"{len(ids) - marked} of {len(ids)} CDRs stand on an invoice already")


def balances(tx: Tx, partner_id: int) -> dict[str, dict[Account, Decimal]]:
    """What stands on each account, by currency; together it is nothing in each."""
    by_currency: dict[str, list[Entry]] = {}
    for posted in entries(tx, partner_id):
        by_currency.setdefault(posted.entry.currency, []).append(posted.entry)
    return {currency: ledger.balances(them) for currency, them in sorted(by_currency.items())}


def _posted(row: Iterable[Any]) -> Posted:
    id, partner_id, at, kind, subject, currency, postings, reference, day, gathered_by, reversed_by = row
    side, _, what = kind.partition(" ")
    moved = tuple(Posting(account, Decimal(amount)) for account, amount in postings)
    entry = Entry(side, what, subject, currency, moved, reference, None if day is None else date.fromisoformat(day))
    return Posted(id, partner_id, at, entry, gathered_by, reversed_by)
