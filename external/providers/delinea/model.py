"""The fields of a store of Delinea DevOps Secrets Vault."""

from external.api.credentials import ValueOrSecret
from external.api.fields import Model


class Delinea(Model):
    """A store of Delinea DevOps Secrets Vault."""

    client_id: ValueOrSecret
    """Client ID."""
    client_secret: ValueOrSecret
    """Client secret."""
    tenant: str
    """Tenant."""
    tld: str | None = None
    """Top-level domain."""
    url_template: str | None = None
    """Template of the URL."""
