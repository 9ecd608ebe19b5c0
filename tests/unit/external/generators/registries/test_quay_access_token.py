"""Tokens of robot accounts, against a server that checks what Quay's documentation says."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from external.generators.protocol import Generated
from external.generators.registries import quay_access_token
from external.generators.registries.quay_access_token import QUAY_ACCESS_TOKENS
from external.providers.protocol import ProviderError
from tests.builders.generators import Desk, generate, generator_context, texts
from tests.doubles.quay import Quay


@pytest.fixture(scope="module")
def running() -> Iterator[Quay]:
    with Quay() as quay:
        yield quay


@pytest.fixture
def quay(running: Quay, monkeypatch: pytest.MonkeyPatch) -> Quay:
    """Return the double; it has no certificate."""
    monkeypatch.setattr(quay_access_token, "SCHEME", "http://")
    return running


async def token(quay: Quay, desk: Desk | None = None, **spec: Any) -> Generated:
    account = {"name": "builder", "audiences": ["quay"]}
    whole = {"robotAccount": quay.robot, "serviceAccountRef": account, "url": quay.host, **spec}
    return await generate(QUAY_ACCESS_TOKENS, generator_context(desk), **whole)


async def test_the_login_of_a_robot_account(quay: Quay) -> None:
    desk = Desk()
    generated = await token(quay, desk, url=f"http://{quay.host}/")

    login = base64.b64encode(f"{quay.robot}:{quay.token}".encode()).decode()
    assert texts(generated) == {"registry": quay.host, "auth": login, "expiry": str(quay.ends)}
    assert (generated.expires_at, desk.audiences) == (quay.ends, ["quay"])


@pytest.mark.parametrize("spec", [{"robotAccount": "team+other"}, {"serviceAccountRef": {"name": "other"}}])
async def test_a_refusal_names_the_host_and_no_token(quay: Quay, spec: Any) -> None:
    with pytest.raises(ProviderError, match=f"Quay {quay.host}: RobotToken: 401: check robotAccount") as raised:
        await token(quay, **spec)
    assert "token-of" not in str(raised.value)


async def test_a_token_without_an_end_is_not_taken(quay: Quay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quay, "token", "hunter2")
    with pytest.raises(ProviderError, match="the token does not say when it ends") as raised:
        await token(quay)
    assert "hunter2" not in str(raised.value)


def test_a_token_is_sent_over_tls_only() -> None:
    assert quay_access_token.SCHEME == "https://"
