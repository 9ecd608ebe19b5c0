"""Tokens of service accounts, against a server that checks what Cloudsmith's documentation says."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from external.generators.protocol import Generated
from external.generators.registries.cloudsmith_access_token import CLOUDSMITH_ACCESS_TOKENS
from external.providers.protocol import ProviderError
from tests.builders.generators import generate, texts
from tests.doubles.cloudsmith import Cloudsmith


@pytest.fixture(scope="module")
def cloudsmith() -> Iterator[Cloudsmith]:
    with Cloudsmith() as running:
        yield running


async def token(cloudsmith: Cloudsmith, **spec: Any) -> Generated:
    named = {"orgSlug": cloudsmith.organization, "serviceSlug": cloudsmith.service, "apiUrl": cloudsmith.url}
    return await generate(CLOUDSMITH_ACCESS_TOKENS, **{**named, "serviceAccountRef": {"name": "builder"}, **spec})


async def test_the_login_of_a_service_account(cloudsmith: Cloudsmith) -> None:
    generated = await token(cloudsmith, apiUrl=f"{cloudsmith.url}/")

    login = base64.b64encode(f"token:{cloudsmith.token}".encode()).decode()
    assert texts(generated) == {"auth": login, "expiry": str(cloudsmith.ends)}
    assert generated.expires_at == cloudsmith.ends


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"serviceSlug": "other"}, "ExchangeToken: 401: check orgSlug, serviceSlug and its provider settings"),
        ({"serviceAccountRef": {"name": "other"}}, "ExchangeToken: 401"),
        ({"orgSlug": "../acme"}, "ExchangeToken: 404"),
        ({"apiUrl": "http://169.254.169.254"}, "may not reach the server's address"),
    ],
)
async def test_a_refusal_names_the_fields_and_no_token(cloudsmith: Cloudsmith, spec: Any, said: str) -> None:
    with pytest.raises(ProviderError, match=said) as raised:
        await token(cloudsmith, **spec)
    assert "token-of" not in str(raised.value)


async def test_a_token_without_an_end_is_not_taken(cloudsmith: Cloudsmith, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudsmith, "token", "hunter2")
    with pytest.raises(ProviderError, match="the token does not say when it ends") as raised:
        await token(cloudsmith)
    assert "hunter2" not in str(raised.value)
