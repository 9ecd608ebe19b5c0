"""One project for all tests of this folder."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders.generators import Desk
from tests.builders.providers import PATIENT_SECONDS, Calls, connected, provider_context
from tests.doubles.scaleway import Scaleway


@pytest.fixture(scope="session")
def running() -> Iterator[Scaleway]:
    with Scaleway() as double:
        yield double


@pytest.fixture
def double(running: Scaleway) -> Scaleway:
    """Return the project without secrets and faults."""
    running.found.clear()
    running.calls.clear()
    running.faults.clear()
    return running


def fields(double: Scaleway, **more: Any) -> dict[str, Any]:
    """Return the fields of a store."""
    return {
        "apiUrl": double.url,
        "region": double.region,
        "projectId": double.project,
        "accessKey": {"value": double.access_key},
        "secretKey": {"secretRef": {"name": "login", "key": "secret"}},
        **more,
    }


@pytest.fixture
def client(double: Scaleway, calls: Calls) -> Iterator[Any]:
    desk = Desk(login_secret=f"{double.secret_key}\n")
    made = connected("scaleway", fields(double), provider_context(desk, calls=calls, timeout=PATIENT_SECONDS))
    yield made
    made.close()
