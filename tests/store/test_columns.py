"""Moments and JSON come back as they went in, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select

from evmesh.store import commands
from evmesh.store.database import Store
from evmesh.store.schema import commands as table


async def kept(store: Store, id: str, request: dict[str, Any], expires_at: datetime | None) -> commands.Command:
    def run(tx: Connection) -> commands.Command | None:
        commands.insert(tx, id, "sent", 1, "X", request, state="s", expires_at=expires_at)
        return commands.get(tx, id)

    found = await store.write(run)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 7, 1, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-7, minutes=-30))),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        None,
    ],
)
async def test_moments_keep_every_microsecond(store: Store, moment: datetime | None) -> None:
    assert (await kept(store, "c", {}, moment)).expires_at == moment


async def test_moments_are_in_order(store: Store) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    moments = [
        noon + timedelta(microseconds=1),
        noon,
        noon.astimezone(timezone(timedelta(hours=2))) + timedelta(hours=-1),
    ]
    for number, moment in enumerate(moments):
        await kept(store, str(number), {}, moment)
    statement = select(table.c.id).order_by(table.c.expires_at)
    assert await store.read(lambda tx: list(tx.scalars(statement))) == ["2", "1", "0"]


async def test_numbers_in_documents_are_exact(store: Store) -> None:
    document = {"a": Decimal("1.10"), "b": 10**25, "c": Decimal("0.1234567890123456789"), "d": [None, True, "ö"]}
    found = (await kept(store, "c", document, None)).request
    assert found == document
    assert str(found["a"]) == "1.10"
