"""The double of Google, once a module."""

from collections.abc import Iterator

import pytest

from tests.conformance.providers.google import GoogleSubject


@pytest.fixture(scope="module")
def running() -> Iterator[GoogleSubject]:
    made = GoogleSubject()
    yield made
    made.stop()


@pytest.fixture
def google(running: GoogleSubject) -> GoogleSubject:
    """The double without secrets, and clients of it."""
    api = running.google.secret_manager
    api.secrets.clear()
    api.calls.clear()
    api.denied.clear()
    running.calls.clear()
    return running
