"""The fields of generators that ask a service or make keys, and that this version does not serve."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.credentials import RequiredSecretValue
from external.api.fields import AnyJson, CaBundle, CaProvider, LocalSecretKeySelector, Model, SecretKeySelector, checked
from external.api.providers.vault import VaultProvider
from external.api.providers.vaults import BeyondTrustWorkloadCredentials
from external.api.providers.webhook import WebhookAuth
from external.api.store import RetrySettings


class BeyondtrustWorkloadCredentialsDynamicSecretSpec(Model):
    """Dynamic credentials of BeyondTrust Workload Credentials."""

    controller: str | None = None
    """Class of the controller that serves this generator."""
    provider: BeyondTrustWorkloadCredentials
    """The server and how to authenticate to it."""
    retry_settings: RetrySettings | None = None
    """Retries of a failed request."""


class GithubAccessTokenSpecAuth(Model):
    """How to authenticate as a GitHub App."""

    private_key: RequiredSecretValue
    """Private key of the App."""


class GithubAccessTokenSpec(Model):
    """An installation token of a GitHub App."""

    app_id: Annotated[str, Field(alias="appID")]
    """ID of the GitHub App."""
    auth: GithubAccessTokenSpecAuth
    """How to authenticate as a GitHub App."""
    install_id: Annotated[str, Field(alias="installID")]
    """ID of the installation of the App."""
    permissions: dict[str, str] | None = None
    """Permissions of the token."""
    repositories: list[str] | None = None
    """Repositories that the token covers."""
    url: str | None = None
    """URL of the API."""


class GitlabDeployTokenSpecAuth(Model):
    """How to authenticate to GitLab."""

    token: RequiredSecretValue
    """Access token of GitLab."""


class GitlabDeployTokenSpec(Model):
    """A deploy token of a GitLab project or group."""

    model_config = checked(
        ("has(self.projectID) != has(self.groupID)", "exactly one of projectID or groupID must be set")
    )

    auth: GitlabDeployTokenSpecAuth
    """How to authenticate to GitLab."""
    expires_at: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """Time at which the token expires."""
    group_id: Annotated[str | None, Field(alias="groupID", min_length=1)] = None
    """ID of the group."""
    name: Annotated[str, Field(min_length=1)]
    """Name of the deploy token."""
    project_id: Annotated[str | None, Field(alias="projectID", min_length=1)] = None
    """ID of the project."""
    scopes: Annotated[
        list[
            Literal[
                "read_repository",
                "read_registry",
                "write_registry",
                "read_package_registry",
                "write_package_registry",
                "read_virtual_registry",
                "write_virtual_registry",
            ]
        ],
        Field(min_length=1),
    ]
    """Scopes of the token."""
    url: str | None = None
    """URL of GitLab."""
    username: str | None = None
    """User name of the deploy token."""


class GrafanaSpecAuthBasic(Model):
    """Login with user and password."""

    password: LocalSecretKeySelector
    """Key of a Secret that holds the password."""
    username: str
    """Name of the user."""


class GrafanaSpecAuth(Model):
    """How to authenticate to Grafana."""

    basic: GrafanaSpecAuthBasic | None = None
    """Login with user and password."""
    token: LocalSecretKeySelector | None = None
    """Key of a Secret that holds the token."""


class GrafanaSpecServiceAccount(Model):
    """The service account and its token."""

    name: str
    """Name of the service account."""
    role: str
    """Role of the service account."""
    seconds_to_live: Annotated[int | None, Field(ge=1, json_schema_extra={"format": "int64"})] = None
    """Seconds that the token lives."""


class GrafanaSpec(Model):
    """A token of a Grafana service account."""

    auth: GrafanaSpecAuth
    """How to authenticate to Grafana."""
    service_account: GrafanaSpecServiceAccount
    """The service account and its token."""
    url: str
    """URL of Grafana."""


class MFASpec(Model):
    """A time-based one-time password (RFC 6238)."""

    algorithm: str | None = None
    """Hash function: sha1, sha256 or sha512."""
    length: int | None = None
    """Number of digits."""
    secret: SecretKeySelector
    """Key of a Secret that holds the seed."""
    time_period: int | None = None
    """Seconds that a code is valid."""
    when: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """Time for which the code is computed; now by default."""


class SSHKeySpec(Model):
    """An SSH key pair."""

    comment: str | None = None
    """Comment of the public key."""
    key_size: Annotated[int | None, Field(ge=256, le=8192)] = None
    """Size of the key in bits."""
    key_type: Literal["rsa", "ecdsa", "ed25519"] = "rsa"
    """Type of the key."""


class VaultDynamicSecretSpec(Model):
    """An answer of a Vault secrets engine."""

    allow_empty_response: bool = False
    """Whether an empty answer is accepted."""
    controller: str | None = None
    """Class of the controller that serves this generator."""
    get_parameters: dict[str, list[str]] | None = None
    """Query parameters of the request."""
    method: str | None = None
    """HTTP method."""
    parameters: AnyJson | None = None
    """Parameters of the request."""
    path: str
    """Path of the secrets engine to ask."""
    provider: VaultProvider
    """Vault and how to authenticate to it."""
    result_type: Literal["Data", "Auth", "Raw"] = "Data"
    """Part of the answer that is returned."""
    retry_settings: RetrySettings | None = None
    """Retries of a failed request."""


class WebhookSpecResult(Model):
    """Which part of the answer is taken."""

    json_path: str | None = None
    """JSONPath of the value in the answer."""


class WebhookSpecSecrets(Model):
    """A Secret whose values templates may use."""

    name: str
    """Name by which templates refer to the Secret."""
    secret_ref: LocalSecretKeySelector
    """Key of a Secret that holds the value."""


class WebhookSpec(Model):
    """Values of an HTTP API."""

    auth: WebhookAuth | None = None
    """How to authenticate to the server."""
    body: str | None = None
    """Body of the request, a Go template."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    headers: dict[str, str] | None = None
    """Headers of the request; values are Go templates."""
    method: str | None = None
    """HTTP method."""
    result: WebhookSpecResult
    """Which part of the answer is taken."""
    secrets: list[WebhookSpecSecrets] | None = None
    """Secrets whose values templates may use."""
    timeout: str | None = None
    """Time until a request is given up."""
    url: str
    """URL, a Go template."""
