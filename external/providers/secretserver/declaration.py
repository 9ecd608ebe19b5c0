"""What the rest of the product knows about Delinea Secret Server."""

from external.providers.kind import ProviderKind, Pushing, single
from external.providers.secretserver.connect import connect
from external.providers.secretserver.connection import LABEL
from external.providers.secretserver.model import SecretServer, SecretServerPushSpec

SECRET_SERVER = ProviderKind(
    name="secretserver",
    about="A store of Delinea Secret Server.",
    model=SecretServer,
    connect=connect,
    services=single(LABEL, push=Pushing(calls=2, deletes_property=False, metadata=SecretServerPushSpec)),
)
