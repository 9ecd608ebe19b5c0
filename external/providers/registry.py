"""Every provider that is served, one declaration each.

The declarations feed the store model and the CRDs, the names in metrics, `coffer cost` and docs/providers.md.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import create_model

from external.api.fields import with_optional_fields
from external.api.providers.aws import AwsProvider, tells_consumers_apart
from external.api.providers.azure import AzureKeyVault
from external.api.providers.fake import FakeProvider
from external.api.providers.kubernetes import CustomResourceProvider, KubernetesProvider
from external.api.providers.vault import OpenBaoProvider, VaultProvider
from external.api.providers.webhook import WebhookProvider, says_namespace
from external.api.push_metadata.azure import AzureKeyVaultPushSpec
from external.api.push_metadata.kubernetes import KubernetesPushSpec
from external.api.references import Reference, references
from external.api.store import Provider, SecretStoreSpec
from external.providers import aws, fake
from external.providers.azure.connect import connect as connect_azure
from external.providers.azure.connection import LABEL as AZURE
from external.providers.kind import ProviderKind, Pushing, Service, single
from external.providers.kubernetes.connect import connect as connect_kubernetes
from external.providers.kubernetes.connect_resources import connect as connect_resources
from external.providers.kubernetes.connection import LABEL as KUBERNETES
from external.providers.kubernetes.custom_resources import LABEL as RESOURCES
from external.providers.vault import connect as vault
from external.providers.webhook.client import LABEL as WEBHOOK
from external.providers.webhook.connect import connect as connect_webhook
from manager.kube.resources import Body

OBJECTS = Pushing(calls=1, mark="tag", metadata=AzureKeyVaultPushSpec)
FAKE = Pushing(calls=0, mark="the store's memory", lists_versions=True)
SECRETS = Pushing(calls=1, mark="annotation", metadata=KubernetesPushSpec)
ENGINES = Pushing(calls=1, mark="custom metadata")
REQUESTS = Pushing(calls=1, deletes_property=False)

KINDS: tuple[ProviderKind, ...] = (
    ProviderKind(
        name="aws",
        about="AWS Secrets Manager, Parameter Store and Certificate Manager.",
        model=AwsProvider,
        connect=aws.connect,
        services=aws.SERVICES,
        per_consumer=tells_consumers_apart,
    ),
    ProviderKind(
        name="azurekv",
        about="A store of Azure Key Vault.",
        model=AzureKeyVault,
        connect=connect_azure,
        services=MappingProxyType({"": Service(AZURE, dollars_per_call=0.03 / 10_000, push=OBJECTS)}),
    ),
    ProviderKind(
        "crd",
        "Objects of one kind of a cluster.",
        CustomResourceProvider,
        connect_resources,
        single(RESOURCES),
        ports=(443, 6443),
    ),
    ProviderKind(
        "fake",
        "Values in the store itself, for tests.",
        FakeProvider,
        fake.connect,
        single("fake", push=FAKE),
        ports=(),
    ),
    ProviderKind(
        "kubernetes",
        "Secrets of a cluster.",
        KubernetesProvider,
        connect_kubernetes,
        single(KUBERNETES, push=SECRETS),
        ports=(443, 6443),
    ),
    ProviderKind(
        name="openBao",
        about="OpenBao.",
        model=OpenBaoProvider,
        connect=vault.connect_open_bao,
        services=single(vault.OPEN_BAO),
        ports=(443, 8200),
    ),
    ProviderKind(
        "vault",
        "HashiCorp Vault.",
        VaultProvider,
        vault.connect_vault,
        single(vault.VAULT, push=ENGINES),
        ports=(443, 8200),
    ),
    ProviderKind(
        "webhook", "Any HTTP API.", WebhookProvider, connect_webhook, single(WEBHOOK, push=REQUESTS), says_namespace
    ),
)
PROVIDERS: Mapping[str, ProviderKind] = MappingProxyType({kind.name: kind for kind in KINDS})
MODELS: Mapping[str, tuple[type, str]] = MappingProxyType({kind.name: (kind.model, kind.about) for kind in KINDS})
"""Name -> model and description of each field of `spec.provider`."""
PRICES: Mapping[str, float] = MappingProxyType(
    {
        service.label: service.dollars_per_call
        for kind in KINDS
        for service in kind.services.values()
        if service.dollars_per_call
    }
)
"""US dollars a call, by the label of the metric of provider calls."""

ServedProvider: type[Provider] = with_optional_fields("ServedProvider", Provider, MODELS)
StoreSpec: type[SecretStoreSpec] = create_model(
    "StoreSpec", __base__=SecretStoreSpec, __module__=__name__, provider=(ServedProvider, ...)
)
"""`spec` of a store, with a field for each provider that is served."""


def capabilities(store: Body) -> str:
    """Return `status.capabilities` of a valid store, which depends on nothing but its provider's name."""
    provider = store["spec"]["provider"]
    pushes = all(kind.pushes for kind in KINDS if provider.get(kind.name) is not None)
    return "ReadWrite" if pushes else "ReadOnly"


def service_of(store: Body) -> Service:
    """Return the service that a raw store reads from; one that is not served has the provider's name as its label."""
    provider = (store.get("spec") or {}).get("provider") or {}
    name = next(iter(provider), "") if isinstance(provider, dict) else ""
    kind = PROVIDERS.get(name)
    return kind.service(provider[name]) if kind is not None else Service(name)


def references_of(provider: object) -> list[Reference]:
    """Return which Secrets, ConfigMaps and ServiceAccounts a raw `spec.provider` refers to."""
    return list(references(ServedProvider, provider))


def per_consumer(provider: Mapping[str, object]) -> bool:
    """Return True if a provider sees which namespace asks it, from a raw `spec.provider`."""
    return any(kind.per_consumer(provider.get(kind.name)) for kind in KINDS)
