"""The fields of a store of Azure Key Vault."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector


class AzureKeyVaultAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    client_certificate: SecretKeySelector | None = None
    """Key of a Secret that holds the client certificate."""
    client_id: SecretKeySelector | None = None
    """Key of a Secret that holds the client ID."""
    client_secret: SecretKeySelector | None = None
    """Key of a Secret that holds the client secret."""
    tenant_id: SecretKeySelector | None = None
    """Key of a Secret that holds the tenant ID."""


class AzureStackEndpoints(Model):
    """Endpoints of an Azure Stack cloud."""

    active_directory_endpoint: str
    """URL of the authority that issues tokens."""
    key_vault_dns_suffix: Annotated[str | None, Field(alias="keyVaultDNSSuffix")] = None
    """DNS suffix of the vaults."""
    key_vault_endpoint: str | None = None
    """URL of the Key Vault service."""
    resource_manager_endpoint: str | None = None
    """URL of the resource manager."""


class AzureKeyVault(Model):
    """A store of Azure Key Vault."""

    auth_secret_ref: AzureKeyVaultAuthSecretRef | None = None
    """Credentials that Secrets hold."""
    auth_type: Literal["ServicePrincipal", "ManagedIdentity", "WorkloadIdentity"] = "ServicePrincipal"
    """Kind of credentials."""
    custom_cloud_config: AzureStackEndpoints | None = None
    """Endpoints of an Azure Stack cloud."""
    environment_type: Literal["PublicCloud", "USGovernmentCloud", "ChinaCloud", "GermanCloud", "AzureStackCloud"] = (
        "PublicCloud"
    )
    """Azure cloud."""
    identity_id: str | None = None
    """Client ID of the managed identity."""
    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""
    tenant_id: str | None = None
    """ID of the tenant."""
    use_azure_sdk: Annotated[bool, Field(alias="useAzureSDK")] = False
    """Kept for compatibility."""
    vault_url: str
    """URL of the vault."""
