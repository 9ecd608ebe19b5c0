"""What the rest of the product knows of Azure Key Vault."""

from types import MappingProxyType

from external.api.providers.azure import AzureKeyVault
from external.api.push_metadata.azure import AzureKeyVaultPushSpec
from external.providers.azure.connect import connect
from external.providers.azure.connection import LABEL
from external.providers.kind import ProviderKind, Pushing, Service

PUSHING = Pushing(calls=1, mark="tag", metadata=AzureKeyVaultPushSpec)
AZURE_KEY_VAULT = ProviderKind(
    name="azurekv",
    about="A store of Azure Key Vault.",
    model=AzureKeyVault,
    connect=connect,
    services=MappingProxyType({"": Service(LABEL, dollars_per_call=0.03 / 10_000, push=PUSHING)}),
)
"""The price is that of Azure's public list; a list of 25 secrets is one call too."""
