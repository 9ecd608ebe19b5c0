"""The fields of the stores of development platforms, which this version does not serve."""

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
