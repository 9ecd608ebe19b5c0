"""The HTTP server of a module's tests."""

from collections.abc import Iterator

import pytest
from aiohttp import web

from tests.unit.external.providers.webhook.test_client import Site


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    made = Site()
    yield made
    made.stop()


@pytest.fixture
def site(running: Site) -> Site:
    running.asked.clear()
    running.calls.clear()
    running.answer = lambda _: web.Response(text="value")
    return running
