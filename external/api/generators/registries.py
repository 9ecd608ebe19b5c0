"""The fields of generators of tokens for registries and clouds that this version does not serve."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector
from external.api.providers.clouds import GoogleIdentityFederation


class ACRAccessTokenSpecAuthManagedIdentity(Model):
    """A managed identity of Azure."""

    identity_id: str | None = None
    """Client ID of the managed identity."""


class ACRAccessTokenSpecAuthServicePrincipalSecretRef(Model):
    """Credentials that Secrets hold."""

    client_id: SecretKeySelector | None = None
    """Key of a Secret that holds the client ID."""
    client_secret: SecretKeySelector | None = None
    """Key of a Secret that holds the client secret."""


class ACRAccessTokenSpecAuthServicePrincipal(Model):
    """A service principal of Azure."""

    secret_ref: ACRAccessTokenSpecAuthServicePrincipalSecretRef
    """Credentials that Secrets hold."""


class ACRAccessTokenSpecAuthWorkloadIdentity(Model):
    """Workload identity of the cloud."""

    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""


class ACRAccessTokenSpecAuth(Model):
    """How to authenticate to Azure Container Registry."""

    managed_identity: ACRAccessTokenSpecAuthManagedIdentity | None = None
    """A managed identity of Azure."""
    service_principal: ACRAccessTokenSpecAuthServicePrincipal | None = None
    """A service principal of Azure."""
    workload_identity: ACRAccessTokenSpecAuthWorkloadIdentity | None = None
    """Workload identity of the cloud."""


class ACRAccessTokenSpec(Model):
    """An access token of an Azure Container Registry."""

    auth: ACRAccessTokenSpecAuth
    """How to authenticate to Azure Container Registry."""
    environment_type: Literal["PublicCloud", "USGovernmentCloud", "ChinaCloud", "GermanCloud", "AzureStackCloud"] = (
        "PublicCloud"
    )
    """Azure cloud."""
    registry: str
    """Domain of the registry."""
    scope: str | None = None
    """Scope of the token; without it a refresh token is returned."""
    tenant_id: str | None = None
    """ID of the tenant."""


class GcrAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    secret_access_key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the service account key."""


class GcrAuthWorkloadIdentity(Model):
    """Workload identity of the cloud."""

    cluster_location: str
    """Location of the GKE cluster."""
    cluster_name: str
    """Name of the GKE cluster."""
    cluster_project_id: Annotated[str | None, Field(alias="clusterProjectID")] = None
    """Project of the GKE cluster."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""


class GcrAuth(Model):
    """How to authenticate to Google Cloud."""

    secret_ref: GcrAuthSecretRef | None = None
    """Credentials that Secrets hold."""
    workload_identity: GcrAuthWorkloadIdentity | None = None
    """Workload identity of the cloud."""
    workload_identity_federation: GoogleIdentityFederation | None = None
    """Workload identity federation of Google Cloud."""


class GCRAccessTokenSpec(Model):
    """An access token of Google Cloud."""

    auth: GcrAuth
    """How to authenticate to Google Cloud."""
    project_id: Annotated[str, Field(alias="projectID")]
    """ID of the project."""
