"""The fields of generators that ask a service, and that this version does not serve."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.credentials import RequiredSecretValue
from external.api.fields import LocalSecretKeySelector, Model, checked
from external.api.providers.vaults import BeyondTrustWorkloadCredentials
from external.api.store import RetrySettings


class BeyondtrustWorkloadCredentialsDynamicSecretSpec(Model):
    """Dynamic credentials of BeyondTrust Workload Credentials."""

    controller: str | None = None
    """Class of the controller that serves this generator."""
    provider: BeyondTrustWorkloadCredentials
    """The server and how to authenticate to it."""
    retry_settings: RetrySettings | None = None
    """Retries of a failed request."""


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
