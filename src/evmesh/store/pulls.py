"""When each partner's lists were last pulled, and how that went."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import select

from evmesh.store.schema import pulls
from evmesh.store.transaction import Tx, now, replace

Result = Literal["complete", "broken"]


class Pull(msgspec.Struct, frozen=True):
    """`watermark` is what the next pull may ask for as date_from; a broken pull leaves it where it was. `full_at` is
    when the last complete pull of everything ended. `connection` tells over which connection it went: a partner that
    changes its release, its parties or its URLs is to be pulled anew."""

    partner_id: int
    module: str
    completed_at: datetime
    watermark: datetime | None
    full_at: datetime | None
    connection: str | None
    outcome: str
    detail: str | None


def record(
    tx: Tx,
    partner_id: int,
    module: str,
    outcome: Result,
    *,
    watermark: datetime | None = None,
    full: bool = False,
    connection: str | None = None,
    detail: str | None = None,
) -> Pull:
    """Note a pull that ended; `full` says that it saw everything. Without a `watermark` or a
    `connection` the former one stays."""
    before = get(tx, partner_id, module)
    if watermark is None and before is not None:
        watermark = before.watermark
    if connection is None and before is not None:
        connection = before.connection
    full_at = now(tx) if full else before.full_at if before is not None else None
    pull = Pull(partner_id, module, now(tx), watermark, full_at, connection, outcome, detail)
    replace(tx, pulls, ["partner_id", "module"], msgspec.structs.asdict(pull))
    return pull


def get(tx: Tx, partner_id: int, module: str) -> Pull | None:
    statement = select(*(pulls.c[name] for name in Pull.__struct_fields__))
    row = tx.execute(statement.where(pulls.c.partner_id == partner_id, pulls.c.module == module)).one_or_none()
    return None if row is None else Pull(*row)


def all_pulls(tx: Tx, partner_id: int | None = None) -> list[Pull]:
    statement = select(*(pulls.c[name] for name in Pull.__struct_fields__))
    if partner_id is not None:
        statement = statement.where(pulls.c.partner_id == partner_id)
    return [Pull(*row) for row in tx.execute(statement.order_by(pulls.c.partner_id, pulls.c.module))]
