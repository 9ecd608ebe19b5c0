"""The fields of a store of Infisical."""

from typing import Annotated

from pydantic import Field

from external.api.fields import CaBundle, CaProvider, Model, SecretKeySelector


class InfisicalAuthAwsAuthCredentials(Model):
    """Login with AWS IAM."""

    identity_id: SecretKeySelector
    """Key of a Secret that holds the identity ID."""


class InfisicalAuthAzureAuthCredentials(Model):
    """Login with Azure."""

    identity_id: SecretKeySelector
    """Key of a Secret that holds the identity ID."""
    resource: SecretKeySelector | None = None
    """Key of a Secret that holds the resource."""


class InfisicalAuthGcpIamAuthCredentials(Model):
    """Login with a Google service account key."""

    identity_id: SecretKeySelector
    """Key of a Secret that holds the identity ID."""
    service_account_key_file_path: SecretKeySelector
    """Key of a Secret that holds the path of the key file."""


class InfisicalAuthJwtAuthCredentials(Model):
    """Login with a JWT."""

    identity_id: SecretKeySelector
    """Key of a Secret that holds the identity ID."""
    jwt: SecretKeySelector
    """Key of a Secret that holds the token."""


class InfisicalAuthKubernetesAuthCredentials(Model):
    """Login with a ServiceAccount."""

    identity_id: SecretKeySelector
    """Key of a Secret that holds the identity ID."""
    service_account_token_path: SecretKeySelector | None = None
    """Key of a Secret that holds the path of the token file."""


class InfisicalAuthLdapAuthCredentials(Model):
    """Login with LDAP."""

    identity_id: SecretKeySelector
    """Key of a Secret that holds the identity ID."""
    ldap_password: SecretKeySelector
    """Key of a Secret that holds the LDAP password."""
    ldap_username: SecretKeySelector
    """Key of a Secret that holds the LDAP user name."""


class InfisicalAuthOciAuthCredentials(Model):
    """Login with Oracle Cloud."""

    fingerprint: SecretKeySelector
    """Key of a Secret that holds the fingerprint."""
    identity_id: SecretKeySelector
    """Key of a Secret that holds the identity ID."""
    private_key: SecretKeySelector
    """Key of a Secret that holds the private key."""
    private_key_passphrase: SecretKeySelector | None = None
    """Key of a Secret that holds the private key passphrase."""
    region: SecretKeySelector
    """Key of a Secret that holds the region."""
    tenancy_id: SecretKeySelector
    """Key of a Secret that holds the tenancy ID."""
    user_id: SecretKeySelector
    """Key of a Secret that holds the user ID."""


class InfisicalAuthTokenAuthCredentials(Model):
    """Login with an access token."""

    access_token: SecretKeySelector
    """Key of a Secret that holds the access token."""


class InfisicalAuthUniversalAuthCredentials(Model):
    """Login with a client ID and secret."""

    client_id: SecretKeySelector
    """Key of a Secret that holds the client ID."""
    client_secret: SecretKeySelector
    """Key of a Secret that holds the client secret."""


class InfisicalAuth(Model):
    """How to authenticate to Infisical."""

    aws_auth_credentials: InfisicalAuthAwsAuthCredentials | None = None
    """Login with AWS IAM."""
    azure_auth_credentials: InfisicalAuthAzureAuthCredentials | None = None
    """Login with Azure."""
    gcp_iam_auth_credentials: InfisicalAuthGcpIamAuthCredentials | None = None
    """Login with a Google service account key."""
    gcp_id_token_auth_credentials: InfisicalAuthAwsAuthCredentials | None = None
    """Login with a Google ID token."""
    jwt_auth_credentials: InfisicalAuthJwtAuthCredentials | None = None
    """Login with a JWT."""
    kubernetes_auth_credentials: InfisicalAuthKubernetesAuthCredentials | None = None
    """Login with a ServiceAccount."""
    ldap_auth_credentials: InfisicalAuthLdapAuthCredentials | None = None
    """Login with LDAP."""
    oci_auth_credentials: InfisicalAuthOciAuthCredentials | None = None
    """Login with Oracle Cloud."""
    token_auth_credentials: InfisicalAuthTokenAuthCredentials | None = None
    """Login with an access token."""
    universal_auth_credentials: InfisicalAuthUniversalAuthCredentials | None = None
    """Login with a client ID and secret."""


class InfisicalSecretsScope(Model):
    """Which secrets are read."""

    environment_slug: str
    """Slug of the environment."""
    expand_secret_references: bool = True
    """Whether references inside values are resolved."""
    organization_slug: str | None = None
    """Slug of the organization."""
    project_slug: str
    """Slug of the project."""
    recursive: bool = False
    """Whether folders below the path are read."""
    secrets_path: str = "/"
    """Folder of the secrets."""


class Infisical(Model):
    """A store of Infisical."""

    auth: InfisicalAuth
    """How to authenticate to Infisical."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    host_api: Annotated[str, Field(alias="hostAPI")] = "https://app.infisical.com/api"
    """URL of the API."""
    secrets_scope: InfisicalSecretsScope
    """Which secrets are read."""
