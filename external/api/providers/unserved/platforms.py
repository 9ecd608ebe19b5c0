"""The fields of the stores of development platforms and clusters, which this version does not serve."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.credentials import SecretValue
from external.api.fields import ONE_OF, CaBundle, CaProvider, Model, SecretKeySelector, ServiceAccountSelector, checked


class ChefAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    private_key_secret_ref: SecretKeySelector
    """Key of a Secret that holds the private key."""


class ChefAuth(Model):
    """How to authenticate to Chef Infra Server."""

    secret_ref: ChefAuthSecretRef
    """Credentials that Secrets hold."""


class Chef(Model):
    """A store of Chef Infra Server."""

    auth: ChefAuth
    """How to authenticate to Chef Infra Server."""
    server_url: str
    """URL of the server."""
    username: str
    """Name of the user."""


class CustomResourcesAuthCert(Model):
    """Login with a client certificate."""

    client_cert: SecretKeySelector
    """Key of a Secret that holds the client certificate."""
    client_key: SecretKeySelector
    """Key of a Secret that holds the client key."""


class CustomResourcesAuthToken(Model):
    """Login with a token."""

    bearer_token: SecretKeySelector
    """Key of a Secret that holds the bearer token."""


class CustomResourcesAuth(Model):
    """How to authenticate to the API server."""

    model_config = ONE_OF

    cert: CustomResourcesAuthCert | None = None
    """Login with a client certificate."""
    service_account: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""
    token: CustomResourcesAuthToken | None = None
    """Login with a token."""


class CustomResourcesResource(Model):
    """The resource to read."""

    group: str
    """API group; empty for the core group."""
    kind: Annotated[str, Field(min_length=1)]
    """Kind of the resource."""
    version: Annotated[str, Field(min_length=1)]
    """Version of the API."""


class CustomResourcesServer(Model):
    """The API server."""

    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    url: str = "kubernetes.default"
    """URL of the API server."""


class ResourceRule(Model):
    """One rule of what may be read; all given fields must match."""

    name: str | None = None
    """Name of the resource, as an RE2 expression."""
    namespace: str | None = None
    """Namespace of the resource, as an RE2 expression."""
    properties: list[str] | None = None
    """Properties that may be read, as RE2 expressions."""


class ResourceRules(Model):
    """What may be read."""

    rules: list[ResourceRule] | None = None
    """Rules; a resource may be read if one matches."""


class CustomResources(Model):
    """Custom resources of a cluster."""

    model_config = checked(
        ("has(self.auth) || has(self.authRef)", "one of auth or authRef must be set"),
        ("!(has(self.auth) && has(self.authRef))", "auth and authRef are mutually exclusive"),
    )

    auth: CustomResourcesAuth | None = None
    """How to authenticate to the API server."""
    auth_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the config."""
    resource: CustomResourcesResource
    """The resource to read."""
    server: CustomResourcesServer | None = None
    """The API server."""
    whitelist: ResourceRules | None = None
    """What may be read."""


class GitHubAuth(Model):
    """How to authenticate as a GitHub App."""

    private_key: SecretKeySelector
    """Key of a Secret that holds the private key."""


class GitHub(Model):
    """A store of GitHub Actions."""

    app_id: Annotated[int, Field(alias="appID", json_schema_extra={"format": "int64"})]
    """ID of the GitHub App."""
    auth: GitHubAuth
    """How to authenticate as a GitHub App."""
    environment: str | None = None
    """Environment of the repository."""
    installation_id: Annotated[int, Field(alias="installationID", json_schema_extra={"format": "int64"})]
    """ID of the installation of the App."""
    org_secret_visibility: Literal["all", "private"] | None = None
    """Which repositories see a secret of the organization."""
    organization: str
    """Organization."""
    repository: str | None = None
    """Repository."""
    upload_url: Annotated[str | None, Field(alias="uploadURL")] = None
    """URL for uploads."""
    url: str = "https://github.com/"
    """URL of GitHub."""


class NgrokAuth(Model):
    """How to authenticate to ngrok."""

    model_config = ONE_OF

    api_key: SecretValue | None = None
    """API key."""


class NgrokVault(Model):
    """The vault."""

    name: str
    """Name of the vault."""


class Ngrok(Model):
    """A store of ngrok."""

    api_url: str = "https://api.ngrok.com"
    """URL of the API."""
    auth: NgrokAuth
    """How to authenticate to ngrok."""
    vault: NgrokVault
    """The vault."""
