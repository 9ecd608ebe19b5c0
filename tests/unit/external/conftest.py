"""The external module over an API in memory."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.external.bench import Bench


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Return a bench whose threads end with the test."""
    for name in ("GATHER", "LULL"):
        monkeypatch.setattr(f"external.pace.{name}", 0.001)  # seconds of the real clock, which nobody here looks at
    made = Bench()
    yield made
    await made.close()
