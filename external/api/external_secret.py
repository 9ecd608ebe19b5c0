"""The fields of ExternalSecrets: what the CRD is made from and what the reconciler reads.

Fields that this version does not serve are in the schema too: they are kept, and a condition names them.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from external.api.fields import (
    ONE_OF,
    Conversion,
    DataKey,
    Decoding,
    Duration,
    Model,
    Name,
    NullBytes,
    ScheduleText,
    checked,
)
from external.api.target import Target

NOTHING = "either data or dataFrom should be specified"

BOTH = "extract, find, or generatorRef cannot be set at the same time"

GENERATORS = "generators.external-secrets.io/v1alpha1"

EITHER = "either extract, find, or sourceRef must be set to dataFrom"

TARGET: JsonValue = {"creationPolicy": "Owner", "deletionPolicy": "Retain"}


class SecretStoreRef(Model):
    """Names a store."""

    name: Name | None = None
    """Name of the store."""
    kind: Literal["SecretStore", "ClusterSecretStore"] | None = None
    """Kind of the store; SecretStore by default."""


class RemoteRef(Model):
    """What to read from the provider."""

    key: str
    """Name of the secret at the provider."""
    property: str | None = None
    """Property of the value, a gjson path."""
    version: str | None = None
    """Version of the secret at the provider."""
    metadata_policy: Literal["None", "Fetch"] | None = None
    """Fetch reads tags or labels instead of the value."""
    conversion_strategy: Conversion | None = None
    """Unicode keeps characters that are invalid in keys as _Uxxxx_; Default replaces them."""
    decoding_strategy: Decoding | None = None
    """How the value is decoded."""
    null_byte_policy: NullBytes | None = None
    """What to do with a value that holds a null byte."""


GeneratorName = Literal[
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

"""All kinds of external-secrets; an entry that uses one that is not served says so in its error."""


class GeneratorRef(Model):
    """Names a generator."""

    api_version: str = GENERATORS
    """API version of the generator."""
    kind: Literal[GeneratorName, "ClusterGenerator"]
    """Kind of the generator."""
    name: Name
    """Name of the generator."""


class SourceRef(Model):
    """Overrides the store of one entry, or names a generator instead."""

    model_config = ONE_OF

    store_ref: SecretStoreRef | None = None
    """Store to read from."""
    generator_ref: GeneratorRef | None = None
    """Generator that makes the values."""


class Data(Model):
    """One key of the target and where it comes from."""

    secret_key: DataKey
    """Key in the target."""
    remote_ref: RemoteRef
    """What to read."""
    source_ref: SourceRef | None = None
    """Store of this entry; secretStoreRef by default."""

    @property
    def secret(self) -> RemoteRef:
        """The secret that is read."""
        return self.remote_ref


class FindName(Model):
    """Names to look for."""

    regexp: str | None = None
    """Expression that names must match."""


class FindRef(Model):
    """Which secrets to look for at the provider."""

    path: str | None = None
    """Where to look."""
    name: FindName | None = None
    """Names to look for."""
    tags: dict[str, str] | None = None
    """Tags to look for."""
    conversion_strategy: Conversion | None = None
    """Unicode keeps characters that are invalid in keys as _Uxxxx_; Default replaces them."""
    decoding_strategy: Decoding | None = None
    """How the value is decoded."""
    null_byte_policy: NullBytes | None = None
    """What to do with a value that holds a null byte."""


class RewriteRegexp(Model):
    """Replace what matches in every key."""

    source: str
    """Expression to replace."""
    target: str
    """Replacement."""


class RewriteTransform(Model):
    """Render each key."""

    template: str
    """Template of the key; .value is the old key."""


class RewriteMerge(Model):
    """Put the members of all values, which are JSON objects, into one map."""

    into: str = ""
    """Key of the merged value, for the strategy JSON."""
    priority: list[str] | None = None
    """Values whose members win, the last one most."""
    priority_policy: Literal["IgnoreNotFound", "Strict"] = "Strict"
    """What to do if a value of priority is missing."""
    conflict_policy: Literal["Ignore", "Error"] = "Error"
    """What to do if two values have the same member."""
    strategy: Literal["Extract", "JSON"] = "Extract"
    """Extract makes a key of each member; JSON makes one value."""


class Rewrite(Model):
    """One step by which keys are rewritten; exactly one kind."""

    model_config = ONE_OF

    regexp: RewriteRegexp | None = None
    """Replace what matches."""
    transform: RewriteTransform | None = None
    """Render each key."""
    merge: RewriteMerge | None = None
    """Merge the members of all values."""


class DataFrom(Model):
    """Several keys of the target from one place."""

    model_config = checked(
        ("!has(self.extract) || !has(self.find)", BOTH),
        ("has(self.extract) || has(self.find) || has(self.sourceRef)", EITHER),
    )

    extract: RemoteRef | None = None
    """All members of one secret."""
    find: FindRef | None = None
    """All secrets that match."""
    rewrite: list[Rewrite] | None = None
    """How keys are rewritten, in this order."""
    source_ref: SourceRef | None = None
    """Store of this entry, or generator."""

    @property
    def secret(self) -> RemoteRef | None:
        """The secret that is read; None if the entry searches, or names a generator."""
        return self.extract

    @property
    def source(self) -> str:
        """The field that says where the values come from; empty if there is none."""
        if self.find is not None:
            return "find"
        if self.extract is not None:
            return "extract"
        return "sourceRef.generatorRef" if self.source_ref and self.source_ref.generator_ref else ""


class SyncWindow(Model):
    """Opens by a schedule in UTC, and stays open for a while."""

    schedule: ScheduleText
    """When the window opens: cron in UTC."""
    duration: Duration
    """How long it stays open."""


class SyncWindows(Model):
    """When periodic refreshes may happen, or may not."""

    kind: Literal["allow", "deny"]
    """Whether refreshes are allowed or denied inside the windows."""
    windows: Annotated[list[SyncWindow], Field(min_length=1, max_length=100)]
    """The windows."""


class ExternalSecretSpec(Model):
    """What an ExternalSecret asks for."""

    model_config = checked(
        ("has(self.data) && size(self.data) > 0 || has(self.dataFrom) && size(self.dataFrom) > 0", NOTHING)
    )

    secret_store_ref: SecretStoreRef | None = None
    """Store to read from."""
    target: Annotated[Target, Field(json_schema_extra={"default": TARGET})] = Field(default_factory=Target)
    """The Secret to write."""
    refresh_policy: Literal["CreatedOnce", "Periodic", "OnChange"] | None = None
    """When values are read again; Periodic by default."""
    refresh_interval: Duration = "1h0m0s"
    """Time between two refreshes; 0 for one only."""
    sync_windows: SyncWindows | None = None
    """When periodic refreshes may happen."""
    data: list[Data] | None = None
    """Single values."""
    data_from: list[DataFrom] | None = None
    """Several values from one place."""

    @cached_property
    def entries(self) -> Sequence[tuple[str, Data | DataFrom]]:
        """All entries with their fields, in the order in which they are processed.

        One that only names a store asks for nothing: the original takes it and makes nothing of it.
        """
        found: list[tuple[str, Data | DataFrom]] = [
            (f"spec.dataFrom[{index}].{each.source}", each)
            for index, each in enumerate(self.data_from or ())
            if each.source
        ]
        return found + [(f"spec.data[{index}]", each) for index, each in enumerate(self.data or ())]

    @cached_property
    def generators(self) -> Mapping[str, tuple[str, str, str]]:
        """The apiVersion, kind and name of each generator, by the field of its entry."""
        named = {at: each.source_ref.generator_ref for at, each in self.entries if each.source_ref}
        return {at: (ref.api_version or GENERATORS, ref.kind, ref.name) for at, ref in named.items() if ref is not None}

    def store_of(self, entry: Data | DataFrom) -> SecretStoreRef | None:
        """Return the store of an entry: its own, or the one that the spec names for all."""
        return (entry.source_ref.store_ref if entry.source_ref else None) or self.secret_store_ref


def store_field(at: str, entry: Data | DataFrom) -> str:
    """Return the field that names the store of an entry: its own, or the one for all entries.

    Args:
        at: the entry's field, as in `ExternalSecretSpec.entries`.
        entry: the entry.
    """
    if entry.source_ref is None or entry.source_ref.store_ref is None:
        return "spec.secretStoreRef"
    whole = at.rpartition(".")[0] if isinstance(entry, DataFrom) else at
    return f"{whole}.sourceRef.storeRef"


class Condition(Model):
    """One status condition."""

    type: str
    """Type of the condition."""
    status: str
    """True, False or Unknown."""
    reason: str | None = None
    """Reason in one word."""
    message: str | None = None
    """What a person needs to know."""
    last_transition_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """When the condition changed."""


class ExternalSecretCondition(Condition):
    """One status condition of an ExternalSecret."""

    type: Literal["Ready", "Deleted"]
    """Type of the condition."""


class Binding(Model):
    """Names the Secret that was written."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    name: str = ""
    """Name of the Secret."""


class ExternalSecretStatus(Model):
    """What was done for an ExternalSecret."""

    refresh_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time", "nullable": True})] = None
    """When values were last read."""
    synced_resource_version: str | None = None
    """Generation and metadata that were last synced."""
    conditions: list[ExternalSecretCondition] | None = None
    """Conditions."""
    binding: Binding | None = None
    """The Secret that was written."""
