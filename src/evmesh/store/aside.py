"""Objects that a partner sent and that could not be used: kept as they came, with what is wrong about them.

They count as present when a complete list is compared with what we hold, and a person can look at them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import delete, func, select

from evmesh.base.findings import Finding
from evmesh.store.schema import aside
from evmesh.store.transaction import Tx, now


class Aside(msgspec.Struct, frozen=True):
    """`key` is None where even the identity could not be read."""

    id: int
    partner_id: int
    kind: str
    key: str | None
    text: str
    findings: list[Finding]
    at: datetime


_PREPARED = msgspec.json.Decoder(list[Finding])
"""msgspec prepares a type when it is first converted to, and several threads must not do so at once."""


def keep(tx: Tx, partner_id: int, kind: str, key: str | None, text: str, findings: Iterable[Finding]) -> None:
    """Put an object aside, in place of the former one of the same key; without a key, of the same text."""
    same = aside.c.key == key if key is not None else (aside.c.key.is_(None)) & (aside.c.text == text)
    tx.execute(delete(aside).where(aside.c.partner_id == partner_id, aside.c.kind == kind, same))
    found = [msgspec.to_builtins(finding) for finding in findings]
    tx.execute(aside.insert().values(partner_id=partner_id, kind=kind, key=key, text=text, findings=found, at=now(tx)))


def keys(tx: Tx, partner_id: int, kind: str) -> set[str]:
    """The keys of what is aside, where they could be read."""
    statement = select(aside.c.key).where(
        aside.c.partner_id == partner_id, aside.c.kind == kind, aside.c.key.is_not(None)
    )
    return {key for key in tx.scalars(statement) if key is not None}


def listing(tx: Tx, partner_id: int | None = None, kind: str | None = None, limit: int = 100) -> list[Aside]:
    """What is aside, newest first."""
    statement = select(*(aside.c[name] for name in Aside.__struct_fields__))
    if partner_id is not None:
        statement = statement.where(aside.c.partner_id == partner_id)
    if kind is not None:
        statement = statement.where(aside.c.kind == kind)
    rows = tx.execute(statement.order_by(aside.c.id.desc()).limit(limit))
    return [
        Aside(id, of_partner, of_kind, key, text, msgspec.convert(findings, list[Finding]), at)
        for id, of_partner, of_kind, key, text, findings, at in rows
    ]


def count(tx: Tx, partner_id: int, kind: str) -> int:
    statement = select(func.count()).where(aside.c.partner_id == partner_id, aside.c.kind == kind)
    return tx.scalars(statement).one()


def clear(tx: Tx, partner_id: int, kind: str, key: str | None = None) -> None:
    """An object came as it should (`key`), or a complete list begins anew."""
    statement = delete(aside).where(aside.c.partner_id == partner_id, aside.c.kind == kind)
    if key is not None:
        statement = statement.where(aside.c.key == key)
    tx.execute(statement)
