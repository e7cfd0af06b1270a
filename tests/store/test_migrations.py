"""The schema is made, upgraded and recognised; the quick road and Alembic's lead to the same."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from evmesh.billing import ledger as rules
from evmesh.store import ledger, migrations, objects, recorded_cdrs
from evmesh.store.database import Store, postgresql_dsn
from evmesh.store.errors import SchemaTooNew
from evmesh.store.migrations import HEAD, migrate, upgrade, version_of
from evmesh.store.postgresql import _engine
from evmesh.store.schema import counter, metadata
from tests.store.conftest import KEY
from tests.store.objects_to_keep import put

ROOT = Path(__file__).parents[2]


def in_memory(run: Callable[[Connection], Any]) -> Any:
    engine = create_engine("sqlite://")
    with engine.begin() as tx:
        return run(tx)


def schema_after(run: Callable[[Connection], None]) -> Callable[[Connection], dict[str, str]]:
    def statements(tx: Connection) -> dict[str, str]:
        run(tx)
        rows = tx.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"))
        return {row.name: row.sql for row in rows}

    return statements


def test_both_roads_lead_to_the_same_schema_in_sqlite() -> None:
    assert in_memory(schema_after(migrate)) == in_memory(schema_after(lambda tx: upgrade(tx, None)))


async def test_alembics_road_leads_to_the_tables_in_postgresql(postgres_database_url: str) -> None:
    def differences(tx: Connection) -> list[Any]:
        upgrade(tx, None)
        assert version_of(tx) == HEAD
        assert tx.scalars(counter.select().with_only_columns(counter.c.value)).all() == [0]
        return list(compare_metadata(MigrationContext.configure(tx), metadata))

    engine = _engine(postgresql_dsn(postgres_database_url) or "")
    async with engine.begin() as tx:
        assert await tx.run_sync(differences) == []
    await engine.dispose()


def at_0003(tx: Connection) -> None:
    """A database as it was, with an entry of the ledger and a partner's record of an invoice."""
    config = Config()
    config.set_main_option("script_location", "evmesh.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    command.upgrade(config, "0003")
    posted = "7, 1, 'SEK', 'payable cdr', 'C1', '2026-03-01T12:00:00.000000Z'"
    tx.execute(
        text(
            f"INSERT INTO ledger_entries (id, partner_id, currency, kind, subject, at, postings) VALUES ({posted}, :p)"
        ),
        {"p": json.dumps([["costs", 4], ["cdrs_payable", -4]])},
    )
    columns = (
        "seq, kind, partner_id, country_code, party_id, id, key, last_updated, change, document, release, owner, "
        "folded_id, first_change"
    )
    held = "9, 'invoicereconciliation', 1, 'SE', 'VLT', 'R', 'SE*VLT*r', '2026-03-01T12:00:00.000000Z', 1, :d, '2.3.0'"
    tx.execute(
        text(f"INSERT INTO objects ({columns}) VALUES ({held}, 'SE*VLT', 'r', 1)"),
        {"d": json.dumps({"invoice_id": "INV-1", "cdrs": ["C1", "c1", "C2"]})},
    )


async def upgraded(database_url: str) -> Store:
    if (dsn := postgresql_dsn(database_url)) is None:
        with create_engine(database_url).begin() as tx:
            at_0003(tx)
    else:
        engine = _engine(dsn)
        async with engine.begin() as connection:
            await connection.run_sync(at_0003)
        await engine.dispose()
    return await Store.open(database_url, KEY)


async def test_what_was_posted_before_stays_in_the_book(database_url: str) -> None:
    """The table of the ledger was made anew once."""
    store = await upgraded(database_url)
    entry = rules.cdr("payable", "C1", "SEK", Fraction(4))
    found = await store.read(lambda tx: ledger.find(tx, 1, "payable", "cdr", "C1"))
    assert found is not None
    assert (found.id, found.entry) == (7, entry)
    assert await store.write(lambda tx: ledger.post(tx, 1, entry)) is None, "it is posted once"
    new = await store.write(lambda tx: ledger.post(tx, 2, entry))
    assert new is not None
    assert new > 7
    await store.close()


async def test_records_of_invoices_that_came_before_are_known(database_url: str) -> None:
    store = await upgraded(database_url)
    assert await store.read(recorded_cdrs.invoices) == [(1, "inv-1")]
    assert await store.read(lambda tx: recorded_cdrs.awaiting(tx, "C1")) == [9]
    assert await store.read(lambda tx: recorded_cdrs.awaiting(tx, "C2")) == [9]
    await store.close()


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_opening_again_keeps_what_is_there(database_url: str) -> None:
    for number in range(3):
        store = await Store.open(database_url, KEY)
        await store.write(put(f"L{number}"))
        assert len(await store.read(lambda tx: objects.listing(tx, "locations"))) == number + 1
        await store.close()


async def test_many_open_a_new_database_at_once(database_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(database_url, KEY) for _ in range(4)))
    await asyncio.gather(*(store.write(put(f"L{number}")) for number, store in enumerate(stores)))
    assert len(await stores[0].read(lambda tx: objects.listing(tx, "locations"))) == 4
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_database_of_a_newer_evmesh_is_refused(database_url: str) -> None:
    store = await Store.open(database_url, KEY)
    await store.write(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    await store.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await Store.open(database_url, KEY)


@pytest.mark.parametrize("times", [1, 2], ids=["empty", "at the head"])
def test_alembic_is_not_imported_unless_there_is_something_to_upgrade(sqlite_database_url: str, times: int) -> None:
    """It costs more than a node's start may."""
    program = (
        "import asyncio, sys; from evmesh.store.database import Store\n"
        f"async def main(): await (await Store.open({sqlite_database_url!r}, b'key')).close()\n"
        f"for _ in range({times}): asyncio.run(main())\n"
        "sys.exit('alembic' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == 0
