"""The fields of a store of Bitwarden Secrets Manager."""

from typing import Annotated

from pydantic import Field

from external.api.fields import CaProvider, Model, SecretKeySelector


class BitwardenAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    credentials: SecretKeySelector
    """Key of a Secret that holds the credentials."""


class BitwardenAuth(Model):
    """How to authenticate to Bitwarden Secrets Manager."""

    secret_ref: BitwardenAuthSecretRef
    """Credentials that Secrets hold."""


class Bitwarden(Model):
    """A store of Bitwarden Secrets Manager."""

    api_url: Annotated[str | None, Field(alias="apiURL")] = None
    """URL of the API."""
    auth: BitwardenAuth
    """How to authenticate to Bitwarden Secrets Manager."""
    bitwarden_server_sdkurl: Annotated[str | None, Field(alias="bitwardenServerSDKURL")] = None
    """URL of the Bitwarden SDK server."""
    ca_bundle: str | None = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    identity_url: Annotated[str | None, Field(alias="identityURL")] = None
    """URL of the identity service."""
    organization_id: Annotated[str, Field(alias="organizationID")]
    """ID of the organization."""
    project_id: Annotated[str, Field(alias="projectID")]
    """ID of the project."""
