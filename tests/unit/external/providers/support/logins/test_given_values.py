"""Credentials that stand in a store or in a Secret."""

from typing import Any

import pytest

from external.api.credentials import ValueOrSecret
from external.api.fields import SecretKeySelector
from external.providers.support.logins.given_values import given_value
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk

REFERENCE = SecretKeySelector(name="login", key="id")


async def given(**fields: Any) -> bytes:
    lookup: Any = Desk(login_id="from-secret")
    return (await given_value(ValueOrSecret(**fields), "spec.id", lookup)).reveal()


async def test_a_value_is_that_of_the_store_or_of_the_secret() -> None:
    assert await given(value="here") == b"here"
    assert await given(secret_ref=REFERENCE) == b"from-secret"


@pytest.mark.parametrize("fields", [{}, {"value": "x", "secret_ref": REFERENCE}])
async def test_both_and_none_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(NeedsHuman, match=r"spec\.id: exactly one of value and secretRef must be set"):
        await given(**fields)


async def test_a_missing_secret_is_named_with_its_field() -> None:
    with pytest.raises(NeedsHuman, match=r"spec\.id\.secretRef: there is no none_id"):
        await given(secret_ref=SecretKeySelector(name="none", key="id"))
