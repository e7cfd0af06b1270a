"""Sessions of partners that no CDR has followed yet."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from evmesh.store.schema import cdr_verdicts, objects
from evmesh.store.transaction import Tx


def sessions_without_cdr(tx: Tx, partner_id: int) -> Iterator[str]:
    """Their documents, whatever their status. A CDR names its Session's id; ids compare without case."""
    session, cdr = objects.c, cdr_verdicts.c
    followed = select(cdr.seq).where(cdr.partner_id == session.partner_id, cdr.session == session.folded_id)
    mine = session.kind == "sessions", session.partner_id == partner_id, session.absent_since.is_(None)
    yield from tx.scalars(select(session.document).where(*mine, ~followed.exists()).order_by(session.seq))
