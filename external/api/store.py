"""The fields of our custom resources, typed: what the CRDs are generated from and what the reconcilers read.

Sources: external-secrets-core.md 1.1 and 1.3. What this version does not serve is in the schema all the same, is kept,
and is answered by a condition that names the field.
"""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from external.api.external_secret import Condition
from external.api.fields import ONE_OF, Model, NamespaceName, StoreInterval
from external.api.providers.aws import AwsProvider
from external.api.providers.kubernetes import KubernetesProvider
from external.api.providers.vault import OpenBaoProvider, VaultProvider
from external.api.providers.webhook import WebhookProvider


class FakeData(Model):
    """One value of the fake provider."""

    key: str
    """Key of the value."""
    value: str
    """The value."""
    version: str | None = None
    """Version of the value."""


class FakeProvider(Model):
    """Values that stand in the store itself, for tests."""

    data: list[FakeData]
    """The values."""
    validation_result: int | None = None
    """What validation returns: 0 ready, 1 unknown, 2 error."""


UNSERVED_PROVIDERS = frozenset(
    {
        "akeyless",
        "azurekv",
        "barbican",
        "beyondtrust",
        "beyondtrustworkloadcredentials",
        "bitwardensecretsmanager",
        "chef",
        "cloudrusm",
        "conjur",
        "crd",
        "delinea",
        "doppler",
        "dvls",
        "fortanix",
        "gcpsm",
        "github",
        "gitlab",
        "ibm",
        "infisical",
        "keepersecurity",
        "nebiusmysterybox",
        "ngrok",
        "onboardbase",
        "onepassword",
        "onepasswordSDK",
        "oracle",
        "ovh",
        "passbolt",
        "passworddepot",
        "previder",
        "pulumi",
        "scaleway",
        "secretserver",
        "senhasegura",
        "volcengine",
        "yandexcertificatemanager",
        "yandexlockbox",
    }
)

"""The original's other providers; their fields are in `external.api.providers`."""


class Provider(Model):
    """Exactly one provider; those that this version does not serve are kept as they are.

    Their fields are in `external.api.stores`, which only the CRDs are made from.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=ONE_OF["json_schema_extra"])

    aws: AwsProvider | None = None
    """AWS Secrets Manager and Parameter Store."""
    fake: FakeProvider | None = None
    """Values in the store itself, for tests."""
    kubernetes: KubernetesProvider | None = None
    """Secrets of a cluster."""
    open_bao: OpenBaoProvider | None = None
    """OpenBao."""
    vault: VaultProvider | None = None
    """HashiCorp Vault."""
    webhook: WebhookProvider | None = None
    """Any HTTP API."""


ATOMIC_LIST: dict[str, JsonValue] = {"x-kubernetes-list-type": "atomic"}

ATOMIC_MAP: dict[str, JsonValue] = {"x-kubernetes-map-type": "atomic"}


class LabelRequirement(Model):
    """One expression of a label selector."""

    key: str
    """Label key."""
    operator: str
    """In, NotIn, Exists or DoesNotExist."""
    values: Annotated[list[str] | None, Field(json_schema_extra=ATOMIC_LIST)] = None
    """Values for In and NotIn."""


class LabelSelector(Model):
    """Selects objects by their labels, as Kubernetes does."""

    model_config = ConfigDict(json_schema_extra=ATOMIC_MAP)

    match_labels: dict[str, str] | None = None
    """Labels that must be equal."""
    match_expressions: Annotated[list[LabelRequirement] | None, Field(json_schema_extra=ATOMIC_LIST)] = None
    """Expressions that must hold."""


class StoreCondition(Model):
    """Namespaces that may use a ClusterSecretStore."""

    namespace_selector: LabelSelector | None = None
    """Labels of namespaces that may use the store."""
    namespaces: list[NamespaceName] | None = None
    """Namespaces that may use the store."""
    namespace_regexes: list[str] | None = None
    """Expressions of namespaces that may use the store."""


class RetrySettings(Model):
    """Retries inside the provider's SDK."""

    max_retries: Annotated[int | None, Field(json_schema_extra={"format": "int32"})] = None
    """Retries at most."""
    retry_interval: str | None = None
    """Time between two retries."""


class SecretStoreSpec(Model):
    """Where secrets come from."""

    controller: str | None = None
    """Class of the controller that serves this store."""
    provider: Provider
    """Where secrets are; exactly one."""
    retry_settings: RetrySettings | None = None
    """Retries of a failed request."""
    refresh_interval: Annotated[StoreInterval, Field(json_schema_extra={"x-kubernetes-int-or-string": True})] = None
    """Time between two validations; a number is seconds."""
    conditions: list[StoreCondition] | None = None
    """Namespaces that may use a ClusterSecretStore; one match is enough, none means all."""


class SecretStoreStatus(Model):
    """Whether a store can be used."""

    conditions: list[Condition] | None = None
    """Conditions."""
    capabilities: str | None = None
    """ReadOnly, WriteOnly or ReadWrite."""
