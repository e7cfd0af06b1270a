"""An open store on each database, with a clock that tests set."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from evmesh.store.database import Store
from evmesh.store.schema import metadata
from tests.postgres import fresh_database

KEY = b"a secret key of the settings"
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class SetClock:
    """Shows the moment that a test has set."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> datetime:
        self.moment += timedelta(seconds=seconds)
        return self.moment


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def shared_postgres_database_url(postgres_url: str) -> Iterator[str]:
    """Making a database takes far longer than emptying one; tests of what is in a store share this one."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, clock: SetClock) -> AsyncIterator[Store]:
    """An empty store. A test that opens a database by itself takes `database_url` instead."""
    urls = {"sqlite": "sqlite_database_url", "postgresql": "shared_postgres_database_url"}
    url = request.getfixturevalue(urls[request.param])
    store = await Store.open(url, KEY, clock=clock)
    yield store
    await store.close()
    if request.param == "postgresql":
        await empty(url)


async def empty(url: str) -> None:
    """As it was when it was made."""
    connection = await asyncpg.connect(url)
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY; INSERT INTO counter VALUES (1, 0)")
    await connection.close()
