"""The fields of a store of Scaleway Secret Manager."""

from external.api.credentials import ValueOrSecret
from external.api.fields import Model


class Scaleway(Model):
    """A store of Scaleway Secret Manager."""

    access_key: ValueOrSecret
    """Access key."""
    api_url: str | None = None
    """URL of the API."""
    project_id: str
    """ID of the project."""
    region: str
    """Region."""
    secret_key: ValueOrSecret
    """Secret key."""
