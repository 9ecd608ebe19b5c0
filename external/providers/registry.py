"""Which providers there are: the name in `spec.provider`, and what connects a store to it."""

from collections.abc import Mapping
from types import MappingProxyType

from external.providers import aws, fake
from external.providers.kubernetes.connect import connect as connect_kubernetes
from external.providers.protocol import Connect
from external.providers.vault.connect import connect_open_bao, connect_vault
from external.providers.webhook.connect import connect as connect_webhook

PROVIDERS: Mapping[str, Connect] = MappingProxyType(
    {
        "aws": aws.connect,
        "fake": fake.connect,
        "kubernetes": connect_kubernetes,
        "openBao": connect_open_bao,
        "vault": connect_vault,
        "webhook": connect_webhook,
    }
)
