"""What is wrong now, and what was: a fault is opened once however often it is noticed, and closed when it is over.

open_fault ──▶ open ── close_fault ──▶ closed
                └── noticed again: the detail is renewed, the time of opening stays
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select, update

from evmesh.store.prepared import Prepared
from evmesh.store.schema import faults
from evmesh.store.transaction import Tx, next_change, now


class Fault(msgspec.Struct, frozen=True):
    """`kind` and `subject` are its identity, such as ("delivery_doubtful", "cdrs SE*VLT*17")."""

    id: int
    kind: str
    subject: str
    partner_id: int | None
    detail: str
    opened_at: datetime
    closed_at: datetime | None


_FAULT = tuple(faults.c[name] for name in Fault.__struct_fields__)
_OPEN = update(faults).where(
    faults.c.kind == bindparam("of_kind"), faults.c.subject == bindparam("of_subject"), faults.c.closed_at.is_(None)
)
_NEW = Prepared(
    faults.insert().values(
        {name: bindparam(name) for name in ("kind", "subject", "partner_id", "detail", "opened_at")}
        | {"closed_at": None}
    )
)
_NOTICE = Prepared(_OPEN.values(detail=bindparam("newer")))
_CLOSE = Prepared(_OPEN.values(closed_at=bindparam("at")))


def open_fault(tx: Tx, kind: str, subject: str, detail: str, *, partner_id: int | None = None) -> bool:
    """True if this is news; a fault that is open already only gets the newer detail."""
    if _NOTICE.run(tx, of_kind=kind, of_subject=subject, newer=detail):
        return False
    next_change(tx)
    _NEW.run(tx, kind=kind, subject=subject, partner_id=partner_id, detail=detail, opened_at=now(tx))
    return True


def close_fault(tx: Tx, kind: str, subject: str) -> bool:
    """True if it was open."""
    ended = bool(_CLOSE.run(tx, of_kind=kind, of_subject=subject, at=now(tx)))
    if ended:
        next_change(tx)
    return ended


def open_faults(tx: Tx, *, kind: str | None = None, partner_id: int | None = None) -> list[Fault]:
    """What is wrong now, oldest first."""
    statement = select(*_FAULT).where(faults.c.closed_at.is_(None))
    if kind is not None:
        statement = statement.where(faults.c.kind == kind)
    if partner_id is not None:
        statement = statement.where(faults.c.partner_id == partner_id)
    return [Fault(*row) for row in tx.execute(statement.order_by(faults.c.opened_at, faults.c.id))]


def history(tx: Tx, limit: int = 100) -> list[Fault]:
    """Open and closed, newest first."""
    statement = select(*_FAULT).order_by(faults.c.opened_at.desc(), faults.c.id.desc()).limit(limit)
    return [Fault(*row) for row in tx.execute(statement)]
