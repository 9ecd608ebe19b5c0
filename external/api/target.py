"""The fields of `spec.target` of an ExternalSecret."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from external.api.fields import DataKey, Decoding, Model, Name, checked
from manager.kube.writer import BOOTSTRAP_TOKEN, SERVICE_ACCOUNT_TOKEN, TOKEN_OWNER

NOT_OWNED = (
    "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner"
)
NO_MERGE = "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with"
BOOTSTRAP = f'template.type="{BOOTSTRAP_TOKEN}" is not allowed'
TOKEN = f'template.type="{SERVICE_ACCOUNT_TOKEN}" with annotation "{TOKEN_OWNER}" is not allowed'
OTHER_TYPE = f"!has(self.type) || self.type != '{SERVICE_ACCOUNT_TOKEN}'"
NO_ANNOTATIONS = "!has(self.metadata.annotations)"
NO_OWNER = f"!('{TOKEN_OWNER}' in self.metadata.annotations)"


class TemplateItem(Model):
    """One template in a ConfigMap or Secret, and what its output is."""

    key: DataKey
    """Key of the object."""
    template_as: Literal["Values", "KeysAndValues"] = "Values"
    """Values renders the value; KeysAndValues renders YAML with keys and values."""


class TemplateSource(Model):
    """A ConfigMap or Secret that holds templates; always of the ExternalSecret's own namespace."""

    name: Name
    """Name of the object."""
    items: list[TemplateItem]
    """Keys to use."""


class TemplateFrom(Model):
    """Templates in other objects or in `literal`."""

    target: str = "Data"
    """Data, Annotations or Labels in any case; for other kinds a path such as spec.rules[0].host."""
    literal: str | None = None
    """A template that renders YAML with keys and values."""
    values_decoding_strategy: Decoding | None = None
    """How rendered values are decoded."""
    config_map: TemplateSource | None = None
    """Templates in a ConfigMap."""
    secret: TemplateSource | None = None
    """Templates in a Secret."""


class TemplateMetadata(Model):
    """Labels, annotations and finalizers of the target; the values of the first two are templates."""

    annotations: dict[str, str] | None = None
    """Annotations."""
    labels: dict[str, str] | None = None
    """Labels."""
    finalizers: list[str] | None = None
    """Finalizers."""


class Template(Model):
    """How the target is made from the fetched values."""

    model_config = checked(
        (f"!has(self.type) || self.type != '{BOOTSTRAP_TOKEN}'", BOOTSTRAP),
        (f"{OTHER_TYPE} || !has(self.metadata) || {NO_ANNOTATIONS} || {NO_OWNER}", TOKEN),
    )

    type: str | None = None
    """Type of the Secret."""
    engine_version: Literal["v2"] = "v2"
    """Version of the template engine."""
    merge_policy: Literal["Replace", "Merge"] = "Replace"
    """Whether fetched values stay beside rendered ones."""
    metadata: TemplateMetadata | None = None
    """Metadata of the Secret."""
    data: dict[str, str] | None = None
    """Key to template."""
    template_from: list[TemplateFrom] | None = None
    """Templates that other objects hold."""


class Manifest(Model):
    """The kind of a target that is no ordinary Secret."""

    api_version: Annotated[str, StringConstraints(min_length=1)]
    """API version."""
    kind: Annotated[str, StringConstraints(min_length=1)]
    """Kind."""


class Target(Model):
    """The Secret to write."""

    model_config = checked(
        ("self.deletionPolicy != 'Delete' || self.creationPolicy in ['Owner', 'Orphan']", NOT_OWNED),
        ("self.deletionPolicy != 'Merge' || self.creationPolicy != 'None'", NO_MERGE),
    )

    name: Name | None = None
    """Name of the target; that of the ExternalSecret by default."""
    creation_policy: Literal["Owner", "Orphan", "Merge", "None", "CreateOrMerge"] = "Owner"
    """Who owns the target."""
    deletion_policy: Literal["Delete", "Merge", "Retain"] = "Retain"
    """What happens to the target when the secret at the provider is gone."""
    immutable: bool | None = None
    """Whether the Secret is immutable."""
    manifest: Manifest | None = None
    """Kind of the target; a Secret by default."""
    template: Annotated[Template | None, Field(repr=False)] = None
    """How the target is made from the values."""


ARGO_CD = ("tracking-id", "instance", "installation-id", "hook", "hook-delete-policy", "compare-options")
ARGO_CD_SYNC = "argocd.argoproj.io/sync-"
FLUX = ("name", "namespace", "checksum", "prune", "reconcile", "ssa", "force", "substitute", "driftDetection")
NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "kopf.zalando.org/last-handled-configuration",
        "applyset.kubernetes.io/part-of",
        "objectset.rio.cattle.io/hash",
        "coffer.dev/generate",
        "coffer.dev/keep-previous",
        *(f"argocd.argoproj.io/{each}" for each in ARGO_CD),
        *(f"{place}.toolkit.fluxcd.io/{each}" for place in ("kustomize", "helm") for each in FLUX),
    }
)
"""Labels and annotations that describe the object itself.

On a copy they would leak the applied manifest, or let a GitOps tool delete it. Others with the same prefixes have a
meaning of their own there: `argocd.argoproj.io/secret-type` makes the Secret a repository or a cluster of Argo CD.
"""


def copied(given: Mapping[str, str]) -> dict[str, str]:
    """Return the labels or annotations that a copy of an object may have."""
    return {key: text for key, text in given.items() if key not in NOT_COPIED and not key.startswith(ARGO_CD_SYNC)}
