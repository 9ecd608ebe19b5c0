"""UUID: a random UUID of version 4."""

from collections.abc import Mapping
from uuid import uuid4

from external.api.fields import Model
from external.generators.protocol import GeneratorKind, resource
from manager.core.secret_value import SecretValue


class UuidSpec(Model):
    """A UUID has no options."""


def generate(spec: UuidSpec) -> Mapping[str, SecretValue]:
    """Return `uuid`."""
    del spec
    return {"uuid": SecretValue(str(uuid4()).encode())}


UUIDS = GeneratorKind(
    resource=resource("uuids", "UUID"),
    spec=UuidSpec,
    generate=generate,
    embedded="uuidSpec",
    about="A random UUID.",
    weigh=lambda _spec: (1, 64),
    names=lambda _spec: ("uuid",),
)
