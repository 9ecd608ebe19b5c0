"""The fields of a store of GitLab CI/CD variables."""

from typing import Annotated

from pydantic import Field

from external.api.fields import CaBundle, CaProvider, Model, SecretKeySelector


class GitLabAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    access_token: SecretKeySelector | None = None
    """Key of a Secret that holds the access token."""


class GitLabAuth(Model):
    """How to authenticate to GitLab CI/CD variables."""

    secret_ref: Annotated[GitLabAuthSecretRef, Field(alias="SecretRef")]
    """Credentials that Secrets hold."""


class GitLab(Model):
    """A store of GitLab CI/CD variables."""

    auth: GitLabAuth
    """How to authenticate to GitLab CI/CD variables."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    environment: str | None = None
    """Environment scope of the variables."""
    group_i_ds: list[str] | None = None
    """IDs of the groups whose variables are read."""
    inherit_from_groups: bool | None = None
    """Whether variables of parent groups are read."""
    project_id: Annotated[str | None, Field(alias="projectID")] = None
    """ID of the project."""
    url: str | None = None
    """URL of GitLab."""
