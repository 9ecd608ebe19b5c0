"""Pushes to Scaleway Secret Manager: tags are the marks."""

import base64
from collections.abc import Mapping
from typing import Protocol

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.scaleway.connection import Missing, ScalewayConnection
from external.providers.scaleway.keys import Found, Place, place_of
from external.providers.support.pushing.json_text import document_with, document_without, has_property
from external.providers.support.pushing.marks import (
    holds_only_source,
    marks,
    marks_of,
    require_ours,
    require_ours_or_known,
)
from external.providers.support.pushing.payload import payload, payload_text

PLACE = "tag"
KEY = "data[].match.remoteRef.remoteKey"
MAX_VALUE_BYTES = 64 << 10


class Secrets(Protocol):
    """What a push needs of the client."""

    connection: ScalewayConnection

    def lookup(self, place: Place) -> list[Found]:
        """Return the secrets that a place may mean."""
        ...

    def access(self, path: str, params: Mapping[str, str] | None = None) -> tuple[bytes, str]:
        """Return a version's value and number."""
        ...

    def new_body(self, place: Place) -> dict[str, str]:
        """Return the body that creates a secret at a place."""
        ...


class ScalewayPush:
    """Pushes to one project. Other tags of a secret stay; the version before is disabled."""

    deletes_property = True

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata has no effect."""
        del metadata
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Add a version unless the newest that is enabled has the value; mark the secret. Raises ProviderError."""
        place = _place(request.ref)
        found = self._found(place)
        if found is None and place.id:
            raise PushRefused(f"{KEY}: there is no secret of this id, and a new one gets another; name it by path:")
        before, version = self._newest(found)
        if found is not None:
            known = before is None or holds_only_source(request, before)
            require_ours_or_known(_marks_of(found), request, PLACE, known=known)
        value = _content(before, request)
        tags = _tags(found, request.owner)
        own = found.id if found is not None else self._created(place, tags)
        if found is not None and set(found.tags) != set(tags):
            self._secrets.connection.ask("UpdateSecret", "PATCH", f"secrets/{own}", json={"tags": tags})
        elif before == value:
            return Pushed(written=False, version=version)
        if before != value:
            version = self._added(own, value)
        return Pushed(written=True, version=version)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the secret has a value, with the property if one is asked for. Raises ProviderError."""
        del metadata
        before, _ = self._newest(self._found(_place(ref)))
        return before is not None and (not ref.property or has_property(before, ref.property))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the secret, or one property; with the last property the secret goes too. Raises ProviderError."""
        del metadata
        found = self._found(_place(ref))
        if found is None:
            return False
        require_ours(_marks_of(found), (owner,), PLACE)
        if ref.property:
            before, _ = self._newest(found)
            rest = document_without(before, ref.property) if before is not None else None
            if rest is None:
                return False
            if rest:
                self._added(found.id, rest)
                return True
        try:
            self._secrets.connection.ask("DeleteSecret", "DELETE", f"secrets/{found.id}")
        except Missing:
            return False
        return True

    def canonical(self, ref: RemoteRef, metadata: object = None) -> RemoteRef:
        """Return the ref with its key in the one form of its kind."""
        del metadata
        try:
            return RemoteRef(place_of(ref.key).text, ref.property)
        except ProviderDenied:
            return ref

    def _found(self, place: Place) -> Found | None:
        found = self._secrets.lookup(place)
        if len(found) > 1:
            raise PushRefused(f"{KEY}: several folders have a secret of this name: name one by path:/FOLDER/NAME")
        return found[0] if found else None

    def _newest(self, found: Found | None) -> tuple[bytes | None, str]:
        """Return value and number of the newest version that is enabled, None if there is none."""
        if found is None or not found.versions:
            return None, ""
        try:
            return self._secrets.access(f"secrets/{found.id}/versions/latest_enabled/access")
        except Missing:
            return None, ""

    def _created(self, place: Place, tags: list[str]) -> str:
        body = {**self._secrets.new_body(place), "tags": tags, "type": "opaque"}
        own = self._secrets.connection.ask("CreateSecret", "POST", "secrets", json=body).get("id")
        if not isinstance(own, str) or not own:
            raise ProviderUnavailable("CreateSecret: the answer holds no id")
        return own

    def _added(self, own: str, value: bytes) -> str:
        body = {"data": base64.b64encode(value).decode(), "disable_previous": True}
        call = "CreateSecretVersion"
        number = self._secrets.connection.ask(call, "POST", f"secrets/{own}/versions", json=body).get("revision")
        if not isinstance(number, int):
            raise ProviderUnavailable(f"{call}: the answer holds no version")
        return str(number)


def _place(ref: RemoteRef) -> Place:
    try:
        return place_of(ref.key)
    except ProviderDenied as error:
        raise PushRefused(f"{KEY}: {error}") from None


def _marks_of(found: Found) -> Mapping[str, str]:
    split = (each.partition("=") for each in found.tags)
    return marks_of((name, text) for name, _, text in split)


def _tags(found: Found | None, owner: str) -> list[str]:
    wanted = marks(owner)
    others = [each for each in (found.tags if found else ()) if each.partition("=")[0] not in wanted]
    return [*others, *(f"{name}={value}" for name, value in wanted.items())]


def _content(before: bytes | None, request: PushRequest) -> bytes:
    """Return what the secret has to hold. Raises PushRefused."""
    if request.ref.property:
        value = document_with(before or b"", request.ref.property, payload_text(request))
    else:
        value = payload(request).reveal()
    if len(value) > MAX_VALUE_BYTES:
        raise PushRefused(f"the value has {len(value)} bytes, and Scaleway takes {MAX_VALUE_BYTES}")
    return value
