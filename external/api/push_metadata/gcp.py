"""`metadata.spec` of an entry that is pushed to Google Cloud Secret Manager."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import Model


class SecretManagerPushSpec(Model):
    """Settings of a secret."""

    labels: dict[str, str] | None = None
    """Labels of the secret; without any, labels stay as they are."""
    annotations: dict[str, str] | None = None
    """All annotations of the secret; without any, annotations stay as they are."""
    merge_policy: Literal["Replace", "Merge"] = "Replace"
    """Whether `labels` are all labels of the secret, or those that it has keep their values."""
    topics: list[str] | None = None
    """All Pub/Sub topics that are told of changes; without any, topics stay as they are."""
    replication_location: str | None = None
    """Region of a new secret; by default Google chooses."""
    replication_locations: list[str] | None = None
    """Regions of a new secret; by default Google chooses."""
    cmek_key_name: Annotated[str | None, Field(alias="cmekKeyName")] = None
    """Key that encrypts a new secret."""
