"""The fields of `spec.provider.gcpsm`, and the logins of Google Cloud that other objects have too."""

from typing import Annotated

from pydantic import Field

from external.api.fields import ConfigMapKeySelector, Model, SecretKeySelector, ServiceAccountSelector


class GoogleAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    secret_access_key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the service account key."""


class GoogleAuthWorkloadIdentity(Model):
    """Workload identity of the cloud."""

    cluster_location: str | None = None
    """Location of the GKE cluster."""
    cluster_name: str | None = None
    """Name of the GKE cluster."""
    cluster_project_id: Annotated[str | None, Field(alias="clusterProjectID")] = None
    """Project of the GKE cluster."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""


class AwsCredentialsSecret(Model):
    """Secret with aws_access_key_id, aws_secret_access_key and aws_session_token."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name."""
    namespace: Annotated[str | None, Field(min_length=1, max_length=63)] = None
    """Namespace."""


class AwsSecurityCredentials(Model):
    """Credentials of AWS that are exchanged."""

    aws_credentials_secret_ref: AwsCredentialsSecret
    """Secret with aws_access_key_id, aws_secret_access_key and aws_session_token."""
    region: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[a-z0-9-]+$")]
    """Region."""


class GoogleIdentityFederation(Model):
    """Workload identity federation of Google Cloud."""

    audience: str | None = None
    """Audience of the token."""
    aws_security_credentials: AwsSecurityCredentials | None = None
    """Credentials of AWS that are exchanged."""
    cred_config: ConfigMapKeySelector | None = None
    """Key of a ConfigMap that holds the credential configuration."""
    external_token_endpoint: str | None = None
    """URL that issues the external token."""
    gcp_service_account_email: Annotated[
        str | None, Field(min_length=1, pattern=r"^.*@.*\.iam\.gserviceaccount\.com$")
    ] = None
    """Google service account to impersonate."""
    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""


class GoogleAuth(Model):
    """How to authenticate to Google Cloud Secret Manager."""

    secret_ref: GoogleAuthSecretRef | None = None
    """Credentials that Secrets hold."""
    workload_identity: GoogleAuthWorkloadIdentity | None = None
    """Workload identity of the cloud."""
    workload_identity_federation: GoogleIdentityFederation | None = None
    """Workload identity federation of Google Cloud."""


class GoogleSecretManager(Model):
    """A store of Google Cloud Secret Manager."""

    auth: GoogleAuth | None = None
    """How to authenticate to Google Cloud Secret Manager."""
    location: str | None = None
    """Location of regional secrets."""
    project_id: Annotated[str | None, Field(alias="projectID")] = None
    """ID of the project."""
    secret_version_selection_policy: str = "LatestOrFail"
    """What to do if the latest version is disabled: LatestOrFail or LatestOrFetch."""
