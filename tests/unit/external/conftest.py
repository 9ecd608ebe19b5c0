"""The external module over an API in memory."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.external.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Return a bench whose threads end with the test."""
    made = Bench()
    yield made
    await made.close()
