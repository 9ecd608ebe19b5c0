"""Logins of ECR: private registries by moto, public ones by a server that answers as AWS documents it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from external.generators.protocol import Generated
from external.generators.registries.ecr_authorization_token import ECR_AUTHORIZATION_TOKENS
from external.providers.protocol import ProviderError
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generate, generator_context, texts
from tests.cluster.moto import Moto
from tests.cluster.serving import Served

REF = {"accessKeyIDSecretRef": {"name": "aws", "key": "id"}, "secretAccessKeySecretRef": {"name": "aws", "key": "key"}}
ENDS = 1_893_456_000
TARGET = "SpencerFrontendService.GetAuthorizationToken"


async def login(**spec: Any) -> Generated:
    desk = Desk(aws_id="AKIAUNIT", aws_key="hunter2")
    whole = {"region": "eu-west-1", "auth": {"secretRef": REF}, **spec}
    return await generate(ECR_AUTHORIZATION_TOKENS, generator_context(desk, timeout=20.0), **whole)


async def test_the_login_of_a_private_registry(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ECR_ENDPOINT", moto.url)
    generated = await login()

    made = texts(generated)
    assert (made["username"], set(made)) == ("AWS", {"username", "password", "expires_at", "proxy_endpoint"})
    assert made["proxy_endpoint"].endswith(".dkr.ecr.eu-west-1.amazonaws.com")
    assert made["expires_at"] == str(int(generated.expires_at or 0)) != "0"
    assert moto.counts("AKIAUNIT") == {"GetAuthorizationToken": 1}


async def test_a_refusal_names_service_region_and_code(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ECR_ENDPOINT", moto.url)
    moto.fail("GetAuthorizationToken")
    with pytest.raises(ProviderError, match="ECR, region eu-west-1: GetAuthorizationToken: AccessDenied") as raised:
        await login()
    assert "hunter2" not in str(raised.value)


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the targets of the calls to a server that answers as the API reference of ECR Public says."""
    called: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        called.append(request.headers["X-Amz-Target"])
        token = base64.b64encode(b"AWS:pass:word").decode()
        body = {"authorizationData": {"authorizationToken": token, "expiresAt": ENDS}}
        return web.Response(text=json.dumps(body), content_type="application/x-amz-json-1.1")

    served = Served(answer)
    monkeypatch.setenv("AWS_ECR_PUBLIC_ENDPOINT", served.start())
    yield called
    served.stop()


async def test_the_login_of_the_public_registry(public: list[str]) -> None:
    generated = await login(scope="public")

    assert texts(generated) == {"username": "AWS", "password": "pass:word", "expires_at": str(ENDS)}
    assert (generated.expires_at, public) == (ENDS, [TARGET])


async def test_wrong_fields_are_named() -> None:
    with pytest.raises(ProviderError, match=r"spec\.scope: it is neither private nor public"):
        await login(scope="secret")
    with pytest.raises(NeedsHuman, match=r"spec\.auth is missing, and this namespace may not use the controller's own"):
        await login(auth=None)
    with pytest.raises(NeedsHuman, match=r"spec\.auth.secretRef.accessKeyIDSecretRef: "):
        await generate(ECR_AUTHORIZATION_TOKENS, region="eu-west-1", auth={"secretRef": REF})
