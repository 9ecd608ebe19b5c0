"""Fixtures of all providers' tests."""

import pytest

from tests.builders.providers import Calls


@pytest.fixture
def calls() -> Calls:
    """Counts the calls of the clients that a test makes."""
    return Calls()
