"""Pushes to Infisical: metadata of a secret are the marks."""

from collections.abc import Mapping
from typing import Any

from external.api.providers.infisical import InfisicalSecretsScope
from external.providers.infisical.connection import InfisicalConnection, Missing
from external.providers.infisical.project import Project
from external.providers.infisical.secrets import (
    METADATA,
    Entry,
    Place,
    cleaned,
    entry_of,
    path_of,
    push_place,
    require_name,
)
from external.providers.push import Pushed, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.pushing.json_text import document_with, document_without, has_property
from external.providers.support.pushing.marks import (
    holds_only_source,
    marks,
    marks_of,
    require_ours,
    require_ours_or_known,
)
from external.providers.support.pushing.payload import payload_text

PLACE = "metadata"
READ = "GetSecret"


class SecretPush:
    """Pushes to one environment of a project. Values are compared and written with their references unresolved."""

    deletes_property = True

    def __init__(self, scope: InfisicalSecretsScope, connection: InfisicalConnection, project: Project) -> None:
        self._scope = scope
        self._connection = connection
        self._base = cleaned(scope.secrets_path)
        self._project = project

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata has no effect."""
        del metadata
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Create the secret, or bring value and marks to what the entry says. Raises ProviderError."""
        place = push_place(request.ref.key, self._base)
        found = self._got(place)
        if found is not None:
            known = holds_only_source(request, found.value.encode())
            require_ours_or_known(marks_of(found.metadata), request, PLACE, known=known)
        text = payload_text(request)
        if request.ref.property:
            before = found.value.encode() if found is not None else b""
            text = document_with(before, request.ref.property, text).decode()
        metadata = {**dict(found.metadata if found is not None else ()), **marks(request.owner)}
        if found is not None and found.value == text and sorted(found.metadata) == sorted(metadata.items()):
            return Pushed(written=False)
        self._write("UpdateSecret" if found is not None else "CreateSecret", place, text, metadata)
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the secret exists, with the property if one is asked for. Raises ProviderError."""
        del metadata
        found = self._got(push_place(ref.key, self._base))
        return found is not None and (not ref.property or has_property(found.value.encode(), ref.property))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the secret, or one property; with the last property the secret goes too. Raises ProviderError."""
        del metadata
        place = push_place(ref.key, self._base)
        found = self._got(place)
        if found is None:
            return False
        require_ours(marks_of(found.metadata), (owner,), PLACE)
        if ref.property:
            rest = document_without(found.value.encode(), ref.property)
            if rest is None:
                return False
            if rest:
                self._write("UpdateSecret", place, rest.decode(), dict(found.metadata))
                return True
        try:
            self._connection.ask("DeleteSecret", "DELETE", path_of(place), json=self._body(place))
        except Missing:
            return False
        return True

    def _got(self, place: Place) -> Entry | None:
        scope = self._scope
        params = {
            "workspaceSlug": scope.project_slug,
            "environment": scope.environment_slug,
            "secretPath": place.folder,
            "type": "shared",
            "expandSecretReferences": "false",
            "include_imports": "false",
        }
        try:
            body = self._connection.ask(READ, "GET", path_of(place), params=params)
        except Missing:
            return None
        return require_name(READ, entry_of(READ, body.get("secret"), place.folder), place).shown()

    def _write(self, call: str, place: Place, text: str, metadata: Mapping[str, str]) -> None:
        told = [{"key": name, "value": each} for name, each in metadata.items()]
        body = self._body(place) | {"secretValue": text, METADATA: told}
        self._connection.ask(call, "POST" if call == "CreateSecret" else "PATCH", path_of(place), json=body)

    def _body(self, place: Place) -> dict[str, Any]:
        return {
            "workspaceId": self._project.id(),
            "environment": self._scope.environment_slug,
            "secretPath": place.folder,
            "type": "shared",
        }
