"""Which stores of Secret Server are accepted, and how they log in."""

from typing import Any

import pytest

from external.providers.protocol import ProviderDenied
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import connected, provider_context
from tests.doubles.delinea.secret_server import SecretServer
from tests.unit.external.providers.secretserver.conftest import fields


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"serverURL": "http://server.example"}, "no https URL"),
        ({"username": None}, "token, or username and password, must be set"),
        ({"password": None}, "token, or username and password, must be set"),
        ({"password": {}}, r"spec\.provider\.secretserver\.password: exactly one of value and secretRef"),
        ({"token": {"value": "x", "secretRef": {"name": "a", "key": "b"}}}, r"token: exactly one"),
    ],
)
def test_a_store_that_cannot_be_meant_is_refused(double: SecretServer, more: dict[str, Any], text: str) -> None:
    with pytest.raises((NeedsHuman, ProviderDenied), match=text):
        connected("secretserver", fields(double, **more), provider_context(Desk(login_password="x")))


def test_a_token_of_a_user_is_used_as_it_is(double: SecretServer) -> None:
    given = {"serverURL": double.url, "token": {"value": "token-of-a-user"}}
    double.tokens.add("token-of-a-user")
    client = connected("secretserver", given)

    client.validate()
    client.close()


@pytest.mark.parametrize("password", ["wrong-password", "swordfish"])
def test_a_refused_login_repeats_no_password(double: SecretServer, password: str) -> None:
    client = connected("secretserver", fields(double), provider_context(Desk(login_password=password)))

    with pytest.raises(ProviderDenied, match=r"Login: 400: Login failed") as told:
        client.validate()
    assert password not in str(told.value)
    client.close()
