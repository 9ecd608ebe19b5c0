"""Credentials that stand in the store itself or in a Secret."""

from typing import Protocol

from external.api.fields import SecretKeySelector
from external.providers.support.lookup import INVALID, Lookup
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue


class GivenValue(Protocol):
    """A field of a store that holds a value, or names the Secret that does."""

    @property
    def value(self) -> str | None:
        """The value itself."""
        ...

    @property
    def secret_ref(self) -> SecretKeySelector | None:
        """Key of a Secret that holds it."""
        ...


async def given_value(given: GivenValue, at: str, lookup: Lookup) -> SecretValue:
    """Return a value. Raises NeedsHuman for both and for none."""
    if (given.value is None) is (given.secret_ref is None):
        raise NeedsHuman(INVALID, f"{at}: exactly one of value and secretRef must be set")
    if given.secret_ref is not None:
        return await lookup.secret(given.secret_ref, f"{at}.secretRef")
    return SecretValue((given.value or "").encode())
