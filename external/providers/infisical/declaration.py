"""What the rest of the product knows of Infisical."""

from external.api.providers.infisical import Infisical
from external.providers.infisical.client import BATCH
from external.providers.infisical.connect import connect
from external.providers.infisical.connection import LABEL
from external.providers.kind import ProviderKind, Pushing, single

INFISICAL = ProviderKind(
    name="infisical",
    about="A store of Infisical.",
    model=Infisical,
    connect=connect,
    services=single(LABEL, push=Pushing(calls=1, mark="metadata"), batch=BATCH),
)
