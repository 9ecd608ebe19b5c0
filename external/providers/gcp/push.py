"""Pushes to Google Cloud Secret Manager."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from external.api.push_metadata.gcp import SecretManagerPushSpec
from external.providers.gcp.connection import NAME, SecretManagerConnection, accessed, secret_path
from external.providers.protocol import ProviderUnavailable, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.pushing.json_text import PROPERTY, document_with, document_without, has_property
from external.providers.support.pushing.marks import MANAGED, OWNER, RESERVED, marks, require_ours
from external.providers.support.pushing.metadata import AT, metadata_spec
from external.providers.support.pushing.payload import payload, payload_text

MAX_VALUE_BYTES = 65_536
OWNER_ANNOTATION = "coffer.dev.push-secret"
"""Keys of annotations have no slash, and values of labels no dot: the owner is an annotation, the mark of the original
is a label."""
PLACE = f"annotation {OWNER_ANNOTATION}, label"


class SecretManagerPush:
    """Pushes to one project and location."""

    deletes_property = True

    def __init__(self, google: SecretManagerConnection) -> None:
        self._google = google

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: no setting names an object. Raises PushRefused for metadata of a wrong form."""
        settings_of(metadata)
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Create the secret, or bring marks, settings and value to what the entry says. Raises ProviderError."""
        spec, path = settings_of(request.metadata), _path(request.ref)
        told = self._told(path)
        if told is not None:
            require_ours(marks_of(told), request.owners, PLACE)
        current = self._current(request.ref.key) if told is not None else None
        content = _content(current, request)
        if told is None:
            self._google.call("CreateSecret", "POST", "secrets", _new(spec, request.owner), secretId=request.ref.key)
        marked = told is not None and self._bring(path, told, spec, request.owner)
        changed = current != content
        if changed:
            self._add(path, content)
        return Pushed(written=told is None or marked or changed)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the secret has a version that can be read, with the property if one is asked for."""
        del metadata
        _path(ref)
        current = self._current(ref.key)
        return current is not None and (not ref.property or has_property(current, ref.property))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the secret, or one property; with the last property the secret goes too. Raises ProviderError."""
        del metadata
        path = _path(ref)
        told = self._told(path)
        if told is None:
            return False
        require_ours(marks_of(told), (owner,), PLACE)
        if ref.property:
            current = self._current(ref.key)
            rest = document_without(current, ref.property) if current is not None else None
            if rest is None:
                return False
            if rest:
                self._add(path, rest)
                return True
        self._google.call("DeleteSecret", "DELETE", path, etag=str(told.get("etag") or ""))
        return True

    def _told(self, path: str) -> dict[str, Any] | None:
        """Return the secret without its value, None if there is none."""
        try:
            told = self._google.call("GetSecret", "GET", path)
        except SecretAbsent:
            return None
        if not isinstance(told.get("name"), str) or not all(
            _texts(told.get(each)) for each in ("labels", "annotations")
        ):
            raise ProviderUnavailable("GetSecret: the answer is no secret")
        return told

    def _current(self, key: str) -> bytes | None:
        try:
            return accessed(self._google, key).reveal()
        except SecretAbsent:
            return None  # there is no secret, or it has no version

    def _bring(self, path: str, told: Mapping[str, Any], spec: SecretManagerPushSpec, owner: str) -> bool:
        """Write what differs of marks and settings; return whether anything did.

        The etag makes Google refuse the write if somebody else has changed the secret since it was read.
        """
        wanted = {
            "labels": labels_of(told.get("labels") or {}, spec),
            "annotations": annotations_of(told.get("annotations") or {}, spec, owner),
            "topics": _topics(told.get("topics") or ()) if spec.topics is None else _names(spec.topics),
        }
        found = {
            "labels": told.get("labels") or {},
            "annotations": told.get("annotations") or {},
            "topics": _topics(told.get("topics") or ()),
        }
        changed = [name for name in wanted if wanted[name] != found[name]]
        if not changed:
            return False
        body = {name: wanted[name] for name in changed} | {"etag": told.get("etag") or ""}
        self._google.call("UpdateSecret", "PATCH", path, body, updateMask=",".join(changed))
        return True

    def _add(self, path: str, content: bytes) -> None:
        body = {"payload": {"data": base64.b64encode(content).decode()}}
        self._google.call("AddSecretVersion", "POST", f"{path}:addVersion", body)


def settings_of(metadata: object) -> SecretManagerPushSpec:
    """Return the settings of an entry. Raises PushRefused."""
    spec = metadata_spec(SecretManagerPushSpec, metadata)
    for name, given in (("labels", spec.labels), ("annotations", spec.annotations)):
        taken = sorted((RESERVED | {OWNER_ANNOTATION}) & set(given or {}))
        if taken:
            raise PushRefused(f"{AT}.spec.{name}: {', '.join(taken)} is what Coffer writes itself; remove it")
    if spec.replication_location and spec.replication_locations:
        raise PushRefused(f"{AT}.spec: set replicationLocation or replicationLocations, not both")
    return spec


def labels_of(found: Mapping[str, str], spec: SecretManagerPushSpec) -> dict[str, str]:
    """Return the labels that a secret has to have; without any in the entry, those of others stay."""
    if spec.labels is None:
        return {**found, **MANAGED}
    return {**spec.labels, **(found if spec.merge_policy == "Merge" else {}), **MANAGED}


def annotations_of(found: Mapping[str, str], spec: SecretManagerPushSpec, owner: str) -> dict[str, str]:
    """Return the annotations that a secret has to have; without any in the entry, those of others stay."""
    return {**(found if spec.annotations is None else spec.annotations), OWNER_ANNOTATION: marks(owner)[OWNER]}


def marks_of(told: Mapping[str, Any]) -> dict[str, str]:
    """Return the marks of a secret, under the names that all providers have for them."""
    owner = (told.get("annotations") or {}).get(OWNER_ANNOTATION)
    return {**(told.get("labels") or {}), **({OWNER: owner} if owner else {})}


def _new(spec: SecretManagerPushSpec, owner: str) -> dict[str, Any]:
    """Return a secret to create."""
    regions = spec.replication_locations or ([spec.replication_location] if spec.replication_location else [])
    key = {"customerManagedEncryption": {"kmsKeyName": spec.cmek_key_name}} if spec.cmek_key_name else {}
    replicas = [{"location": each, **key} for each in regions]
    made: dict[str, Any] = {
        "labels": labels_of({}, spec),
        "annotations": annotations_of({}, spec, owner),
        "replication": {"userManaged": {"replicas": replicas}} if regions else {"automatic": key},
    }
    return made | ({"topics": _names(spec.topics)} if spec.topics else {})


def _content(current: bytes | None, request: PushRequest) -> bytes:
    """Return the value that the secret has to have. Raises PushRefused."""
    if request.ref.property:
        content = document_with(current or b"", request.ref.property, payload_text(request))
    else:
        content = payload(request).reveal()
    if not content:
        raise PushRefused("Google Cloud Secret Manager takes no empty value: remove the entry, or push a value")
    if len(content) > MAX_VALUE_BYTES:
        text = f"the value has {len(content)} bytes, and Google Cloud Secret Manager takes {MAX_VALUE_BYTES}"
        raise PushRefused(text)
    return content


def _path(ref: RemoteRef) -> str:
    """Return the path of a secret. Raises PushRefused for a name that Google does not take."""
    if not NAME.fullmatch(ref.key):
        place = PROPERTY.rpartition(".")[0]
        raise PushRefused(f"{place}.remoteKey: a secret's name has letters, digits, - and _, at most 255")
    return secret_path(ref.key)


def _names(topics: Iterable[str]) -> list[dict[str, str]]:
    return [{"name": each} for each in sorted(topics)]


def _topics(listed: Iterable[Any]) -> list[dict[str, str]]:
    return _names(str(each.get("name")) for each in listed if isinstance(each, dict))


def _texts(given: object) -> bool:
    """Return True for nothing, and for an object of texts."""
    return given is None or (isinstance(given, dict) and all(isinstance(each, str) for each in given.values()))
