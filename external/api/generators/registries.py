"""The fields of generators of tokens for registries and clouds that this version does not serve."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector
from external.api.providers.aws import AwsAuth
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


class CloudsmithAccessTokenSpec(Model):
    """An access token of Cloudsmith."""

    api_url: str | None = None
    """URL of the API."""
    org_slug: str
    """Slug of the organization."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""
    service_slug: str
    """Slug of the service account."""


class ECRAuthorizationTokenSpec(Model):
    """A token for registries of Amazon ECR."""

    auth: AwsAuth | None = None
    """How to authenticate to Amazon ECR."""
    region: str
    """Region."""
    role: str | None = None
    """ARN of the role to assume."""
    scope: str | None = None
    """Registry: private (default) or public."""


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


class QuayAccessTokenSpec(Model):
    """A token of a Quay robot account."""

    robot_account: str
    """Name of the robot account."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""
    url: str | None = None
    """URL of Quay."""


class STSSessionTokenSpecRequestParameters(Model):
    """Parameters of the session."""

    serial_number: str | None = None
    """Serial number of the MFA device."""
    session_duration: Annotated[int | None, Field(json_schema_extra={"format": "int32"})] = None
    """Seconds that the session lives."""
    token_code: str | None = None
    """Code of the MFA device."""


class STSSessionTokenSpec(Model):
    """Temporary credentials of AWS STS."""

    auth: AwsAuth | None = None
    """How to authenticate to AWS STS."""
    region: str
    """Region."""
    request_parameters: STSSessionTokenSpecRequestParameters | None = None
    """Parameters of the session."""
    role: str | None = None
    """ARN of the role to assume."""
