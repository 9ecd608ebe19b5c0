"""What the rest of the product knows about Scaleway Secret Manager."""

from external.api.providers.scaleway import Scaleway
from external.providers.kind import ProviderKind, Pushing, single
from external.providers.scaleway.client import BATCH
from external.providers.scaleway.connect import connect
from external.providers.scaleway.connection import LABEL

SCALEWAY = ProviderKind(
    name="scaleway",
    about="A store of Scaleway Secret Manager.",
    model=Scaleway,
    connect=connect,
    services=single(LABEL, push=Pushing(calls=2, mark="tag"), batch=BATCH),
)
