"""The fields of a store of 1Password Connect."""

from external.api.fields import Model, SecretKeySelector


class OnePasswordConnectAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    connect_token_secret_ref: SecretKeySelector
    """Key of a Secret that holds the Connect token."""


class OnePasswordConnectAuth(Model):
    """How to authenticate to 1Password Connect."""

    secret_ref: OnePasswordConnectAuthSecretRef
    """Credentials that Secrets hold."""


class OnePasswordConnect(Model):
    """A store of 1Password Connect."""

    auth: OnePasswordConnectAuth
    """How to authenticate to 1Password Connect."""
    connect_host: str
    """URL of the Connect server."""
    vaults: dict[str, int]
    """Vaults and the order in which they are searched."""
