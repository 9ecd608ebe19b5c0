"""The fields of the stores of configuration services, which this version does not serve."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.credentials import SecretValue
from external.api.fields import (
    CaBundle,
    CaProvider,
    Model,
    RequiredWithDefault,
    SecretKeySelector,
    ServiceAccountSelector,
    checked,
)


class DopplerAuthOidcConfig(Model):
    """Login with a token of a ServiceAccount."""

    expiration_seconds: Annotated[int, Field(json_schema_extra={"format": "int64"})] = 600
    """Seconds that the token lives."""
    identity: str
    """ID of the service account identity."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""


class DopplerAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    doppler_token: SecretKeySelector
    """Key of a Secret that holds the doppler token."""


class DopplerAuth(Model):
    """How to authenticate to Doppler."""

    model_config = checked(
        ("has(self.secretRef) != has(self.oidcConfig)", "exactly one of secretRef or oidcConfig must be set")
    )

    oidc_config: DopplerAuthOidcConfig | None = None
    """Login with a token of a ServiceAccount."""
    secret_ref: DopplerAuthSecretRef | None = None
    """Credentials that Secrets hold."""


class Doppler(Model):
    """A store of Doppler."""

    auth: DopplerAuth
    """How to authenticate to Doppler."""
    config: str | None = None
    """Doppler config."""
    format: Literal["json", "dotnet-json", "env", "yaml", "docker"] | None = None
    """Format of the downloaded document."""
    name_transformer: Literal["upper-camel", "camel", "lower-snake", "tf-var", "dotnet-env", "lower-kebab"] | None = (
        None
    )
    """How names are transformed."""
    project: str | None = None
    """Project."""


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


class OnboardbaseAuth(Model):
    """How to authenticate to Onboardbase."""

    api_key_ref: SecretKeySelector
    """Key of a Secret that holds the API key."""
    passcode_ref: SecretKeySelector
    """Key of a Secret that holds the passcode."""


class Onboardbase(Model):
    """A store of Onboardbase."""

    api_host: Annotated[str, RequiredWithDefault] = "https://public.onboardbase.com/api/v1/"
    """URL of the API."""
    auth: OnboardbaseAuth
    """How to authenticate to Onboardbase."""
    environment: Annotated[str, RequiredWithDefault] = "development"
    """Environment to read."""
    project: Annotated[str, RequiredWithDefault] = "development"
    """Project."""


class PreviderAuth(Model):
    """How to authenticate to Previder Vault."""

    secret_ref: InfisicalAuthTokenAuthCredentials | None = None
    """Credentials that Secrets hold."""


class Previder(Model):
    """A store of Previder Vault."""

    auth: PreviderAuth
    """How to authenticate to Previder Vault."""
    base_uri: str | None = None
    """URL of the API."""


class PulumiAuthOidcConfig(Model):
    """Login with a token of a ServiceAccount."""

    expiration_seconds: Annotated[int, Field(ge=600, json_schema_extra={"format": "int64"})] = 600
    """Seconds that the token lives."""
    organization: str
    """Organization."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""


class PulumiAuth(Model):
    """How to authenticate to Pulumi ESC."""

    model_config = checked(
        ("has(self.accessToken) != has(self.oidcConfig)", "exactly one of accessToken or oidcConfig must be set")
    )

    access_token: SecretValue | None = None
    """Access token."""
    oidc_config: PulumiAuthOidcConfig | None = None
    """Login with a token of a ServiceAccount."""


class Pulumi(Model):
    """A store of Pulumi ESC."""

    model_config = checked(
        ("has(self.auth) != has(self.accessToken)", "exactly one of auth or accessToken must be set")
    )

    access_token: SecretValue | None = None
    """Access token."""
    api_url: str = "https://api.pulumi.com/api/esc"
    """URL of the API."""
    auth: PulumiAuth | None = None
    """How to authenticate to Pulumi ESC."""
    environment: str
    """Environment to read."""
    organization: str
    """Organization."""
    project: str
    """Project."""
