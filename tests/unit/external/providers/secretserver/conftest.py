"""One server for all tests of this folder."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders.generators import Desk
from tests.builders.providers import PATIENT_SECONDS, Calls, connected, provider_context
from tests.doubles.delinea.secret_server import SecretServer


@pytest.fixture(scope="session")
def running() -> Iterator[SecretServer]:
    with SecretServer() as double:
        yield double


@pytest.fixture
def double(running: SecretServer) -> SecretServer:
    """Return the server without secrets and faults."""
    running.secrets.clear()
    running.calls.clear()
    running.faults.clear()
    return running


def fields(double: SecretServer, **more: Any) -> dict[str, Any]:
    """Return the fields of a store."""
    return {
        "serverURL": double.url,
        "domain": double.domain,
        "username": {"value": double.user},
        "password": {"secretRef": {"name": "login", "key": "password"}},
        **more,
    }


@pytest.fixture
def client(double: SecretServer, calls: Calls) -> Iterator[Any]:
    context = provider_context(Desk(login_password=f"{double.password}\n"), calls=calls, timeout=PATIENT_SECONDS)
    made = connected("secretserver", fields(double), context)
    yield made
    made.close()
