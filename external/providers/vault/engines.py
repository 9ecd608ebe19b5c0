"""The two versions of the key-value engine, as a push needs them: read with marks, write, delete."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from external.providers.protocol import ProviderError, ProviderUnavailable
from external.providers.support.http import HttpAnswer
from external.providers.support.pushing.json_text import JsonText
from external.providers.support.pushing.marks import marks
from external.providers.vault.connection import Connection, Forbidden
from external.providers.vault.paths import EnginePaths
from manager.core.documents import ANSWER

READ, WRITE, DELETE = "ReadSecretData", "WriteSecretData", "DeleteSecret"
CAPABILITIES = {READ: "read", WRITE: "create and update", DELETE: "delete"}
CUSTOM = "custom_metadata"


class Stored(NamedTuple):
    """What the engine has at a key."""

    document: JsonText | None = None
    """The current version; None if it is deleted or was never written."""
    custom: Mapping[str, str] = MappingProxyType({})
    """Custom metadata, which holds the marks."""
    version: int = 0
    """The version of which the next write says that it is the current one."""
    exists: bool = False
    """Whether there is a secret, be it without a current version."""


class Engine(Protocol):
    """One version of the engine."""

    keeps_digits: bool
    """Whether numbers come back as they were written; otherwise they come back as floats."""

    def read(self, key: str) -> Stored:
        """Return what is at a key. Raises ProviderError."""
        ...

    def marked(self, document: str, owner: str) -> str:
        """Return a document with the marks that belong into it."""
        ...

    def mark(self, key: str, stored: Stored, owner: str) -> bool:
        """Write the marks that belong beside the document; return True if that took a call. Raises ProviderError."""
        ...

    def unmark(self, key: str, owner: str) -> None:
        """Remove the marks from beside the document. Raises ProviderError."""
        ...

    def write(self, key: str, document: str, stored: Stored) -> None:
        """Write a document in place of the one that was read. Raises Changed, ProviderError."""
        ...

    def is_empty(self, document: str) -> bool:
        """Return True if a document holds nothing but marks."""
        ...

    def delete(self, key: str) -> None:
        """Delete all versions of a secret. Raises ProviderError."""
        ...


class Channel:
    """Asks the server; a refused request says what the token's policy must allow."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, call: str, path: str, method: str = "get", body: str | None = None) -> HttpAnswer:
        """Send a request and return the answer, whose status is 404 if there is no such secret."""
        try:
            sent = body.encode() if body is not None else None
            return self._connection.exchange(call, path, method=method, body=sent)
        except Forbidden as error:
            cure = f"the token's policy must allow {CAPABILITIES[call]} on {path}"
            raise Forbidden(f"{error}; {cure}") from None


class EngineV1:
    """The first version: it has no versions, and its marks are a member of the document."""

    keeps_digits = True

    def __init__(self, channel: Channel, paths: EnginePaths) -> None:
        self._channel, self._paths = channel, paths

    def read(self, key: str) -> Stored:
        """Return what is at a key. Raises ProviderError."""
        answer = self._channel.ask(READ, self._paths.of_key(key))
        if answer.status == 404:
            return Stored()
        document = _document(answer, ("data",))
        raw = document.raw((CUSTOM,))
        return Stored(document, _custom(json.loads(raw) if raw is not None else None), exists=True)

    def marked(self, document: str, owner: str) -> str:
        """Return a document with the marks as its member `custom_metadata`."""
        for name, text in marks(owner).items():
            document = JsonText(document).with_text((CUSTOM, name), text)
        return document

    def mark(self, key: str, stored: Stored, owner: str) -> bool:
        """Do nothing: the document holds the marks."""
        del key, stored, owner
        return False

    def unmark(self, key: str, owner: str) -> None:
        """Do nothing: the document was not written."""

    def write(self, key: str, document: str, stored: Stored) -> None:
        """Write a document; this engine cannot tell whether it has changed since. Raises ProviderError."""
        del stored
        self._channel.ask(WRITE, self._paths.of_key(key), "post", document)

    def is_empty(self, document: str) -> bool:
        """Return True if a document holds nothing but marks."""
        return not JsonText(JsonText(document).without((CUSTOM,)) or document)

    def delete(self, key: str) -> None:
        """Delete a secret. Raises ProviderError."""
        self._channel.ask(DELETE, self._paths.of_key(key), "delete")


class EngineV2:
    """The second version: each write says which version it replaces, and marks are custom metadata."""

    keeps_digits = False

    def __init__(self, channel: Channel, paths: EnginePaths) -> None:
        self._channel, self._paths = channel, paths

    def read(self, key: str) -> Stored:
        """Return what is at a key. Raises ProviderError.

        A deleted version and a secret that never was look alike in the answer: the metadata tell them apart.
        """
        answer = self._channel.ask(READ, self._paths.of_key(key))
        if answer.status == 404:
            told = self._metadata(key)
            if told is None:
                return Stored()
            return Stored(None, _custom(told.get(CUSTOM)), _number(told.get("current_version")), exists=True)
        told = _object(_object(answer.json_object(ANSWER).get("data")).get("metadata"))
        custom = told[CUSTOM] if CUSTOM in told else (self._metadata(key) or {}).get(CUSTOM)
        document = _document(answer, ("data", "data"))
        return Stored(document, _custom(custom), _number(told.get("version")), exists=True)

    def marked(self, document: str, owner: str) -> str:
        """Return the document: its marks are beside it."""
        del owner
        return document

    def mark(self, key: str, stored: Stored, owner: str) -> bool:
        """Add the marks to the custom metadata, which keep what others have written. Raises ProviderError."""
        if marks(owner).items() <= stored.custom.items():
            return False
        self._customise(key, {**stored.custom, **marks(owner)})
        return True

    def unmark(self, key: str, owner: str) -> None:
        """Remove the marks from the custom metadata. Raises ProviderError."""
        custom = _custom((self._metadata(key) or {}).get(CUSTOM))
        if marks(owner).items() <= custom.items():
            self._customise(key, {name: text for name, text in custom.items() if name not in marks(owner)})

    def write(self, key: str, document: str, stored: Stored) -> None:
        """Write a version if the one that was read is still the current one. Raises Changed, ProviderError."""
        body = f'{{"options":{{"cas":{stored.version}}},"data":{document}}}'
        self._channel.ask(WRITE, self._paths.of_key(key), "post", body)

    def is_empty(self, document: str) -> bool:
        """Return True if a document has no members."""
        return not JsonText(document)

    def delete(self, key: str) -> None:
        """Delete all versions and the metadata. Raises ProviderError."""
        self._channel.ask(DELETE, self._paths.of_key(key, "metadata"), "delete")

    def _customise(self, key: str, custom: Mapping[str, str]) -> None:
        self._channel.ask(WRITE, self._paths.of_key(key, "metadata"), "post", json.dumps({CUSTOM: custom}))

    def _metadata(self, key: str) -> Mapping[str, Any] | None:
        answer = self._channel.ask(READ, self._paths.of_key(key, "metadata"))
        if answer.status == 404:
            return None
        return _object(answer.json_object(ANSWER).get("data"))


def _document(answer: HttpAnswer, path: tuple[str, ...]) -> JsonText:
    """Return the document inside an answer, as it is written there. Raises ProviderUnavailable."""
    answer.json_object(ANSWER)
    try:
        raw = JsonText(answer.content.decode()).raw(path)
        return JsonText(raw or "")
    except (ProviderError, UnicodeDecodeError):
        raise ProviderUnavailable(f"{READ}: the answer holds no data") from None


def _object(found: object) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ProviderUnavailable(f"{READ}: the answer holds no metadata")
    return found


def _custom(found: object) -> Mapping[str, str]:
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}


def _number(found: object) -> int:
    if not isinstance(found, int):
        raise ProviderUnavailable(f"{READ}: the answer holds no version")
    return found
