"""`spec.target` of an ExternalSecret, typed (external-secrets-core.md 1.1)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from external.fields import DataKey, Decoding, Model, Name, checked
from manager.kube.apply import BOOTSTRAP_TOKEN, SERVICE_ACCOUNT_TOKEN, TOKEN_OWNER

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
    template_as: Literal["Values", "KeysAndValues"] = "Values"


class TemplateSource(Model):
    """A ConfigMap or Secret that holds templates; always of the ExternalSecret's own namespace."""

    name: Name
    items: list[TemplateItem]


class TemplateFrom(Model):
    """Templates that stand elsewhere, or in `literal`."""

    target: str = "Data"
    """Data, Annotations or Labels in any case; no enum, as the originals' admission takes any text for other kinds."""
    literal: str | None = None
    values_decoding_strategy: Decoding | None = None
    config_map: TemplateSource | None = None
    secret: TemplateSource | None = None


class TemplateMetadata(Model):
    """Labels, annotations and finalizers of the target; the values of the first two are templates."""

    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    finalizers: list[str] | None = None


class Template(Model):
    """How the target is made from what was fetched."""

    model_config = checked(
        (f"!has(self.type) || self.type != '{BOOTSTRAP_TOKEN}'", BOOTSTRAP),
        (f"{OTHER_TYPE} || !has(self.metadata) || {NO_ANNOTATIONS} || {NO_OWNER}", TOKEN),
    )

    type: str | None = None
    engine_version: Literal["v2"] = "v2"
    merge_policy: Literal["Replace", "Merge"] = "Replace"
    metadata: TemplateMetadata | None = None
    data: dict[str, str] | None = None
    template_from: list[TemplateFrom] | None = None


class Manifest(Model):
    """The kind of a target that is no ordinary Secret."""

    api_version: Annotated[str, StringConstraints(min_length=1)]
    kind: Annotated[str, StringConstraints(min_length=1)]


class Target(Model):
    """The Secret to write."""

    model_config = checked(
        ("self.deletionPolicy != 'Delete' || self.creationPolicy in ['Owner', 'Orphan']", NOT_OWNED),
        ("self.deletionPolicy != 'Merge' || self.creationPolicy != 'None'", NO_MERGE),
    )

    name: Name | None = None
    creation_policy: Literal["Owner", "Orphan", "Merge", "None", "CreateOrMerge"] = "Owner"
    deletion_policy: Literal["Delete", "Merge", "Retain"] = "Retain"
    immutable: bool | None = None
    manifest: Manifest | None = None
    template: Annotated[Template | None, Field(repr=False)] = None
