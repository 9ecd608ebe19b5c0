"""One Connect server for all tests of this folder."""

from collections.abc import Iterator
from typing import Any

import pytest

from external.providers.onepassword import connect
from external.providers.support.call_saving.daily_budget import DailyBudgets
from tests.builders.generators import Desk
from tests.builders.providers import PATIENT_SECONDS, Calls, connected, provider_context
from tests.doubles.onepassword import OnePassword


@pytest.fixture(scope="session")
def running() -> Iterator[OnePassword]:
    with OnePassword() as server:
        yield server


@pytest.fixture
def server(running: OnePassword, monkeypatch: pytest.MonkeyPatch) -> OnePassword:
    """Return the server with two empty vaults."""
    fresh = OnePassword()
    for name in ("vaults", "items", "files", "calls"):
        setattr(running, name, getattr(fresh, name))
    running.faults.clear()
    running.vault("first")
    running.vault("second")
    monkeypatch.setattr(connect, "BUDGETS", DailyBudgets())
    return running


def fields(server: OnePassword, **more: Any) -> dict[str, Any]:
    """Return the fields of a store."""
    auth = {"secretRef": {"connectTokenSecretRef": {"name": "op", "key": "token"}}}
    return {"connectHost": server.url, "vaults": {"second": 2, "first": 1}, "auth": auth, **more}


@pytest.fixture
def client(server: OnePassword, calls: Calls) -> Iterator[Any]:
    desk = Desk(op_token=f"{server.token}\n")
    made = connected("onepassword", fields(server), provider_context(desk, calls=calls, timeout=PATIENT_SECONDS))
    yield made
    made.close()
