"""The fields of the stores of development platforms, which this version does not serve."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.credentials import SecretValue
from external.api.fields import ONE_OF, Model, SecretKeySelector


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
