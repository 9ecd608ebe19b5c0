"""The fields of SecretStore and ClusterSecretStore: what their CRDs are made from and what the reconcilers read."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from external.api.external_secret import Condition
from external.api.fields import ONE_OF, Model, NamespaceName, StoreInterval

ORIGINAL_PROVIDERS = frozenset(
    {
        "akeyless",
        "aws",
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
        "fake",
        "fortanix",
        "gcpsm",
        "github",
        "gitlab",
        "ibm",
        "infisical",
        "keepersecurity",
        "kubernetes",
        "nebiusmysterybox",
        "ngrok",
        "onboardbase",
        "onepassword",
        "onepasswordSDK",
        "openBao",
        "oracle",
        "ovh",
        "passbolt",
        "passworddepot",
        "previder",
        "pulumi",
        "scaleway",
        "secretserver",
        "senhasegura",
        "vault",
        "volcengine",
        "webhook",
        "yandexcertificatemanager",
        "yandexlockbox",
    }
)
"""Every provider of external-secrets, served by this version or not."""


class Provider(Model):
    """Exactly one provider; those that this version does not serve are kept as they are.

    `external.providers.registry` adds a field for each provider that is served: this layer knows none of them.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=ONE_OF["json_schema_extra"])


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
