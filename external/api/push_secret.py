"""The fields of PushSecrets: what the CRD is made from and what the reconciler reads."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from external.api.external_secret import Condition, GeneratorRef, RewriteRegexp, RewriteTransform
from external.api.fields import ONE_OF, AnyJson, Duration, Model, Name, checked
from external.api.store import LabelSelector
from external.api.target import Template

ONE_REWRITE = "exactly one of regexp or transform must be set"
BUNDLE_REWRITE = (
    "remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without remoteKey)"
)
NO_STORE = "storeRef must specify either name or labelSelector"
HAS_STORE = "has(self.storeRef) && (has(self.storeRef.name) || has(self.storeRef.labelSelector))"
NO_BUNDLE_REWRITE = "!has(self.remoteKey) || !has(self.rewrite) || size(self.rewrite) == 0"

SyncConversion = Literal["None", "ReverseUnicode"]


class PushSecretStoreRef(Model):
    """Names a store, or selects several by their labels."""

    name: Name | None = None
    """Name of the store."""
    label_selector: LabelSelector | None = None
    """Labels of the stores; the name is ignored then."""
    kind: Literal["SecretStore", "ClusterSecretStore"] = "SecretStore"
    """Kind of the store."""


class PushSecretSecret(Model):
    """Names a Secret, or selects several by their labels."""

    name: Name | None = None
    """Name of the Secret."""
    selector: LabelSelector | None = None
    """Labels of the Secrets."""


class PushSecretSelector(Model):
    """What is pushed; exactly one."""

    model_config = ONE_OF

    secret: PushSecretSecret | None = None
    """Secrets of this namespace."""
    generator_ref: GeneratorRef | None = None
    """Generator that makes the values."""


class PushSecretRemoteRef(Model):
    """Where a value is pushed to."""

    remote_key: str
    """Name of the secret at the provider."""
    property: str | None = None
    """Property of that secret."""


class PushSecretMatch(Model):
    """Which value is pushed, and where to."""

    secret_key: str | None = None
    """Key of the Secret; all keys by default."""
    remote_ref: PushSecretRemoteRef
    """Where it is pushed to."""


class PushSecretData(Model):
    """One value that is pushed."""

    match: PushSecretMatch
    """Which value, and where to."""
    metadata: AnyJson | None = None
    """What else the provider is told; its form depends on the provider."""
    conversion_strategy: SyncConversion = "None"
    """ReverseUnicode makes characters of _Uxxxx_ in the names of keys."""


class PushSecretKeyMatch(Model):
    """Names of keys to push."""

    regexp: str | None = None
    """Expression that a name must match; all by default."""


class PushSecretRewrite(Model):
    """One step by which names of keys become remote keys; exactly one kind."""

    model_config = checked(("has(self.regexp) != has(self.transform)", ONE_REWRITE))

    regexp: RewriteRegexp | None = None
    """Replace what matches."""
    transform: RewriteTransform | None = None
    """Render each name."""


class PushSecretDataTo(Model):
    """Many values that are pushed: each to a remote key of its own, or all to one."""

    model_config = checked((HAS_STORE, NO_STORE), (NO_BUNDLE_REWRITE, BUNDLE_REWRITE))

    store_ref: PushSecretStoreRef | None = None
    """Stores of this entry; they must be among secretStoreRefs."""
    remote_key: str | None = None
    """One remote key for all values, which become a JSON object."""
    match: PushSecretKeyMatch | None = None
    """Names of keys to push; all by default."""
    rewrite: list[PushSecretRewrite] | None = None
    """How names become remote keys, in this order."""
    metadata: AnyJson | None = None
    """What else the provider is told."""
    conversion_strategy: SyncConversion = "None"
    """ReverseUnicode makes characters of _Uxxxx_ in the names of keys."""


class PushTemplate(Template):
    """How the values to push are made from the Secret."""

    model_config = ConfigDict(json_schema_extra={})  # the original's admission has no rules for it here


class PushSecretSpec(Model):
    """What a PushSecret asks for."""

    refresh_interval: Duration = "1h0m0s"
    """Time between two looks at the provider; 0 for none."""
    secret_store_refs: list[PushSecretStoreRef]
    """Stores to push to."""
    update_policy: Literal["Replace", "IfNotExists"] = "Replace"
    """Whether values that exist are replaced."""
    deletion_policy: Literal["Delete", "None"] = "None"
    """Whether pushed values are deleted with this object, its Secret or its entries."""
    selector: PushSecretSelector
    """What is pushed."""
    data: list[PushSecretData] | None = None
    """Single values."""
    template: Annotated[PushTemplate | None, Field(repr=False)] = None
    """How the values are made from the Secret."""
    data_to: list[PushSecretDataTo] | None = None
    """Many values."""


class PushSecretCondition(Condition):
    """One status condition of a PushSecret."""


class PushedEntry(Model):
    """What became of one entry; an addition of Coffer."""

    store: str
    """Kind and name of the store."""
    remote_key: str
    """Name of the secret at the provider."""
    property: str | None = None
    """Property of that secret."""
    state: str
    """Synced, Kept (it exists, and is not replaced), Claimed (by an older PushSecret) or Failed."""
    message: str | None = None
    """What a person needs to know."""


class PushState(Model):
    """What Coffer knows of the last push; an addition of Coffer."""

    sources: str | None = None
    """Changes with the objects that are pushed from and the stores; made of no value."""
    versions: str | None = None
    """Changes with the provider's versions of what was pushed."""
    refresh_by: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """When generated values end, and must be replaced."""
    entries: list[PushedEntry] | None = None
    """Entries, the ones with a problem first."""
    omitted: int | None = None
    """How many more entries there are."""


class PushSecretStatus(Model):
    """What was pushed."""

    refresh_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time", "nullable": True})] = None
    """When values were last pushed, or compared."""
    synced_resource_version: str | None = None
    """Generation and metadata that were last synced."""
    synced_push_secrets: Mapping[str, Mapping[str, PushSecretData]] | None = None
    """Kind and name of the store, then remote key and property, to what was pushed there."""
    conditions: list[PushSecretCondition] | None = None
    """Conditions."""
    push_state: PushState | None = None
    """What Coffer adds."""
