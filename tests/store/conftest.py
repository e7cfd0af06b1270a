"""An open store on each database, with a clock that tests set."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from evmesh.store.database import Store

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


@pytest.fixture
async def store(store_url: str, clock: SetClock) -> AsyncIterator[Store]:
    """An empty store. A test that opens a database by itself takes `database_url` instead."""
    store = await Store.open(store_url, KEY, clock=clock)
    yield store
    await store.close()
