"""Fixtures for every test: databases of both kinds, the event loop, the reference material."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from evmesh.store.schema import metadata
from tests.postgres import GIVEN_SERVER, PostgresUnavailable, fresh_database, running_server
from tests.shared import MISSING, SHARED


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server, given or ours. Ours is not durable; `tests.postgres.running_server` can be."""
    if given := os.environ.get(GIVEN_SERVER):
        yield given
        return
    try:
        with running_server() as server:
            yield server.url
    except PostgresUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def postgres_database_url(postgres_url: str) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def sqlite_database_url(tmp_path: Path) -> str:
    """An empty SQLite database of this test's own; the file does not exist yet."""
    return f"sqlite:///{tmp_path / 'evmesh.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind in turn: what the store promises holds on both."""
    wanted = {"sqlite": "sqlite_database_url", "postgresql": "postgres_database_url"}[request.param]
    url: str = request.getfixturevalue(wanted)
    return url


@pytest.fixture(scope="session")
def shared_postgres_database_url(postgres_url: str) -> Iterator[str]:
    """Making a database takes far longer than emptying one; tests of what is in a store share this one."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def store_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """For an empty store of each kind in turn. A test that minds who made the database takes `database_url`."""
    urls = {"sqlite": "sqlite_database_url", "postgresql": "shared_postgres_database_url"}
    url: str = request.getfixturevalue(urls[request.param])
    yield url
    if request.param == "postgresql":
        await emptied(url)


async def emptied(url: str) -> None:
    """As it was when it was made."""
    connection = await asyncpg.connect(url)
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY; INSERT INTO counter VALUES (1, 0)")
    await connection.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(MISSING)
    return SHARED
