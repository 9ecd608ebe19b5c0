"""Fake: the values that stand in it, for tests (providers 5.2)."""

from collections.abc import Mapping

from external.api.fields import Model
from external.generators.protocol import GeneratorKind, resource
from manager.core.secret_value import SecretValue


class FakeSpec(Model):
    """What is given, and whose it is."""

    controller: str | None = None
    """Class of the controller that serves this generator."""
    data: dict[str, str] | None = None
    """The values."""


def generate(spec: FakeSpec) -> Mapping[str, SecretValue]:
    """Return what is given."""
    return {key: SecretValue(value.encode()) for key, value in (spec.data or {}).items()}


def weigh(spec: FakeSpec) -> tuple[int, int]:
    """Return how many values are given, and their bytes."""
    given = spec.data or {}
    return len(given), sum(len(key.encode()) + len(value.encode()) for key, value in given.items())


FAKE = GeneratorKind(
    resource=resource("fakes", "Fake"),
    spec=FakeSpec,
    generate=generate,
    embedded="fakeSpec",
    about="Values in the object itself, for tests.",
    weigh=weigh,
)
