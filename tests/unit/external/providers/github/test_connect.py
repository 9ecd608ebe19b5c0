"""Which stores of GitHub are accepted."""

from typing import Any

import pytest

from external.providers.protocol import ProviderDenied
from external.providers.registry import BUILT_IN
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import connected, provider_context
from tests.doubles.github.actions import Actions
from tests.unit.external.providers.github.conftest import fields


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"repository": None, "environment": "live"}, "the secret would go to the whole organization"),
        ({"organization": ""}, "organization is missing"),
        ({"repository": ".."}, "repository is no name"),
        ({"url": "http://git.example"}, "no https URL"),
        ({"auth": {"privateKey": {"name": "none", "key": "pem"}}}, "there is no none_pem"),
        ({"auth": {"privateKey": {"name": "text", "key": "pem"}}}, "auth.privateKey: it is no private key in PEM"),
    ],
)
def test_a_store_that_cannot_be_meant_is_refused(double: Actions, more: dict[str, Any], text: str) -> None:
    desk = Desk(login_pem=double.private_key, text_pem="swordfish")

    with pytest.raises((NeedsHuman, ProviderDenied), match=text) as told:
        connected("github", fields(double, **more), provider_context(desk))
    assert "swordfish" not in str(told.value)


def test_a_store_is_write_only(double: Actions) -> None:
    assert BUILT_IN.capabilities({"spec": {"provider": {"github": fields(double)}}}) == "WriteOnly"
