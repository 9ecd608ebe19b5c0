"""Which stores of Scaleway are accepted."""

from typing import Any

import pytest

from external.providers.protocol import ProviderDenied
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import connected, provider_context
from tests.doubles.scaleway import Scaleway
from tests.unit.external.providers.scaleway.conftest import fields


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"region": "../x"}, r"spec\.provider\.scaleway\.region"),
        ({"region": ""}, r"spec\.provider\.scaleway\.region"),
        ({"projectId": ""}, "projectId is missing"),
        ({"accessKey": {}}, r"accessKey: exactly one of value and secretRef"),
        ({"secretKey": {"value": "x", "secretRef": {"name": "a", "key": "b"}}}, "secretKey: exactly one"),
        ({"secretKey": {"secretRef": {"name": "none", "key": "b"}}}, r"secretKey\.secretRef: there is no none_b"),
        ({"apiUrl": "http://api.example"}, "no https URL"),
    ],
)
def test_a_store_that_cannot_be_meant_is_refused(double: Scaleway, more: dict[str, Any], message: str) -> None:
    with pytest.raises((NeedsHuman, ProviderDenied), match=message):
        connected("scaleway", fields(double, **more), provider_context(Desk(login_secret="x")))


def test_a_key_may_stand_in_the_store(double: Scaleway) -> None:
    made = connected("scaleway", fields(double, secretKey={"value": double.secret_key}))
    made.validate()
    made.close()
