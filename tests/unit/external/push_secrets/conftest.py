"""The provider in memory."""

import pytest

from tests.builders.push_provider import Remote, install


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    return install(monkeypatch)
