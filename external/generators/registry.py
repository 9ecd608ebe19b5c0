"""Every kind of generator that is served; each is one file, whose declaration stands here.

The declarations feed the CRDs, the chart's RBAC rules and what an ExternalSecret may name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from external.generators.fake import FAKE
from external.generators.mfa import MFAS
from external.generators.password import PASSWORDS
from external.generators.protocol import GeneratorKind, resource
from external.generators.registries.acr_access_token import ACR_ACCESS_TOKENS
from external.generators.registries.cloudsmith_access_token import CLOUDSMITH_ACCESS_TOKENS
from external.generators.registries.ecr_authorization_token import ECR_AUTHORIZATION_TOKENS
from external.generators.registries.gcr_access_token import GCR_ACCESS_TOKENS
from external.generators.registries.quay_access_token import QUAY_ACCESS_TOKENS
from external.generators.services.github_access_token import GITHUB_ACCESS_TOKENS
from external.generators.services.gitlab_deploy_token import GITLAB_DEPLOY_TOKENS
from external.generators.services.grafana import GRAFANAS
from external.generators.services.sts_session_token import STS_SESSION_TOKENS
from external.generators.services.vault_dynamic_secret import VAULT_DYNAMIC_SECRETS
from external.generators.services.webhook import WEBHOOKS
from external.generators.ssh_key import SSH_KEYS
from external.generators.uuid import UUIDS

ALL: tuple[GeneratorKind[Any], ...] = (
    ACR_ACCESS_TOKENS,
    CLOUDSMITH_ACCESS_TOKENS,
    ECR_AUTHORIZATION_TOKENS,
    FAKE,
    GCR_ACCESS_TOKENS,
    GITHUB_ACCESS_TOKENS,
    GITLAB_DEPLOY_TOKENS,
    GRAFANAS,
    MFAS,
    PASSWORDS,
    QUAY_ACCESS_TOKENS,
    SSH_KEYS,
    STS_SESSION_TOKENS,
    UUIDS,
    VAULT_DYNAMIC_SECRETS,
    WEBHOOKS,
)
KINDS: Mapping[str, GeneratorKind[Any]] = MappingProxyType({each.resource.kind: each for each in ALL})
EMBEDDED: Mapping[str, tuple[Any, str]] = MappingProxyType({each.embedded: (each.spec, each.about) for each in ALL})
"""Name -> model and description of each field of a ClusterGenerator's `spec.generator`."""
CLUSTER_GENERATORS = resource("clustergenerators", "ClusterGenerator", namespaced=False)
"""Holds one generator of any kind for all namespaces."""
SERVED = ", ".join(sorted([*KINDS, CLUSTER_GENERATORS.kind]))
