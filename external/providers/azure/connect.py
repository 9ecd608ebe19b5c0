"""Connects stores to Azure Key Vault."""

from external.api.providers.azure import AzureKeyVault
from external.providers.azure.client import KeyVault
from external.providers.azure.connection import VaultAddress, VaultConnection
from external.providers.azure.identity import AT, identity_of, login_url
from external.providers.protocol import Client, ConnectContext
from external.providers.support.logins.loopback import require_secure


async def connect(spec: AzureKeyVault, context: ConnectContext) -> Client:
    """Return the client of one vault."""
    require_secure(spec.vault_url, f"{AT}.vaultUrl")
    require_secure(login_url(spec), f"{AT}.customCloudConfig.activeDirectoryEndpoint")
    identity = await identity_of(spec, context)
    custom = spec.custom_cloud_config
    address = VaultAddress(spec.vault_url, identity.tenant, (custom.key_vault_endpoint if custom else None) or "")

    def make() -> Client:
        connection = VaultConnection(
            address, identity.login, identity.egress, context.egress, context.count, context.timeout
        )
        return KeyVault(connection, with_times=not spec.use_azure_sdk)

    return await context.run(make)
