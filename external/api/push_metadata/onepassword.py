"""`metadata.spec` of an entry that is pushed to 1Password."""

from external.api.fields import Model


class OnePasswordPushSpec(Model):
    """Settings of an item."""

    tags: list[str] | None = None
    """All tags of the item beside those that name its PushSecret; without any, tags stay as they are."""
    vault: str | None = None
    """Vault of a new item, one of the store's; without one the first."""
