"""Which kinds of generators there are, and the ClusterGenerator, which holds one of any kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ConfigDict

from external.api.external_secret import GeneratorName
from external.api.fields import ONE_OF, Model
from external.generators.fake import FAKE, FakeSpec
from external.generators.password import PASSWORDS, PasswordSpec
from external.generators.protocol import GeneratorKind, resource
from external.generators.uuid import UUIDS, UuidSpec

ALL: tuple[GeneratorKind[Any], ...] = (FAKE, PASSWORDS, UUIDS)
KINDS: Mapping[str, GeneratorKind[Any]] = MappingProxyType({each.resource.kind: each for each in ALL})
CLUSTER_GENERATORS = resource("clustergenerators", "ClusterGenerator", namespaced=False)
SERVED = ", ".join(sorted([*KINDS, CLUSTER_GENERATORS.kind]))


class Embedded(Model):
    """Exactly one generator; those that this version does not serve are kept as they are.

    Their fields are in `external.api.stores`, which only the CRDs are made from.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=ONE_OF["json_schema_extra"])

    fake_spec: FakeSpec | None = None
    """Values in the object itself, for tests."""
    password_spec: PasswordSpec | None = None
    """Random characters."""
    uuid_spec: UuidSpec | None = None
    """A random UUID."""


class ClusterGeneratorSpec(Model):
    """A generator for all namespaces."""

    kind: GeneratorName
    """Kind of the generator."""
    generator: Embedded
    """Its spec; exactly one."""


class GeneratorStatus(Model):
    """Nothing is written to it."""
