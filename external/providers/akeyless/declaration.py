"""What the rest of the product knows of Akeyless."""

from external.api.providers.akeyless import Akeyless
from external.providers.akeyless.client import BATCH
from external.providers.akeyless.connect import connect
from external.providers.akeyless.connection import LABEL
from external.providers.kind import ProviderKind, Pushing, single

AKEYLESS = ProviderKind(
    name="akeyless",
    about="A store of Akeyless.",
    model=Akeyless,
    connect=connect,
    services=single(LABEL, push=Pushing(calls=2, mark="tag"), batch=BATCH),
    ports=(443, 8080, 8000),
)
