"""Pushes to Azure Key Vault: secrets, certificates and keys; tags are the marks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from external.api.push_metadata.azure import AzureKeyVaultPushSpec
from external.providers.azure.connection import Recoverable, VaultConnection
from external.providers.azure.imports import certificate_of, key_of, same_key
from external.providers.azure.objects import KINDS, Place, VaultObject, object_of, place_of, value_of
from external.providers.protocol import ProviderDenied, ProviderUnavailable, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.pushing.json_text import document_with, document_without, has_property
from external.providers.support.pushing.marks import RESERVED, marks, require_ours
from external.providers.support.pushing.metadata import AT, metadata_spec
from external.providers.support.pushing.payload import payload, payload_text
from manager.core.clock import parse_rfc3339

PLACE = "tag"
MAX_TAG_CHARACTERS = 256
MAX_TAGS = 15
MAX_VALUE_BYTES = 25 << 10
PROPERTY = "data[].match.remoteRef.property"
NOUNS = {"secret": "Secret", "key": "Key", "cert": "Certificate"}


class Content(NamedTuple):
    """What an object has to hold."""

    body: Mapping[str, Any]
    """Members of the request that writes it."""
    same: bool
    """Whether the vault holds it already."""


class VaultPush:
    """Pushes to one vault. Other tags of an object stay."""

    deletes_property = True

    def __init__(self, connection: VaultConnection) -> None:
        self._connection = connection

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata names no objects. Raises PushRefused for metadata of a wrong form."""
        _settings(metadata)
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Write the next version unless the current one holds the value; tags and expiry by themselves."""
        spec, place = _settings(request.metadata), _place(request.ref)
        found = self._got(place)
        if found is not None:
            require_ours(found.tags, request.owners, PLACE, MAX_TAG_CHARACTERS)
        content = _content(place, found, request)
        tags = {**(found.tags if found else {}), **(spec.tags or {}), **marks(request.owner, MAX_TAG_CHARACTERS)}
        _require_tags(tags)
        extra = _extra(place, spec)
        if found is not None and content.same:
            return self._settled(found, tags, extra)
        kept = found.body.get("contentType") if found is not None and place.kind == "secret" else None
        body = {**content.body, **({"contentType": kept} if kept else {}), **extra, "tags": tags}
        written = self._write(place, body, request.owners)
        return Pushed(written=True, version=written.version)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if there is an object, with the property if one is asked for. Raises ProviderError."""
        del metadata
        place = _place(ref)
        found = self._got(place)
        if found is None or not ref.property:
            return found is not None
        return has_property(value_of("GetSecret", found).reveal(), ref.property)

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the object, or one property; with the last property the secret goes too. Raises ProviderError.

        The vault keeps it for a time: a later push of this name recovers it.
        """
        del metadata
        place = _place(ref)
        found = self._got(place)
        if found is None:
            return False
        require_ours(found.tags, (owner,), PLACE, MAX_TAG_CHARACTERS)
        if ref.property:
            rest = document_without(value_of("GetSecret", found).reveal(), ref.property)
            if rest is None:
                return False
            if rest:
                kept = {name: found.body[name] for name in ("contentType", "tags") if found.body.get(name)}
                self._connection.ask("SetSecret", "PUT", place.path, json={"value": rest.decode(), **kept})
                return True
        try:
            self._connection.ask(f"Delete{NOUNS[place.kind]}", "DELETE", place.path)
        except SecretAbsent:
            return False
        return True

    def _got(self, place: Place) -> VaultObject | None:
        call = f"Get{NOUNS[place.kind]}"
        try:
            return object_of(call, place, self._connection.ask(call, "GET", place.path))
        except SecretAbsent:
            return None

    def _settled(self, found: VaultObject, tags: Mapping[str, str], extra: Mapping[str, Any]) -> Pushed:
        """Bring tags, content type and expiry of a current version to what is wanted, without a new version."""
        wanted = {name: each for name, each in extra.items() if name != "attributes"}
        attributes = {name: each for name, each in (extra.get("attributes") or {}).items() if name == "exp"}
        same = all(found.body.get(name) == each for name, each in wanted.items())
        if same and found.tags == tags and all(found.attributes.get(name) == each for name, each in attributes.items()):
            return Pushed(written=False, version=found.version)
        body = {**wanted, "tags": tags, **({"attributes": attributes} if attributes else {})}
        call, path = f"Update{NOUNS[found.place.kind]}", f"{found.place.path}/{found.version}"
        self._connection.ask(call, "PATCH", path, json=body)
        return Pushed(written=True, version=found.version)

    def _write(self, place: Place, body: Mapping[str, Any], owners: tuple[str, ...]) -> VaultObject:
        call = "SetSecret" if place.kind == "secret" else f"Import{NOUNS[place.kind]}"
        path = f"{place.path}/import" if place.kind == "cert" else place.path
        try:
            answer = self._connection.ask(call, "POST" if place.kind == "cert" else "PUT", path, json=body)
        except Recoverable:
            raise self._recovered(place, owners) from None
        return object_of(call, place, answer)

    def _recovered(self, place: Place, owners: tuple[str, ...]) -> ProviderUnavailable:
        """Recover a deleted object that is ours; return what to wait for. Raises RemoteUnmanaged, ProviderError."""
        noun, path = NOUNS[place.kind], f"deleted{KINDS[place.kind]}/{place.name}"
        found = object_of(f"GetDeleted{noun}", place, self._connection.ask(f"GetDeleted{noun}", "GET", path))
        require_ours(found.tags, owners, PLACE, MAX_TAG_CHARACTERS)
        self._connection.ask(f"RecoverDeleted{noun}", "POST", f"{path}/recover")
        return ProviderUnavailable(f"the deleted {place.kind} {place.name} is being recovered; then it is written")


def _settings(metadata: object) -> AzureKeyVaultPushSpec:
    spec = metadata_spec(AzureKeyVaultPushSpec, metadata)
    if RESERVED & (spec.tags or {}).keys():
        raise PushRefused(f"{AT}.spec.tags: {', '.join(sorted(RESERVED))} are set by the controller")
    if spec.expiration_date is not None:
        _second(spec.expiration_date)
    return spec


def _second(text: str) -> int:
    moment = parse_rfc3339(text)
    if moment is None:
        raise PushRefused(f"{AT}.spec.expirationDate: it is no time such as 2030-01-31T00:00:00Z")
    return int(moment.timestamp())


def _place(ref: RemoteRef) -> Place:
    try:
        place = place_of(ref.key)
    except ProviderDenied as error:
        raise PushRefused(f"data[].match.remoteRef.remoteKey: {error}") from None
    if ref.property and place.kind != "secret":
        raise PushRefused(f"{PROPERTY}: keys and certificates have none; leave it out")
    return place


def _content(place: Place, found: VaultObject | None, request: PushRequest) -> Content:
    """Return what the object has to hold. Raises PushRefused."""
    if place.kind == "cert":
        certificate = certificate_of(payload(request))
        same = found is not None and value_of("GetCertificate", found).reveal() == certificate.leaf
        policy = {"secret_props": {"contentType": certificate.content_type}}
        return Content({"value": certificate.value, "policy": policy}, same)
    if place.kind == "key":
        key = key_of(payload(request))
        return Content({"key": key}, found is not None and same_key(found.body.get("key"), key))
    before = value_of("GetSecret", found).reveal() if found is not None else b""
    text = payload_text(request).encode()
    if request.ref.property:
        text = document_with(before, request.ref.property, text.decode())
    if len(text) > MAX_VALUE_BYTES:
        raise PushRefused(f"the value has {len(text)} bytes, and Azure Key Vault takes {MAX_VALUE_BYTES}")
    return Content({"value": text.decode()}, found is not None and before == text)


def _extra(place: Place, spec: AzureKeyVaultPushSpec) -> dict[str, Any]:
    """Return content type and expiry, which only secrets have."""
    if place.kind != "secret":
        return {}
    expiry = None if spec.expiration_date is None else {"exp": _second(spec.expiration_date)}
    return {
        **({"contentType": spec.content_type} if spec.content_type is not None else {}),
        **({"attributes": {"enabled": True, **expiry}} if expiry else {}),
    }


def _require_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise PushRefused(f"{AT}.spec.tags: the object would have {len(tags)} tags, and Azure takes {MAX_TAGS}")
    if any(len(text) > MAX_TAG_CHARACTERS for pair in tags.items() for text in pair):
        raise PushRefused(f"{AT}.spec.tags: Azure takes {MAX_TAG_CHARACTERS} characters in the name or value of a tag")
