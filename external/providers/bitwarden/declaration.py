"""What the rest of the product knows of Bitwarden Secrets Manager."""

from external.api.providers.bitwarden import Bitwarden
from external.api.push_metadata.bitwarden import BitwardenPushSpec
from external.providers.bitwarden.connect import connect
from external.providers.bitwarden.connection import LABEL
from external.providers.kind import ProviderKind, Pushing, single

BITWARDEN = ProviderKind(
    name="bitwardensecretsmanager",
    about="A store of Bitwarden Secrets Manager.",
    model=Bitwarden,
    connect=connect,
    services=single(LABEL, push=Pushing(calls=2, mark="note", metadata=BitwardenPushSpec)),
    ports=(443, 9998),
)
