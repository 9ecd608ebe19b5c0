"""Temporary credentials of STS, by moto."""

from typing import Any

import pytest
from aiohttp import web

from external.generators.protocol import Generated
from external.generators.services.sts_session_token import STS_SESSION_TOKENS
from external.providers.protocol import ProviderError
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generate, generator_context, texts
from tests.cluster.moto import Moto
from tests.cluster.serving import Served

REF = {"accessKeyIDSecretRef": {"name": "aws", "key": "id"}, "secretAccessKeySecretRef": {"name": "aws", "key": "key"}}
KEYS = {"access_key_id", "secret_access_key", "session_token", "expiration"}


async def credentials(**spec: Any) -> Generated:
    desk = Desk(aws_id="AKIAUNIT", aws_key="hunter2")
    whole = {"region": "eu-west-1", "auth": {"secretRef": REF}, **spec}
    return await generate(STS_SESSION_TOKENS, generator_context(desk, timeout=20.0), **whole)


async def test_credentials_and_their_end(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_STS_ENDPOINT", moto.url)
    asked = {"sessionDuration": 900, "serialNumber": "arn:aws:iam::123456789012:mfa/me", "tokenCode": "123456"}
    generated = await credentials(requestParameters=asked)

    made = texts(generated)
    assert made.keys() == KEYS
    assert made["expiration"] == str(int(generated.expires_at or 0))
    call = next(each for each in moto.calls if each.action == "GetSessionToken")
    assert (call.access_key, call.form["DurationSeconds"]) == ("AKIAUNIT", "900")
    assert (call.form["SerialNumber"], call.form["TokenCode"]) == (asked["serialNumber"], asked["tokenCode"])


async def test_a_refusal_names_service_region_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(request: web.Request) -> web.Response:
        del request
        error = "<Error><Code>AccessDenied</Code><Message>Cannot call GetSessionToken</Message></Error>"
        return web.Response(status=403, text=f"<ErrorResponse>{error}</ErrorResponse>", content_type="text/xml")

    served = Served(refuse)
    monkeypatch.setenv("AWS_STS_ENDPOINT", served.start())
    said = "STS, region eu-west-1: GetSessionToken: AccessDenied: Cannot call GetSessionToken"
    with pytest.raises(ProviderError, match=said) as raised:
        await credentials()
    served.stop()
    assert "hunter2" not in str(raised.value)


async def test_an_account_of_the_cluster_gets_no_session() -> None:
    with pytest.raises(NeedsHuman, match=r"spec\.auth.jwt: GetSessionToken takes no temporary credentials"):
        await credentials(auth={"jwt": {"serviceAccountRef": {"name": "sa"}}})
