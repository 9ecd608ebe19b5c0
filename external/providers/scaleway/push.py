"""Pushes to Scaleway Secret Manager: a version for each value; tags are the marks."""

import base64
from typing import Any

from external.providers.protocol import ProviderDenied, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.scaleway.connection import LATEST, Entry, Place, ScalewayConnection, place_of
from external.providers.support.pushing.json_text import document_with, document_without, has_property
from external.providers.support.pushing.marks import MANAGED_BY, MANAGER, OWNER, marks, require_ours
from external.providers.support.pushing.payload import payload, payload_text

MARK_PLACE = "tag"
SEPARATOR = "="
ROOM = 100
MAX_VALUE_BYTES = 64 << 10


class VersionPush:
    """Pushes to one project."""

    deletes_property = True

    def __init__(self, connection: ScalewayConnection) -> None:
        self._connection = connection

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata has no effect."""
        del metadata
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Create the secret, or bring marks and value to what the entry says. Raises ProviderError."""
        place = _place(request.ref)
        found = self._connection.found(place)
        if found is None:
            return self._created(place, request)
        if _marks(found) or not request.recorded:  # external-secrets leaves no mark, only its record
            require_ours(_marks(found), request.owners, MARK_PLACE, ROOM)
        before = self._current(found)
        content = _content(before or b"", request)
        tags = [*(each for each in found.tags if not _is_mark(each)), *_mark_tags(request.owner)]
        marked = sorted(tags) != sorted(found.tags)
        if marked:
            self._connection.ask("UpdateSecret", "PATCH", f"secrets/{found.id}", json={"tags": tags})
        if before == content:
            return Pushed(written=marked)
        self._write(found.id, content)
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if there is an enabled version, with the property if one is asked for. Raises ProviderError."""
        del metadata
        found = self._connection.found(_place(ref))
        current = self._current(found) if found is not None else None
        return current is not None and (not ref.property or has_property(current, ref.property))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the secret, or one property; with the last property the secret goes too. Raises ProviderError."""
        del metadata
        found = self._connection.found(_place(ref))
        if found is None:
            return False
        require_ours(_marks(found), (owner,), MARK_PLACE, ROOM)
        if ref.property:
            rest = document_without(self._current(found) or b"", ref.property)
            if rest is None:
                return False
            if rest:
                self._write(found.id, rest)
                return True
        try:
            self._connection.ask("DeleteSecret", "DELETE", f"secrets/{found.id}")
        except SecretAbsent:
            return False
        return True

    def _current(self, found: Entry) -> bytes | None:
        """Return the value of the latest enabled version, None without one."""
        if not found.versions:
            return None
        try:
            return self._connection.access(f"secrets/{found.id}", LATEST).reveal()
        except SecretAbsent:
            return None

    def _created(self, place: Place, request: PushRequest) -> Pushed:
        if place.id:
            raise PushRefused("there is no secret with this id; a secret is created by a name or path only")
        content = _content(b"", request)
        body: dict[str, Any] = {"project_id": self._connection.project, "name": place.name, "type": "opaque"}
        body |= {"path": place.folder or "/", "tags": _mark_tags(request.owner)}
        made = self._connection.ask("CreateSecret", "POST", "secrets", json=body)
        self._write(str(made.get("id")), content)
        return Pushed(written=True)

    def _write(self, identifier: str, content: bytes) -> None:
        body = {"data": base64.b64encode(content).decode(), "disable_previous": True}
        self._connection.ask("CreateSecretVersion", "POST", f"secrets/{identifier}/versions", json=body)


def _place(ref: RemoteRef) -> Place:
    try:
        return place_of(ref.key)
    except ProviderDenied as error:
        raise PushRefused(f"data[].match.remoteRef.remoteKey: {error}") from None


def _content(before: bytes, request: PushRequest) -> bytes:
    """Return the value that the secret has to have. Raises PushRefused."""
    if request.ref.property:
        content = document_with(before, request.ref.property, payload_text(request))
    else:
        content = payload(request).reveal()
    if not content:
        raise PushRefused("Scaleway takes no empty value: remove the entry, or push a value")
    if len(content) > MAX_VALUE_BYTES:
        raise PushRefused(f"the value has {len(content)} bytes, and Scaleway takes {MAX_VALUE_BYTES}")
    return content


def _mark_tags(owner: str) -> list[str]:
    return [f"{name}{SEPARATOR}{text}" for name, text in marks(owner, ROOM).items()]


def _is_mark(tag: str) -> bool:
    return tag == f"{MANAGED_BY}{SEPARATOR}{MANAGER}" or tag.startswith(f"{OWNER}{SEPARATOR}")


def _marks(found: Entry) -> dict[str, str]:
    split = (each.partition(SEPARATOR) for each in found.tags if _is_mark(each))
    return {name: text for name, _, text in split}
