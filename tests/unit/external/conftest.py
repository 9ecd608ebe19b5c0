"""The external module over an API in memory."""

from collections.abc import AsyncIterator

import pytest

from tests.builders.external_module import ExternalModule


@pytest.fixture(autouse=True)
def no_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for others who may ask too: that would be seconds of the real clock."""
    for name in ("ALONE_SECONDS", "LULL_SECONDS", "LULL_FRACTION"):
        monkeypatch.setattr(f"external.reading.request_times.{name}", 0.0)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ExternalModule]:
    """Return a bench whose threads end with the test."""
    for name in ("BATCH_WINDOW_SECONDS", "LULL_SECONDS"):
        monkeypatch.setattr(
            f"external.reading.rate_limit.{name}", 0.001
        )  # seconds of the real clock, which nobody here looks at
    made = ExternalModule()
    yield made
    await made.close()
