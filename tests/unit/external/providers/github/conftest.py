"""One GitHub for all tests of this folder."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.builders.generators import Desk
from tests.builders.providers import PATIENT_SECONDS, Calls, connected, provider_context
from tests.doubles.github.actions import Actions

Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def running() -> Iterator[Actions]:
    with Actions() as double:
        yield double


@pytest.fixture
def double(running: Actions) -> Actions:
    """Return the organization without secrets and faults."""
    for place in running.places.values():
        place.clear()
    running.calls.clear()
    running.faults.clear()
    running.revoked.clear()
    running.visible = True
    return running


def fields(double: Actions, **more: Any) -> dict[str, Any]:
    """Return the fields of a store of a repository."""
    return {
        "url": double.url,
        "appID": int(double.app),
        "installationID": int(double.installation),
        "organization": double.organization,
        "repository": double.repository,
        "auth": {"privateKey": {"name": "login", "key": "pem"}},
        **more,
    }


@pytest.fixture
def connect(double: Actions, calls: Calls) -> Iterator[Connect]:
    """Return what connects a store; its fields may be others than those of a repository."""
    made: list[Any] = []

    def connecting(**more: Any) -> Any:
        context = provider_context(Desk(login_pem=double.private_key), calls=calls, timeout=PATIENT_SECONDS)
        made.append(connected("github", fields(double, **more), context))
        return made[-1]

    yield connecting
    for each in made:
        each.close()


@pytest.fixture
def client(connect: Connect) -> Any:
    return connect()
