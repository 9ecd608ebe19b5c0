"""Pushes to Akeyless: static secrets; tags are the marks."""

from collections.abc import Callable, Mapping
from typing import Any

from external.providers.akeyless.connection import AkeylessConnection
from external.providers.akeyless.items import STATIC, Item, full_name
from external.providers.protocol import ProviderDenied, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.pushing.json_text import document_with, document_without, has_property
from external.providers.support.pushing.mark_texts import is_mark, mark_tags, marks_in
from external.providers.support.pushing.marks import MANAGED_BY, MANAGER, require_ours
from external.providers.support.pushing.payload import payload_text
from manager.core.secret_value import SecretValue

PLACE = "tag"
THEIR_TAG = "k8s-external-secrets"
"""The mark of external-secrets."""


class ItemPush:
    """Pushes static secrets.

    Args:
        described: returns type and tags of an item. Raises SecretAbsent.
        value: returns the current value of a static secret.
    """

    deletes_property = True

    def __init__(
        self,
        connection: AkeylessConnection,
        described: Callable[[str], Item],
        value: Callable[[str, Mapping[str, Any]], SecretValue],
    ) -> None:
        self._connection = connection
        self._described = described
        self._value = value

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata has no effect."""
        del metadata
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Create the secret, or bring marks and value to what the entry says. Raises ProviderError."""
        name = _name(request.ref)
        found = self._found(name)
        if found is None:
            return self._created(name, request)
        require_ours(_marks(found), request.owners, PLACE)
        before = self._value(name, {}).reveal()
        text = _content(before, request)
        missing = sorted(set(mark_tags(request.owner)) - found.tags)
        if missing:
            outdated = sorted(each for each in found.tags if is_mark(each) and each not in mark_tags(request.owner))
            self._connection.ask("UpdateItem", "update-item", {"name": name, "add-tag": missing, "rm-tag": outdated})
        if before == text.encode():
            return Pushed(written=bool(missing))
        self._write(name, text)
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the item exists, with the property if one is asked for. Raises ProviderError."""
        del metadata
        name = _name(ref)
        if self._found(name) is None:
            return False
        return not ref.property or has_property(self._value(name, {}).reveal(), ref.property)

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the item, or one property; with the last property the item goes too. Raises ProviderError."""
        del metadata
        name = _name(ref)
        found = self._found(name)
        if found is None:
            return False
        require_ours(_marks(found), (owner,), PLACE)
        if ref.property:
            rest = document_without(self._value(name, {}).reveal(), ref.property)
            if rest is None:
                return False
            if rest:
                self._write(name, rest.decode())
                return True
        try:
            self._connection.ask("DeleteItem", "delete-item", {"name": name, "delete-immediately": True, "version": -1})
        except SecretAbsent:
            return False
        return True

    def _found(self, name: str) -> Item | None:
        try:
            found = self._described(name)
        except SecretAbsent:
            return None
        if found.kind != STATIC:
            kind = found.kind.lower().replace("_", " ")
            raise ProviderDenied(f"the item is a {kind}, and only static secrets are pushed")
        return found

    def _created(self, name: str, request: PushRequest) -> Pushed:
        text, tags = _content(b"", request), mark_tags(request.owner)
        fields = {"name": name, "value": text, "tags": [THEIR_TAG, *tags], "type": "generic"}
        self._connection.ask("CreateSecret", "create-secret", fields)
        return Pushed(written=True)

    def _write(self, name: str, text: str) -> None:
        self._connection.ask("UpdateSecretVal", "update-secret-val", {"name": name, "value": text})


def _name(ref: RemoteRef) -> str:
    try:
        return full_name(ref.key)
    except ProviderDenied:
        raise PushRefused("data[].match.remoteRef.remoteKey is empty") from None


def _content(before: bytes, request: PushRequest) -> str:
    text = payload_text(request)
    if request.ref.property:
        text = document_with(before, request.ref.property, text).decode()
    if not text:
        raise PushRefused("Akeyless takes no empty value: remove the entry, or push a value")
    return text


def _marks(item: Item) -> dict[str, str]:
    found = {MANAGED_BY: MANAGER} if THEIR_TAG in item.tags else {}
    return found | marks_in(item.tags)
