"""The fields of the fake provider."""

from external.api.fields import Model


class FakeData(Model):
    """One value of the fake provider."""

    key: str
    """Key of the value."""
    value: str
    """The value."""
    version: str | None = None
    """Version of the value."""


class FakeProvider(Model):
    """Values in the store itself, for tests."""

    data: list[FakeData]
    """The values."""
    validation_result: int | None = None
    """What validation returns: 0 ready, 1 unknown, 2 error."""
