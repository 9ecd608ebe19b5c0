"""Fake: returns the values of its spec, for tests."""

from collections.abc import Mapping

from external.api.fields import Model
from external.generators.protocol import GeneratorKind, resource
from manager.core.secret_value import SecretValue


class FakeSpec(Model):
    """Fixed values, for tests."""

    controller: str | None = None
    """Class of the controller that serves this generator."""
    data: dict[str, str] | None = None
    """The values."""


def generate(spec: FakeSpec) -> Mapping[str, SecretValue]:
    """Return the values of the spec."""
    return {key: SecretValue(value.encode()) for key, value in (spec.data or {}).items()}


def weigh(spec: FakeSpec) -> tuple[int, int]:
    """Return the number of values and their bytes."""
    given = spec.data or {}
    return len(given), sum(len(key.encode()) + len(value.encode()) for key, value in given.items())


FAKE = GeneratorKind(
    resource=resource("fakes", "Fake"),
    spec=FakeSpec,
    generate=generate,
    embedded="fakeSpec",
    about="Values in the object itself, for tests.",
    weigh=weigh,
    names=lambda spec: tuple(spec.data or {}),
)
