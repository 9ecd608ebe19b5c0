"""What the rest of the product knows of 1Password."""

from external.api.providers.onepassword import OnePasswordConnect
from external.api.push_metadata.onepassword import OnePasswordPushSpec
from external.providers.kind import ProviderKind, Pushing, single
from external.providers.onepassword.connect import connect
from external.providers.onepassword.connection import LABEL

ONEPASSWORD = ProviderKind(
    name="onepassword",
    about="A store of 1Password Connect.",
    model=OnePasswordConnect,
    connect=connect,
    services=single(LABEL, push=Pushing(calls=2, mark="tag", metadata=OnePasswordPushSpec)),
    ports=(443, 8080),
)
