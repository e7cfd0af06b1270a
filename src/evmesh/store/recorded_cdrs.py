"""Which CDRs partners' records of invoices list, and which of them we wait for. Ids and invoices' numbers are folded:
they compare without case.

A record's CDRs are written when it comes; a CDR that comes later is noted beside its id.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, delete, select, update

from evmesh.store.prepared import Prepared
from evmesh.store.schema import recorded_cdrs
from evmesh.store.transaction import Tx

_LISTED = recorded_cdrs.c
_AWAITING = Prepared(select(_LISTED.seq).where(_LISTED.folded_id == bindparam("folded_id"), _LISTED.cdr_seq.is_(None)))
_ARRIVED = Prepared(
    update(recorded_cdrs)
    .where(_LISTED.seq == bindparam("record"), _LISTED.folded_id == bindparam("id"))
    .values(cdr_seq=bindparam("cdr"))
)
_LEFT = Prepared(select(_LISTED.seq).where(_LISTED.seq == bindparam("record"), _LISTED.cdr_seq.is_(None)).limit(1))


def keep(tx: Tx, record: int, partner_id: int, invoice: str, cdrs: Mapping[str, int | None]) -> None:
    """What a record lists now, and which CDR each id means (None: we have none)."""
    rows = tx.execute(select(_LISTED.folded_id, _LISTED.cdr_seq).where(_LISTED.seq == record))
    if {row.folded_id: row.cdr_seq for row in rows} == cdrs and invoice_of(tx, record) == invoice:
        return
    forget(tx, record)
    listed = [
        {"seq": record, "folded_id": id, "partner_id": partner_id, "folded_invoice": invoice, "cdr_seq": seq}
        for id, seq in cdrs.items()
    ]
    if listed:
        tx.execute(recorded_cdrs.insert(), listed)


def forget(tx: Tx, record: int) -> None:
    tx.execute(delete(recorded_cdrs).where(_LISTED.seq == record))


def invoice_of(tx: Tx, record: int) -> str | None:
    """The invoice that a record was last told to be of."""
    return tx.scalars(select(_LISTED.folded_invoice).where(_LISTED.seq == record).limit(1)).one_or_none()


def records_of(tx: Tx, partner_id: int, invoice: str) -> list[int]:
    """The records of an invoice."""
    mine = _LISTED.partner_id == partner_id, _LISTED.folded_invoice == invoice
    return list(tx.scalars(select(_LISTED.seq).where(*mine).distinct().order_by(_LISTED.seq)))


def invoices(tx: Tx) -> list[tuple[int, str]]:
    """The partner and the number of each invoice that a record tells of."""
    rows = select(_LISTED.partner_id, _LISTED.folded_invoice).distinct()
    return [(partner_id, invoice) for partner_id, invoice in tx.execute(rows.order_by(*rows.selected_columns))]


def listed(tx: Tx, cdrs: Mapping[int, str]) -> dict[int, str]:
    """Which of the CDRs, by what we hold them as and by their ids, stand on records, and of which invoice."""
    rows = select(_LISTED.cdr_seq, _LISTED.folded_invoice)
    found = tx.execute(rows.where(_LISTED.folded_id.in_({id.casefold() for id in cdrs.values()})))
    return {seq: invoice for seq, invoice in found if seq in cdrs}


def awaiting(tx: Tx, id: str) -> list[int]:
    """The records that list a CDR of that id which we did not have."""
    return [record for (record,) in _AWAITING.rows(tx, folded_id=id.casefold())]


def arrived(tx: Tx, record: int, id: str, cdr_seq: int) -> bool:
    """A CDR that a record waited for is there; False when the record waits for others."""
    _ARRIVED.run(tx, record=record, id=id.casefold(), cdr=cdr_seq)
    return not _LEFT.rows(tx, record=record)


def sharing(tx: Tx, record: int) -> dict[str, list[int]]:
    """The CDRs of a record that other records list too, and which."""
    other = recorded_cdrs.alias()
    joined = recorded_cdrs.join(other, (other.c.folded_id == _LISTED.folded_id) & (other.c.seq != _LISTED.seq))
    found: dict[str, list[int]] = {}
    rows = select(_LISTED.folded_id, other.c.seq).select_from(joined).where(_LISTED.seq == record)
    for id, seq in tx.execute(rows.order_by(other.c.seq)):
        found.setdefault(id, []).append(seq)
    return found
