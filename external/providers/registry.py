"""Every provider that is served, one declaration each.

The declarations feed the store model and the CRDs, the names in metrics, `coffer cost` and docs/providers.md.
"""

from types import MappingProxyType

from external.api.providers.aws import AwsProvider, tells_consumers_apart
from external.api.providers.fake import FakeProvider
from external.api.providers.gcpsm import GoogleSecretManager
from external.api.providers.kubernetes import CustomResourceProvider, KubernetesProvider
from external.api.providers.vault import OpenBaoProvider, VaultProvider
from external.api.providers.webhook import WebhookProvider, says_namespace
from external.api.push_metadata.gcp import SecretManagerPushSpec
from external.api.push_metadata.kubernetes import KubernetesPushSpec
from external.providers import aws, fake
from external.providers.akeyless.declaration import AKEYLESS
from external.providers.azure.declaration import AZURE_KEY_VAULT
from external.providers.bitwarden.declaration import BITWARDEN
from external.providers.catalogue import Catalogue
from external.providers.delinea.declaration import DELINEA
from external.providers.doppler.declaration import DOPPLER
from external.providers.gcp.connect import connect as connect_google
from external.providers.gcp.connection import SECRET_MANAGER
from external.providers.github.declaration import GITHUB
from external.providers.gitlab.declaration import GITLAB
from external.providers.infisical.declaration import INFISICAL
from external.providers.kind import ProviderKind, Pushing, Service, single
from external.providers.kubernetes.connect import connect as connect_kubernetes
from external.providers.kubernetes.connect_resources import connect as connect_resources
from external.providers.kubernetes.connection import LABEL as KUBERNETES
from external.providers.kubernetes.custom_resources import LABEL as RESOURCES
from external.providers.onepassword.declaration import ONEPASSWORD
from external.providers.scaleway.declaration import SCALEWAY
from external.providers.secretserver.declaration import SECRET_SERVER
from external.providers.vault import connect as vault
from external.providers.webhook.client import LABEL as WEBHOOK
from external.providers.webhook.connect import connect as connect_webhook

FAKE = Pushing(calls=0, mark="the store's memory", lists_versions=True)
SECRETS = Pushing(calls=1, mark="annotation", metadata=KubernetesPushSpec)
GOOGLE = Service(
    SECRET_MANAGER,
    dollars_per_call=0.03 / 10_000,
    push=Pushing(calls=2, mark="annotation and label", metadata=SecretManagerPushSpec),
)
"""The price is that of an access; calls that read no value cost nothing."""
ENGINES = Pushing(calls=1, mark="custom metadata")
REQUESTS = Pushing(calls=1, deletes_property=False)

KINDS: tuple[ProviderKind, ...] = (
    AKEYLESS,
    ProviderKind(
        name="aws",
        about="AWS Secrets Manager, Parameter Store and Certificate Manager.",
        model=AwsProvider,
        connect=aws.connect,
        services=aws.SERVICES,
        per_consumer=tells_consumers_apart,
    ),
    AZURE_KEY_VAULT,
    BITWARDEN,
    ProviderKind(
        "crd",
        "Objects of one kind of a cluster.",
        CustomResourceProvider,
        connect_resources,
        single(RESOURCES),
        ports=(443, 6443),
    ),
    DELINEA,
    DOPPLER,
    ProviderKind(
        "fake",
        "Values in the store itself, for tests.",
        FakeProvider,
        fake.connect,
        single("fake", push=FAKE),
        ports=(),
    ),
    GITHUB,
    GITLAB,
    INFISICAL,
    ProviderKind(
        name="gcpsm",
        about="Google Cloud Secret Manager.",
        model=GoogleSecretManager,
        connect=connect_google,
        services=MappingProxyType({"": GOOGLE}),
    ),
    ProviderKind(
        "kubernetes",
        "Secrets of a cluster.",
        KubernetesProvider,
        connect_kubernetes,
        single(KUBERNETES, push=SECRETS),
        ports=(443, 6443),
    ),
    ONEPASSWORD,
    ProviderKind(
        name="openBao",
        about="OpenBao.",
        model=OpenBaoProvider,
        connect=vault.connect_open_bao,
        services=single(vault.OPEN_BAO),
        ports=(443, 8200),
    ),
    SCALEWAY,
    SECRET_SERVER,
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
BUILT_IN = Catalogue(KINDS)
"""What every installation serves; plug-ins come to it (`external.providers.plugins`)."""
PROVIDERS, MODELS, PRICES = BUILT_IN.by_name, BUILT_IN.models, BUILT_IN.prices
