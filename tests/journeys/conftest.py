"""A market for each test: the platforms that it starts are stopped at its end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.platforms import Market


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    market = Market(tmp_path)
    yield market
    await market.close()
