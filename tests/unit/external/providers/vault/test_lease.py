"""How long a lease lives, by the answers of a server; tests/e2e/test_vault_leases.py asks a real one."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from external.providers.support.egress import EgressPolicy
from external.providers.vault.connection import Connection, Server
from external.providers.vault.lease import LONGEST_SECONDS, Lease
from external.providers.vault.login import Login
from manager.core.secret_value import SecretValue
from tests.cluster.serving import Served


class Leases:
    """Answers renewals with at most so many seconds, or with a status."""

    def __init__(self) -> None:
        self.most, self.status = 3000, 200
        self.asked: list[tuple[str, Any]] = []
        self._served = Served(self._handle)
        url = self._served.start()
        server = Server(url, "", "", {}, None, None, "Vault")
        login = Login(token=SecretValue(b"hunter2"))
        self.connection = Connection(server, login, EgressPolicy(everything=True), lambda *_: None, 5)

    def stop(self) -> None:
        self.connection.close()
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append((request.path, body))
        if self.status != 200:
            return web.json_response({"errors": ["permission denied"]}, status=self.status)
        return web.json_response({"lease_duration": min(self.most, body.get("increment", 0))})


@pytest.fixture
def leases() -> Iterator[Leases]:
    made = Leases()
    yield made
    made.stop()


def lease(leases: Leases, **answer: Any) -> Lease | None:
    return Lease.of(leases.connection, {"lease_id": "a/b", "lease_duration": 600, "renewable": True, **answer})


def test_the_maximum_is_asked_for_once(leases: Leases) -> None:
    found = lease(leases)
    assert found is not None

    assert [body["increment"] for _, body in leases.asked] == [LONGEST_SECONDS, 600]
    assert 2990 < found.max_end - time.time() <= 3000
    assert 1990 < found.rotate_at - time.time() <= 2000
    assert found.renewable
    assert 590 < (found.renewed() or 0) - time.time() <= 600


@pytest.mark.parametrize(
    "answer", [{"lease_id": ""}, {"lease_id": None}, {"lease_duration": 0}, {"lease_duration": "1h"}]
)
def test_an_answer_without_a_lease_has_none(leases: Leases, answer: Any) -> None:
    assert lease(leases, **answer) is None
    assert leases.asked == []


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_may_not_be_renewed_is_replaced(leases: Leases, status: int) -> None:
    leases.status = status
    found = lease(leases)
    assert found is not None

    assert not found.renewable
    assert 590 < found.max_end - time.time() <= 600
    assert found.renewed() is None


def test_a_lease_that_cannot_be_renewed_is_not_asked_about(leases: Leases) -> None:
    found = lease(leases, renewable=False)
    assert found is not None

    assert (found.renewable, leases.asked) == (False, [])


def test_a_lease_at_its_maximum_is_replaced(leases: Leases) -> None:
    leases.most = 600
    found = lease(leases)
    assert found is not None
    assert not found.renewable
