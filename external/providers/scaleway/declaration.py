"""What the rest of the product knows of Scaleway Secret Manager."""

from external.api.providers.scaleway import Scaleway
from external.providers.kind import ProviderKind, Pushing, single
from external.providers.scaleway.connect import connect
from external.providers.scaleway.connection import LABEL

SCALEWAY = ProviderKind(
    "scaleway",
    "A store of Scaleway Secret Manager.",
    Scaleway,
    connect,
    single(LABEL, push=Pushing(calls=2, mark="tag")),
)
