"""The ledger's entries: added, never changed, but for the mark of the invoice that gathered a CDR.

Amounts are exact decimals of any length, which no database adds up without rounding: sums are made here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from evmesh.billing import ledger
from evmesh.billing.ledger import Account, Entry, Posting, Side
from evmesh.store.prepared import Prepared
from evmesh.store.schema import ledger_entries
from evmesh.store.transaction import Tx, insert, now


class Posted(msgspec.Struct, frozen=True):
    """An entry as it stands in the book."""

    id: int
    partner_id: int
    at: datetime
    entry: Entry
    gathered_by: int | None


_COLUMNS = tuple(
    ledger_entries.c[name]
    for name in ("id", "partner_id", "at", "kind", "subject", "currency", "postings", "reference", "gathered_by")
)
_ALL = select(*_COLUMNS)
AT_ONCE = 1000


def post(tx: Tx, partner_id: int, entry: Entry) -> int | None:
    """Add an entry and give its number; None when it is in the book already."""
    posted: int | None = _insert(tx.dialect.name).value(
        tx,
        partner_id=partner_id,
        currency=entry.currency,
        kind=f"{entry.side} {entry.kind}",
        subject=entry.subject,
        reference=entry.reference,
        at=now(tx),
        postings=[[posting.account, posting.amount] for posting in entry.postings],
    )
    return posted


@functools.cache
def _insert(dialect: str) -> Prepared:
    names = ("partner_id", "currency", "kind", "subject", "reference", "at", "postings")
    statement = insert(dialect, ledger_entries).values({name: bindparam(name) for name in names})
    return Prepared(
        statement.on_conflict_do_nothing(index_elements=["partner_id", "kind", "subject"]).returning(
            ledger_entries.c.id
        )
    )


def find(tx: Tx, partner_id: int, side: Side, kind: ledger.Kind, subject: str) -> Posted | None:
    row = tx.execute(
        _ALL.where(
            ledger_entries.c.partner_id == partner_id,
            ledger_entries.c.kind == f"{side} {kind}",
            ledger_entries.c.subject == subject,
        )
    ).one_or_none()
    return None if row is None else _posted(row)


def entries(tx: Tx, partner_id: int, currency: str | None = None, *, kind: str | None = None) -> Iterator[Posted]:
    """All entries of a partner, oldest first. `kind` is one with its side, such as `payable cdr`."""
    statement = _ALL.where(ledger_entries.c.partner_id == partner_id)
    if currency is not None:
        statement = statement.where(ledger_entries.c.currency == currency)
    if kind is not None:
        statement = statement.where(ledger_entries.c.kind == kind)
    for row in tx.execute(statement.order_by(ledger_entries.c.id)):
        yield _posted(row)


def not_gathered(tx: Tx, partner_id: int, currency: str, side: Side) -> list[Posted]:
    """CDRs that no invoice has gathered yet."""
    found = entries(tx, partner_id, currency, kind=f"{side} cdr")
    return [posted for posted in found if posted.gathered_by is None]


def gather(tx: Tx, ids: Sequence[int], invoice_id: int) -> None:
    """Mark CDRs as billed by an invoice. ValueError when one of them is billed already."""
    marked = 0
    for start in range(0, len(ids), AT_ONCE):
        chunk = list(ids[start : start + AT_ONCE])
        mine = ledger_entries.c.id.in_(chunk), ledger_entries.c.gathered_by.is_(None)
        marked += tx.execute(update(ledger_entries).where(*mine).values(gathered_by=invoice_id)).rowcount
    if marked != len(ids):
        raise ValueError(f"{len(ids) - marked} of {len(ids)} CDRs stand on an invoice already")


def balances(tx: Tx, partner_id: int) -> dict[str, dict[Account, Decimal]]:
    """What stands on each account, by currency; together it is nothing in each."""
    by_currency: dict[str, list[Entry]] = {}
    for posted in entries(tx, partner_id):
        by_currency.setdefault(posted.entry.currency, []).append(posted.entry)
    return {currency: ledger.balances(them) for currency, them in sorted(by_currency.items())}


def _posted(row: Iterable[Any]) -> Posted:
    id, partner_id, at, kind, subject, currency, postings, reference, gathered_by = row
    side, _, what = kind.partition(" ")
    moved = tuple(Posting(account, Decimal(amount)) for account, amount in postings)
    return Posted(id, partner_id, at, Entry(side, what, subject, currency, moved, reference), gathered_by)
