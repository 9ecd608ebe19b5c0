"""Installation tokens, against a server that checks what GitHub's documentation says."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from external.generators.protocol import Generated
from external.generators.services.github_access_token import GITHUB_ACCESS_TOKENS
from external.providers.protocol import ProviderError, ProviderUnavailable
from tests.builders.generators import Desk, generate, generator_context, texts
from tests.doubles.github import LIFE_SECONDS, GitHub


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    with GitHub() as running:
        yield running


async def token(github: GitHub, key: str = "", **spec: Any) -> Generated:
    context = generator_context(Desk(app_pem=key or github.private_key))
    auth = {"privateKey": {"secretRef": {"name": "app", "key": "pem"}}}
    whole = {"appID": github.app, "installID": github.installation, "url": f"{github.url}/", "auth": auth, **spec}
    return await generate(GITHUB_ACCESS_TOKENS, context, **whole)


async def test_a_token_is_limited_as_asked_and_says_when_it_ends(github: GitHub) -> None:
    generated = await token(github, repositories=["site"], permissions={"contents": "read"})

    assert texts(generated) == {"token": github.token}
    assert github.issued[-1] == {"repositories": ["site"], "permissions": {"contents": "read"}}
    assert abs((generated.expires_at or 0) - time.time() - LIFE_SECONDS) < 60


async def test_without_limits_nothing_is_sent(github: GitHub) -> None:
    await token(github)

    assert github.issued[-1] == {}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"appID": "13"}, "CreateInstallationToken: 401: check appID, installID, key and permissions"),
        ({"installID": "35"}, "CreateInstallationToken: 404"),
        ({"installID": "../../user"}, "CreateInstallationToken: 404"),
        ({"repositories": ["other"]}, "CreateInstallationToken: 422"),
        ({"url": "ftp://github.example"}, "no http or https URL"),
        ({"url": "http://169.254.169.254"}, "may not reach the server's address"),
    ],
)
async def test_a_refusal_names_host_and_fields(github: GitHub, spec: Any, said: str) -> None:
    with pytest.raises(ProviderError, match=said) as raised:
        await token(github, **spec)
    assert "PRIVATE KEY" not in str(raised.value)


async def test_a_key_that_is_no_rsa_key_is_named(github: GitHub) -> None:
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    for key, said in (("hunter2", "no private key in PEM form"), (other.decode(), "no RSA key")):
        with pytest.raises(ProviderError, match=f"spec.auth.privateKey.secretRef: it is {said}") as raised:
            await token(github, key=key)
        assert "hunter2" not in str(raised.value)


async def test_a_server_that_does_not_answer_is_tried_again(github: GitHub) -> None:
    with pytest.raises(ProviderUnavailable, match="CreateInstallationToken: connection refused"):
        await token(github, url="http://127.0.0.1:9")
