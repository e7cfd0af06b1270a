"""Disputes about CDRs; which steps there are is `billing.dispute`'s."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from evmesh.billing.dispute import ENDS, Dispute, Step
from evmesh.store.prepared import Prepared
from evmesh.store.schema import cdr_verdicts, disputes
from evmesh.store.transaction import Tx, next_change
from evmesh.store.verdicts import Verdict

_FIELDS = Dispute.__struct_fields__
_DISPUTE = select(*(disputes.c[name] for name in _FIELDS))
_ALIVE = tuple(disputes.c.state != state for state in ENDS)
_OF_CDR = Prepared(_DISPUTE.where(disputes.c.seq == bindparam("seq"), *_ALIVE).order_by(disputes.c.id))
# One that awaits the CDR that bills the same session anew, or, without a session's id, the same charge.
_AWAITING = (
    _DISPUTE.join(cdr_verdicts, cdr_verdicts.c.seq == disputes.c.seq)
    .where(
        # As an expression, or every CDR that comes in would be held against all that were credited and not rebilled.
        disputes.c.state.concat("") == "credited",
        disputes.c.partner_id == bindparam("partner_id"),
        disputes.c.seq != bindparam("seq"),
    )
    .order_by(disputes.c.id)
)
_OF_SESSION = Prepared(
    _AWAITING.where(
        cdr_verdicts.c.partner_id == bindparam("partner_id"), cdr_verdicts.c.session == bindparam("session")
    )
)
_OF_CHARGE = Prepared(
    _AWAITING.where(cdr_verdicts.c.token == bindparam("token"), cdr_verdicts.c.start == bindparam("start"))
)


def insert(tx: Tx, dispute: Dispute) -> Dispute:
    """Keep a new dispute and give it its number."""
    next_change(tx)
    values = {name: value for name, value in _row(dispute).items() if name != "id"}
    id = tx.execute(disputes.insert().values(values).returning(disputes.c.id)).scalar_one()
    return msgspec.structs.replace(dispute, id=id)


def update(tx: Tx, dispute: Dispute) -> None:
    next_change(tx)
    tx.execute(disputes.update().where(disputes.c.id == dispute.id).values(_row(dispute)))


def get(tx: Tx, id: int) -> Dispute | None:
    row = tx.execute(_DISPUTE.where(disputes.c.id == id)).one_or_none()
    return None if row is None else _dispute(row)


def alive(tx: Tx, seq: int) -> Dispute | None:
    """The dispute about that CDR that has not ended."""
    row = _OF_CDR.row(tx, seq=seq)
    return None if row is None else _dispute(row)


def awaiting(tx: Tx, verdict: Verdict) -> Dispute | None:
    """The dispute that waits for this CDR: its own was taken back, and this one bills the same session or charge."""
    mine = {"partner_id": verdict.partner_id, "seq": verdict.seq}
    row = None
    if verdict.session is not None:
        row = _OF_SESSION.row(tx, session=verdict.session, **mine)
    elif verdict.token is not None:
        row = _OF_CHARGE.row(tx, token=verdict.token, start=verdict.start, **mine)
    return None if row is None else _dispute(row)


def listing(tx: Tx, *, partner_id: int | None = None, ended: bool = True) -> list[Dispute]:
    """Disputes, the one whose deadline is nearest first."""
    statement = _DISPUTE
    if partner_id is not None:
        statement = statement.where(disputes.c.partner_id == partner_id)
    if not ended:
        statement = statement.where(*_ALIVE)
    return [_dispute(row) for row in tx.execute(statement.order_by(disputes.c.deadline, disputes.c.id))]


def _row(dispute: Dispute) -> dict[str, Any]:
    row = {name: getattr(dispute, name) for name in _FIELDS}
    return row | {
        "claimed": None if dispute.claimed is None else f"{dispute.claimed:f}",
        "expected": None if dispute.expected is None else f"{dispute.expected:f}",
        "history": [msgspec.to_builtins(step) for step in dispute.history],
    }


def _dispute(row: Iterable[Any]) -> Dispute:
    values = dict(zip(_FIELDS, row, strict=True))
    for name in ("claimed", "expected"):
        values[name] = None if values[name] is None else Decimal(values[name])
    values["history"] = tuple(Step(**step) for step in values["history"])
    return Dispute(**values)
