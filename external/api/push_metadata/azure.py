"""`metadata.spec` of an entry that is pushed to Azure Key Vault."""

from external.api.fields import Model


class AzureKeyVaultPushSpec(Model):
    """Settings of an object of a vault."""

    tags: dict[str, str] | None = None
    """Tags to set; others that the object has stay."""
    content_type: str | None = None
    """Content type of a secret; without one it stays as it is."""
    expiration_date: str | None = None
    """When a secret expires (RFC 3339); without one a new version does not."""
