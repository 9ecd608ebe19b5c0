"""When a JSON Web Token ends, and what is said of one that does not say so."""

import base64
from typing import Any

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.http import HttpAnswer
from external.providers.support.json_web_tokens import expiry_of, issued_token
from tests.doubles.tokens import issued


def test_the_end_is_the_claim_exp() -> None:
    assert expiry_of(issued(exp=1_800_000_000, sub="me"), "Server x") == 1_800_000_000.0


@pytest.mark.parametrize(
    "token",
    [
        *("", "hunter2", "a.b", "a.!.c", issued(sub="me"), issued(exp="soon"), issued(exp=True), issued(exp=10**15)),
        *(issued(exp=10**400), issued(exp=-1)),
        f"a.{base64.urlsafe_b64encode(b'[1]').decode()}.c",
    ],
)
def test_a_token_without_an_end_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ProviderUnavailable, match="Server x: the token does not say when it ends") as raised:
        expiry_of(token, "Server x")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "content", "error", "said"),
    [
        (403, b"{}", ProviderDenied, "Server x: Call: 403: check the name"),
        (503, b"{}", ProviderUnavailable, "Server x: Call: 503"),
        (200, b"{}", ProviderUnavailable, "Server x: Call: the answer holds no token"),
        (200, b'{"token": 5}', ProviderUnavailable, "the answer holds no token"),
        (200, b"hunter2", ProviderUnavailable, "the answer is no JSON"),
    ],
)
def test_an_answer_without_a_token_says_why(status: int, content: bytes, error: Any, said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        issued_token(HttpAnswer("Call", status, content), 200, "Server x", "the name")
    assert "hunter2" not in str(raised.value)
