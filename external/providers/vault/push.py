"""Pushes to key-value engines of Vault."""

import json
from decimal import Decimal, InvalidOperation

from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.pushing.json_text import JsonText
from external.providers.support.pushing.marks import require_ours
from external.providers.support.pushing.payload import payload_text
from external.providers.vault.client import KeyValue
from external.providers.vault.connection import Changed, Connection
from external.providers.vault.engines import CUSTOM, Channel, Engine, EngineV1, EngineV2, Stored
from external.providers.vault.paths import EnginePaths

PLACE = "custom metadata"
NO_DOCUMENT = "the value is no JSON object, and Vault holds nothing else: name a property, in which it becomes a text"


class KeyValuePush:
    """Pushes below one mount. A property is a member of the document, its name no path."""

    deletes_property = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata has no effect."""
        del metadata
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Mark the secret and write its next version unless the current one is as wanted. Raises ProviderError.

        The marks go first: a secret that has our value without them would be refused for ever.
        """
        key = _key(request.ref)
        stored = self._engine.read(key)
        if stored.exists:
            require_ours(stored.custom, request.owners, PLACE)
        wanted = self._engine.marked(_document(stored, request), request.owner)
        marked = self._engine.mark(key, stored, request.owner)
        if stored.document is not None and self._equal(stored.document.text, wanted):
            return Pushed(written=marked)
        try:
            self._engine.write(key, wanted, stored)
        except Changed:
            if not stored.exists:
                self._engine.unmark(key, request.owner)  # somebody else has created it since it was read
            raise
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the secret has a current version, with a value at the property. Raises ProviderError."""
        del metadata
        document = self._engine.read(_key(ref)).document
        return document is not None and (not ref.property or document.raw((ref.property,)) not in (None, "null"))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the secret, or one property; with the last property the secret goes too. Raises ProviderError."""
        del metadata
        key = _key(ref)
        stored = self._engine.read(key)
        if not stored.exists:
            return False
        require_ours(stored.custom, (owner,), PLACE)
        if ref.property:
            rest = stored.document.without((ref.property,)) if stored.document is not None else None
            if rest is None:
                return False
            if not self._engine.is_empty(rest):
                self._engine.write(key, rest, stored)
                return True
        self._engine.delete(key)
        return True

    def _equal(self, one: str, other: str) -> bool:
        """Return True if two documents are the same to the engine; 1 and 1.0 are, 1 and true are not."""
        number = _exact if self._engine.keeps_digits else _rounded
        parsed = [json.loads(each, parse_int=number, parse_float=number, parse_constant=str) for each in (one, other)]
        return bool(parsed[0] == parsed[1])


class VaultKeyValue(DelegatesPushes, KeyValue):
    """Reads and pushes secrets below one mount."""

    def __init__(self, connection: Connection, mount: str, version: str, seconds: float) -> None:
        KeyValue.__init__(self, connection, mount, version, seconds)
        channel, is_v2 = Channel(connection), version == "v2"
        paths = EnginePaths(mount, is_v2=is_v2)
        DelegatesPushes.__init__(self, KeyValuePush(EngineV2(channel, paths) if is_v2 else EngineV1(channel, paths)))

    def canonical(self, ref: RemoteRef, metadata: object = None) -> RemoteRef:
        """Return the ref with the path that its key leads to: `app`, `/app` and `secret/data/app` may be one secret."""
        del metadata
        return RemoteRef(self._paths.of_key(ref.key), ref.property)


def _key(ref: RemoteRef) -> str:
    if not ref.key.strip("/"):
        raise PushRefused("data[].match.remoteRef.remoteKey is empty")
    if ref.property == CUSTOM:
        raise PushRefused(f"data[].match.remoteRef.property: {CUSTOM} holds the marks of pushed secrets")
    return ref.key


def _document(stored: Stored, request: PushRequest) -> str:
    """Return the document that the secret has to have. Raises PushRefused."""
    text = payload_text(request)
    if request.ref.property:
        before = stored.document if stored.document is not None else JsonText("{}")
        return before.with_text((request.ref.property,), text)
    try:
        return JsonText(text).text
    except PushRefused:
        raise PushRefused(NO_DOCUMENT) from None


def _exact(digits: str) -> tuple[str, object]:
    try:
        return ("number", Decimal(digits))
    except InvalidOperation:
        return ("number", digits)


def _rounded(digits: str) -> tuple[str, object]:
    return ("number", float(digits))
