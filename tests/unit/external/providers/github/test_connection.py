"""Logins to GitHub as an installation of an App, and what its refusals mean."""

from typing import Any

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from tests.builders.providers import push
from tests.doubles.faults import status
from tests.doubles.github.actions import Actions
from tests.unit.external.providers.github.conftest import Connect


def test_one_login_serves_many_calls(client: Any, double: Actions) -> None:
    for name in ("a", "b", "c"):
        client.push(push(name))

    assert double.calls["login"] == 1


def test_a_token_that_is_refused_is_replaced_once(client: Any, double: Actions) -> None:
    client.push(push("a"))
    double.revoked.add(double.token)

    client.push(push("b"))

    assert double.calls["login"] == 2


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        (status(403, '{"message":"slow"}', x_ratelimit_remaining="0"), ProviderUnavailable, "GitHub limits the rate"),
        (status(403, '{"message":"slow"}', Retry_After="60"), ProviderUnavailable, "GitHub limits the rate"),
        (status(429, '{"message":"slow"}'), ProviderUnavailable, "429"),
        (status(502, "<html>"), ProviderUnavailable, "502"),
        (status(404, "<html>", "text/html"), ProviderUnavailable, "none of GitHub's API"),
        (status(403, '{"message":"Resource not accessible by integration"}'), ProviderDenied, "not accessible"),
    ],
)
def test_a_refusal_says_whether_to_wait(client: Any, double: Actions, fault: Any, error: type, text: str) -> None:
    double.faults.always.append(("/secrets", fault))

    with pytest.raises(error, match=text):
        client.validate()


def test_an_installation_that_is_gone_is_denied(connect: Connect) -> None:
    with pytest.raises(ProviderDenied, match="check appID, installationID and the private key"):
        connect(installationID=99).validate()
