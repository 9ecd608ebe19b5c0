"""Answers of Vault's engines: how they are asked, what is taken of them, and when it ends."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from external.generators.protocol import Generated
from external.generators.services.vault_dynamic_secret import VAULT_DYNAMIC_SECRETS
from external.providers.protocol import ProviderDenied, ProviderError
from tests.builders.generators import Desk, generate, generator_context, texts
from tests.cluster.serving import Served


class Vault:
    """Answers as it is told, after a login whose token lives an hour; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.answer: tuple[int, Any] = (200, {})
        self._served = Served(self._handle)
        self.url = self._served.start()

    def stop(self) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs, await request.text()))
        if request.path == "/v1/auth/approle/login":
            auth = {"client_token": "hvs.hunter2", "lease_duration": 3600, "renewable": False}
            return web.json_response({"auth": auth})
        status, body = self.answer
        return web.Response(status=status, text=json.dumps(body), content_type="application/json")

    def revoked(self) -> bool:
        return any(path == "/v1/auth/token/revoke-self" for _, path, _ in self.asked)


@pytest.fixture(scope="module")
def running() -> Iterator[Vault]:
    made = Vault()
    yield made
    made.stop()


@pytest.fixture
def vault(running: Vault) -> Vault:
    running.asked.clear()
    running.answer = (200, {"data": {"user": "u", "ttl": 5, "list": ["a", "b"]}})
    return running


async def asked(vault: Vault, **spec: Any) -> Generated:
    login = {"path": "approle", "roleId": "r", "secretRef": {"name": "vault", "key": "id"}}
    provider = {"server": vault.url, "auth": {"appRole": login}}
    context = generator_context(Desk(vault_id="hunter2"))
    return await generate(VAULT_DYNAMIC_SECRETS, context, **{"path": "db/creds/app", "provider": provider, **spec})


async def test_reads_and_writes_are_sent_as_asked(vault: Vault) -> None:
    assert texts(await asked(vault)) == {"user": "u", "ttl": "5", "list": "a\nb"}
    await asked(vault, getParameters={"a": ["1", "2"]}, method="DELETE")
    await asked(vault, method="POST", parameters={"ttl": "1h"}, path="/pki/issue/app")

    sent = [each for each in vault.asked if not each[1].startswith("/v1/auth/")]
    assert sent == [
        ("GET", "/v1/db/creds/app", ""),
        ("DELETE", "/v1/db/creds/app?a=1&a=2", ""),
        ("PUT", "/v1/pki/issue/app", '{"ttl": "1h"}'),
    ]


async def test_the_part_that_is_asked_for_is_taken(vault: Vault) -> None:
    vault.answer = (200, {"auth": {"client_token": "t", "lease_duration": 60}, "data": None, "warnings": None})

    made = await asked(vault, resultType="Auth")
    assert texts(made) == {"client_token": "t", "lease_duration": "60"}
    assert 0 < (made.expires_at or 0) - time.time() <= 60
    assert set(texts(await asked(vault, resultType="Raw"))) == {"auth", "data", "warnings"}
    with pytest.raises(ProviderError, match="the answer holds nothing under Data; or set allowEmptyResponse"):
        await asked(vault)
    assert texts(await asked(vault, allowEmptyResponse=True)) == {}


@pytest.mark.parametrize(
    ("answer", "seconds", "revoked"),
    [
        ({"lease_id": "db/creds/app/x", "lease_duration": 600}, 600, False),
        ({"lease_id": "db/creds/app/x", "lease_duration": 86_400}, 3600, False),
        ({"lease_id": "", "lease_duration": 2_764_800}, None, True),
        ({}, None, True),
    ],
)
async def test_values_end_with_their_lease_or_its_token(
    vault: Vault, answer: Any, seconds: float | None, revoked: bool
) -> None:
    """Vault revokes what has a lease with the token that made it; the token of other values is not left behind."""
    vault.answer = (200, {"data": {"k": "v"}, **answer})

    ends = (await asked(vault)).expires_at

    assert (ends is None) == (seconds is None)
    if ends is not None and seconds is not None:
        assert seconds - 120 < ends - time.time() <= seconds
    assert vault.revoked() == revoked


async def test_a_certificate_ends_when_the_engine_says(vault: Vault) -> None:
    later = int(time.time()) + 7200
    vault.answer = (200, {"data": {"certificate": "c", "expiration": later}})

    assert (await asked(vault)).expires_at == later


@pytest.mark.parametrize(
    ("status", "errors", "said"),
    [
        (403, ["permission denied"], "Vault 127.0.0.1:[0-9]+: DynamicSecret: 403: permission denied"),
        (404, [], "spec.path: Vault 127.0.0.1:[0-9]+: DynamicSecret: 404: nothing is at this path"),
        (500, ["broken"], "DynamicSecret: 500: broken"),
    ],
)
async def test_a_refusal_names_server_and_call(vault: Vault, status: int, errors: list[str], said: str) -> None:
    vault.answer = (status, {"errors": errors})
    with pytest.raises(ProviderError, match=said) as raised:
        await asked(vault)
    assert "hunter2" not in str(raised.value)


async def test_a_path_leads_nowhere_else(vault: Vault) -> None:
    with pytest.raises(ProviderDenied, match="leads out of its engine"):
        await asked(vault, path="db/../sys/seal")


async def test_an_answer_that_is_too_large_is_refused(vault: Vault) -> None:
    vault.answer = (200, {"data": {"k": "x" * 300_000}})
    with pytest.raises(ProviderError, match="256 KiB at most"):
        await asked(vault)
