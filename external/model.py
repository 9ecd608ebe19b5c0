"""The fields of our custom resources, typed: what the CRDs are generated from and what the reconcilers read.

Sources: external-secrets-core.md 1.1 and 1.3. What this version does not serve is in the schema all the same, is kept,
and is answered by a condition that names the field.
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from external.fields import (
    Conversion,
    DataKey,
    Decoding,
    Duration,
    Model,
    Name,
    NamespaceName,
    NullBytes,
    ScheduleText,
    StoreInterval,
    checked,
)
from external.providers.aws_model import AwsProvider
from external.providers.kubernetes_model import KubernetesProvider
from external.providers.vault_model import OpenBaoProvider, VaultProvider
from external.providers.webhook_model import WebhookProvider
from external.target_model import Target

NOTHING = "either data or dataFrom should be specified"
BOTH = "extract, find, or generatorRef cannot be set at the same time"
GENERATORS = "generators.external-secrets.io/v1alpha1"
EITHER = "either extract, find, or sourceRef must be set to dataFrom"


TARGET: JsonValue = {"creationPolicy": "Owner", "deletionPolicy": "Retain"}


class SecretStoreRef(Model):
    """Names a store."""

    name: Name | None = None
    kind: Literal["SecretStore", "ClusterSecretStore"] | None = None


class RemoteRef(Model):
    """What to read from the provider."""

    key: str
    property: str | None = None
    version: str | None = None
    metadata_policy: Literal["None", "Fetch"] | None = None
    conversion_strategy: Conversion | None = None
    decoding_strategy: Decoding | None = None
    null_byte_policy: NullBytes | None = None


class GeneratorRef(Model):
    """Names a generator."""

    api_version: str = GENERATORS
    kind: str
    name: Name


class SourceRef(Model):
    """Overrides the store of one entry, or names a generator instead."""

    store_ref: SecretStoreRef | None = None
    generator_ref: GeneratorRef | None = None


class Data(Model):
    """One key of the target and where it comes from."""

    secret_key: DataKey
    remote_ref: RemoteRef
    source_ref: SourceRef | None = None


class FindName(Model):
    """Names to look for."""

    regexp: str | None = None


class FindRef(Model):
    """Which secrets to look for at the provider."""

    path: str | None = None
    name: FindName | None = None
    tags: dict[str, str] | None = None
    conversion_strategy: Conversion | None = None
    decoding_strategy: Decoding | None = None
    null_byte_policy: NullBytes | None = None


class RewriteRegexp(Model):
    """Replace what matches in every key."""

    source: str
    target: str


class RewriteTransform(Model):
    """Render every key anew."""

    template: str


class RewriteMerge(Model):
    """Put the members of all values, which are JSON objects, into one map."""

    into: str = ""
    priority: list[str] | None = None
    priority_policy: Literal["IgnoreNotFound", "Strict"] = "Strict"
    conflict_policy: Literal["Ignore", "Error"] = "Error"
    strategy: Literal["Extract", "JSON"] = "Extract"


class Rewrite(Model):
    """One step by which keys are made anew; exactly one kind."""

    regexp: RewriteRegexp | None = None
    transform: RewriteTransform | None = None
    merge: RewriteMerge | None = None


class DataFrom(Model):
    """Several keys of the target from one place."""

    model_config = checked(
        ("!has(self.extract) || !has(self.find)", BOTH),
        ("has(self.extract) || has(self.find) || has(self.sourceRef)", EITHER),
    )

    extract: RemoteRef | None = None
    find: FindRef | None = None
    rewrite: list[Rewrite] | None = None
    source_ref: SourceRef | None = None


class SyncWindow(Model):
    """Opens by a schedule in UTC, and stays open for a while."""

    schedule: ScheduleText
    duration: Duration


class SyncWindows(Model):
    """When periodic refreshes may happen, or may not."""

    kind: Literal["allow", "deny"]
    windows: Annotated[list[SyncWindow], Field(min_length=1, max_length=100)]


class ExternalSecretSpec(Model):
    """What an ExternalSecret asks for."""

    model_config = checked(
        ("has(self.data) && size(self.data) > 0 || has(self.dataFrom) && size(self.dataFrom) > 0", NOTHING)
    )

    secret_store_ref: SecretStoreRef | None = None
    target: Annotated[Target, Field(json_schema_extra={"default": TARGET})] = Field(default_factory=Target)
    refresh_policy: Literal["CreatedOnce", "Periodic", "OnChange"] | None = None
    refresh_interval: Duration = "1h0m0s"
    sync_windows: SyncWindows | None = None
    data: list[Data] | None = None
    data_from: list[DataFrom] | None = None


class Condition(Model):
    """One status condition."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class Binding(Model):
    """Names the Secret that was written."""

    name: str = ""


class ExternalSecretStatus(Model):
    """What was done for an ExternalSecret."""

    refresh_time: str | None = None
    synced_resource_version: str | None = None
    conditions: list[Condition] | None = None
    binding: Binding | None = None


class FakeData(Model):
    """One value of the fake provider."""

    key: str
    value: str = ""
    version: str | None = None


class FakeProvider(Model):
    """Values that stand in the store itself, for tests."""

    data: list[FakeData] = Field(default_factory=list)
    validation_result: int | None = None


class Provider(Model):
    """Exactly one provider; those that this version does not know are kept as they are."""

    aws: AwsProvider | None = None
    fake: FakeProvider | None = None
    kubernetes: KubernetesProvider | None = None
    open_bao: OpenBaoProvider | None = None
    vault: VaultProvider | None = None
    webhook: WebhookProvider | None = None


class LabelRequirement(Model):
    """One expression of a label selector."""

    key: str
    operator: str
    values: list[str] | None = None


class LabelSelector(Model):
    """Kubernetes' own."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[LabelRequirement] | None = None


class StoreCondition(Model):
    """Namespaces that may use a ClusterSecretStore."""

    namespace_selector: LabelSelector | None = None
    namespaces: list[NamespaceName] | None = None
    namespace_regexes: list[str] | None = None


class RetrySettings(Model):
    """Retries inside the provider's SDK."""

    max_retries: int | None = None
    retry_interval: str | None = None


class SecretStoreSpec(Model):
    """Where secrets come from."""

    controller: str | None = None
    provider: Provider
    retry_settings: RetrySettings | None = None
    refresh_interval: Annotated[StoreInterval, Field(json_schema_extra={"x-kubernetes-int-or-string": True})] = None
    conditions: list[StoreCondition] | None = None


class SecretStoreStatus(Model):
    """Whether a store can be used."""

    conditions: list[Condition] | None = None
    capabilities: str | None = None
