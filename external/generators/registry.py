"""Every kind of generator that is served; each is one file, whose declaration stands here.

The declarations feed the CRDs, the chart's RBAC rules and what an ExternalSecret may name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from external.generators.fake import FAKE
from external.generators.password import PASSWORDS
from external.generators.protocol import GeneratorKind, resource
from external.generators.uuid import UUIDS

ALL: tuple[GeneratorKind[Any], ...] = (FAKE, PASSWORDS, UUIDS)
KINDS: Mapping[str, GeneratorKind[Any]] = MappingProxyType({each.resource.kind: each for each in ALL})
EMBEDDED: Mapping[str, tuple[Any, str]] = MappingProxyType({each.embedded: (each.spec, each.about) for each in ALL})
"""Name -> model and description of each field of a ClusterGenerator's `spec.generator`."""
CLUSTER_GENERATORS = resource("clustergenerators", "ClusterGenerator", namespaced=False)
"""Holds one generator of any kind for all namespaces."""
SERVED = ", ".join(sorted([*KINDS, CLUSTER_GENERATORS.kind]))
