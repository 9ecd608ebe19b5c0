"""Pushes to Bitwarden: the last line of the note is the mark."""

from collections.abc import Callable
from typing import Any

from external.api.push_metadata.bitwarden import BitwardenPushSpec
from external.providers.bitwarden.connection import IDENTIFIER, BitwardenConnection, Entry, Place
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.pushing.json_text import document_with, document_without, has_property
from external.providers.support.pushing.marks import (
    MANAGED_BY,
    MANAGER,
    OWNER,
    holds_only_source,
    marks,
    marks_of,
    require_ours,
    require_ours_or_known,
)
from external.providers.support.pushing.metadata import metadata_spec
from external.providers.support.pushing.payload import payload_text

MARK_PLACE = "last line of the note"
BEGIN = f"{MANAGED_BY}={MANAGER}"


class NotePush:
    """Pushes to one project.

    Args:
        found: returns the secret with an id or key, None if there is none.
    """

    deletes_property = True

    def __init__(self, connection: BitwardenConnection, place: Place, found: Callable[[str], Entry | None]) -> None:
        self._connection = connection
        self._place = place
        self._found = found

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata names no objects. Raises PushRefused for metadata of a wrong form."""
        _settings(metadata)
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Create the secret, or bring value and note to what the entry says. Raises ProviderError."""
        spec, found = _settings(request.metadata), self._found(request.ref.key)
        if found is None:
            if IDENTIFIER.fullmatch(request.ref.key):
                raise PushRefused("there is no secret with this id; a secret is created by a key only")
            text, note = _content("", request), _with_mark(spec.note or "", request.owner)
            self._connection.create(self._place, request.ref.key, text, note)
            return Pushed(written=True)
        known = holds_only_source(request, found.value.encode())
        require_ours_or_known(_marks(found.note), request, MARK_PLACE, known=known)
        text = _content(found.value, request)
        note = _with_mark(spec.note if spec.note is not None else _own_text(found.note), request.owner)
        if (text, note) == (found.value, found.note):
            return Pushed(written=False)
        self._connection.update(self._place, found, text, note)
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if there is a secret, with the property if one is asked for. Raises ProviderError."""
        del metadata
        found = self._found(ref.key)
        return found is not None and (not ref.property or has_property(found.value.encode(), ref.property))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the secret, or one property; with the last property the secret goes too. Raises ProviderError."""
        del metadata
        found = self._found(ref.key)
        if found is None:
            return False
        require_ours(_marks(found.note), (owner,), MARK_PLACE)
        if ref.property:
            rest = document_without(found.value.encode(), ref.property)
            if rest is None:
                return False
            if rest:
                self._connection.update(self._place, found, rest.decode(), found.note)
                return True
        self._connection.delete(found.id)
        return True


def _settings(metadata: Any) -> BitwardenPushSpec:
    """Return the settings of an entry; a note may stand without the envelope, as external-secrets takes it."""
    if isinstance(metadata, dict) and set(metadata) == {"note"} and isinstance(metadata["note"], str):
        return BitwardenPushSpec(note=metadata["note"])
    return metadata_spec(BitwardenPushSpec, metadata)


def _content(before: str, request: PushRequest) -> str:
    text = payload_text(request)
    return document_with(before.encode(), request.ref.property, text).decode() if request.ref.property else text


def _with_mark(note: str, owner: str) -> str:
    mark = f"{BEGIN} {OWNER}={marks(owner)[OWNER]}"
    return f"{note}\n{mark}" if note else mark


def _own_text(note: str) -> str:
    """Return a note without its mark."""
    text, _, last = note.rpartition("\n")
    return text if last.startswith(BEGIN) else note


def _marks(note: str) -> dict[str, str]:
    last = note.rpartition("\n")[2]
    if not last.startswith(BEGIN):
        return {}
    split = (each.partition("=") for each in last.split())
    return marks_of((name, text) for name, _, text in split)
