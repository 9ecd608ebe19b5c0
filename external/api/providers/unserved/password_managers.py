"""The fields of the stores of password managers, which this version does not serve."""

from typing import Annotated

from pydantic import Field

from external.api.fields import CaBundle, CaProvider, Model, SecretKeySelector, checked


class DevolutionsServerAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    app_id: SecretKeySelector
    """Key of a Secret that holds the application ID."""
    app_secret: SecretKeySelector
    """Key of a Secret that holds the application secret."""


class DevolutionsServerAuth(Model):
    """How to authenticate to Devolutions Server."""

    secret_ref: DevolutionsServerAuthSecretRef
    """Credentials that Secrets hold."""


class DevolutionsServer(Model):
    """A store of Devolutions Server."""

    auth: DevolutionsServerAuth
    """How to authenticate to Devolutions Server."""
    insecure: bool | None = None
    """Whether plain HTTP is allowed."""
    server_url: str
    """URL of the server."""
    vault: str | None = None
    """Name or ID of the vault."""


class Keeper(Model):
    """A store of Keeper."""

    auth_ref: SecretKeySelector
    """Key of a Secret that holds the config."""
    folder_id: Annotated[str, Field(alias="folderID")]
    """ID of the folder."""
    get_by_title_fallback: bool | None = None
    """Whether a record is looked for by title if its ID is unknown."""


class OnePasswordAuth(Model):
    """How to authenticate to 1Password."""

    service_account_secret_ref: SecretKeySelector
    """Key of a Secret that holds the service account token."""


class OnePasswordCache(Model):
    """How read values are kept."""

    max_size: Annotated[int, Field(ge=1)] = 100
    """Entries at most."""
    ttl: str = "5m"
    """How long an entry is kept."""


class OnePasswordIntegrationInfo(Model):
    """What the integration is called."""

    name: str = "1Password SDK"
    """Name of the integration."""
    version: str = "v1.0.0"
    """Version of the integration."""


class OnePassword(Model):
    """A store of 1Password."""

    model_config = checked(
        ("!(has(self.vault) && has(self.environment))", "vault and environment are mutually exclusive")
    )

    auth: OnePasswordAuth
    """How to authenticate to 1Password."""
    cache: OnePasswordCache | None = None
    """How read values are kept."""
    environment: str | None = None
    """ID of the 1Password environment."""
    integration_info: OnePasswordIntegrationInfo | None = None
    """What the integration is called."""
    vault: str | None = None
    """Name or ID of the vault."""


class PassboltAuth(Model):
    """How to authenticate to Passbolt."""

    password_secret_ref: SecretKeySelector
    """Key of a Secret that holds the password."""
    private_key_secret_ref: SecretKeySelector
    """Key of a Secret that holds the private key."""


class Passbolt(Model):
    """A store of Passbolt."""

    auth: PassboltAuth
    """How to authenticate to Passbolt."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    host: str
    """URL of the server."""


class PasswordDepotAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    credentials: SecretKeySelector | None = None
    """Key of a Secret that holds the credentials."""


class PasswordDepotAuth(Model):
    """How to authenticate to Password Depot."""

    secret_ref: PasswordDepotAuthSecretRef
    """Credentials that Secrets hold."""


class PasswordDepot(Model):
    """A store of Password Depot."""

    auth: PasswordDepotAuth
    """How to authenticate to Password Depot."""
    database: str
    """Database to read."""
    host: str
    """URL of the server."""
