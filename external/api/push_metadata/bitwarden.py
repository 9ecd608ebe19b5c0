"""`metadata.spec` of an entry that is pushed to Bitwarden."""

from external.api.fields import Model


class BitwardenPushSpec(Model):
    """Settings of a secret."""

    note: str | None = None
    """Note of the secret, before the line that names its PushSecret; without one it stays as it is."""
