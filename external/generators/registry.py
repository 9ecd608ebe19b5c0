"""Which kinds of generators there are, and the ClusterGenerator, which holds one of any kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from external.fields import Model
from external.generators.fake import FAKE, FakeSpec
from external.generators.password import PASSWORDS, PasswordSpec
from external.generators.protocol import GeneratorKind, resource
from external.generators.uuids import UUIDS, UuidSpec

ALL: tuple[GeneratorKind[Any], ...] = (FAKE, PASSWORDS, UUIDS)
KINDS: Mapping[str, GeneratorKind[Any]] = MappingProxyType({each.resource.kind: each for each in ALL})
CLUSTER_GENERATORS = resource("clustergenerators", "ClusterGenerator", namespaced=False)
SERVED = ", ".join(sorted([*KINDS, CLUSTER_GENERATORS.kind]))

OriginalKind = Literal[
    "ACRAccessToken",
    "BeyondtrustWorkloadCredentialsDynamicSecret",
    "CloudsmithAccessToken",
    "ECRAuthorizationToken",
    "Fake",
    "GCRAccessToken",
    "GithubAccessToken",
    "GitlabDeployToken",
    "Grafana",
    "MFA",
    "Password",
    "QuayAccessToken",
    "SSHKey",
    "STSSessionToken",
    "UUID",
    "VaultDynamicSecret",
    "Webhook",
]
"""The original's: what this version does not serve may be written all the same, and is answered where it is used."""


class Embedded(Model):
    """One of these; those of kinds that this version does not know are kept."""

    fake_spec: FakeSpec | None = None
    password_spec: PasswordSpec | None = None
    uuid_spec: UuidSpec | None = None


class ClusterGeneratorSpec(Model):
    """A generator for all namespaces."""

    kind: OriginalKind
    generator: Embedded


class GeneratorStatus(Model):
    """Nothing is written to it."""
