"""The fields of a store of GitHub Actions."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import Model, SecretKeySelector


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
