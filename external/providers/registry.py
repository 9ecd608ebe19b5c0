"""Which providers there are: the name in `spec.provider`, what connects a store to it, and what the original can do."""

from collections.abc import Mapping
from types import MappingProxyType

from external.providers import aws, fake
from external.providers.kubernetes.connect import connect as connect_kubernetes
from external.providers.protocol import Connect
from external.providers.vault.connect import connect_open_bao, connect_vault
from external.providers.webhook.connect import connect as connect_webhook
from manager.kube.resources import Body

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
READ_ONLY = frozenset({"openBao"})
"""Providers to which the original pushes nothing."""


def capabilities(store: Body) -> str:
    """Return `status.capabilities` of a valid store, which depends on nothing but its provider's name."""
    provider = store["spec"]["provider"]
    return "ReadOnly" if any(provider.get(each) is not None for each in READ_ONLY) else "ReadWrite"
