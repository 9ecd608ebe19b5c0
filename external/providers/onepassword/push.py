"""Pushes to 1Password: one field of an item; tags are the marks."""

from collections.abc import Callable, Mapping
from typing import Any

from external.api.push_metadata.onepassword import OnePasswordPushSpec
from external.providers.onepassword.connection import ConnectConnection, item_path
from external.providers.onepassword.items import (
    DEFAULT_FIELD,
    FIELD,
    FILE,
    ITEM_ID,
    Summary,
    fields_of,
    files_of,
)
from external.providers.protocol import ProviderUnavailable, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef, RemoteUnmanaged
from external.providers.support.pushing.mark_texts import is_mark, mark_tags, marks_in
from external.providers.support.pushing.marks import RESERVED, in_source, require_ours, require_ours_or_known
from external.providers.support.pushing.metadata import AT, metadata_spec
from external.providers.support.pushing.payload import single, text_of

PLACE = "tag"
CATEGORY = "SERVER"


class ItemPush:
    """Pushes fields of items.

    Args:
        vaults: returns the ids of the vaults by their names, in the store's order.
        found: returns the item with a title or id, None if there is provably none.
    """

    deletes_property = True

    def __init__(
        self,
        connection: ConnectConnection,
        vaults: Callable[[], Mapping[str, str]],
        found: Callable[[str], Summary | None],
    ) -> None:
        self._connection = connection
        self._vaults = vaults
        self._found = found

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata names no objects. Raises PushRefused for metadata of a wrong form."""
        _settings(metadata)
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Set the field, or create the item with it; an equal field and equal tags are not written."""
        spec, label = _settings(request.metadata), _label(request.ref)
        if not request.secret_key:
            raise PushRefused("secretKey is missing: a whole Secret cannot be pushed to one field of 1Password")
        value = text_of(single(request), request.secret_key)
        found = self._found(request.ref.key)
        if found is None:
            return self._created(request, spec, label, value)
        body = self._body(found)
        tags = _tags(body)
        held = [each.decode() for _, each in fields_of(body) if each]
        known = not files_of(body) and in_source(request, held)
        require_ours_or_known(marks_in(tags), request, PLACE, known=known)
        kept = spec.tags if spec.tags is not None else [each for each in tags if not is_mark(each)]
        wanted = {**body, "tags": [*kept, *mark_tags(request.owner)], "fields": _with_field(body, label, value)}
        if sorted(wanted["tags"]) == sorted(tags) and wanted["fields"] == (body.get("fields") or []):
            return Pushed(written=False)
        self._connection.ask("UpdateItem", "PUT", item_path(found.vault, found.id), json=wanted)
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the item exists, with the field if one is named. Raises ProviderError."""
        del metadata
        found = self._found(ref.key)
        if found is None or not ref.property:
            return found is not None
        label = _label(ref)
        return any(each == label for each, _ in fields_of(self._body(found)))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Remove the field; the item goes with its last one. Raises ProviderError."""
        del metadata
        found, label = self._found(ref.key), _label(ref)
        if found is None:
            return False
        try:
            body = self._body(found)
            require_ours(marks_in(_tags(body)), (owner,), PLACE)
            fields = body.get("fields") or []
            rest = [each for each in fields if (each.get("label") or "") != label]
            if len(fields) - len(rest) > 1:
                raise RemoteUnmanaged(f'the item has several fields with the name "{label}": ours is not known')
            if len(rest) == len(fields):
                return False
            path = item_path(found.vault, found.id)
            if any(each.get("value") for each in rest) or files_of(body):
                self._connection.ask("UpdateItem", "PUT", path, json={**body, "fields": rest})
            else:
                self._connection.ask("DeleteItem", "DELETE", path)
        except SecretAbsent:
            return False
        return True

    def _body(self, found: Summary) -> Mapping[str, Any]:
        body = self._connection.ask("GetItem", "GET", item_path(found.vault, found.id))
        if not isinstance(body, dict) or body.get("id") != found.id:
            raise ProviderUnavailable("GetItem: the answer is no item, or another one than was asked for")
        fields_of(body)
        return body

    def _created(self, request: PushRequest, spec: OnePasswordPushSpec, label: str, value: str) -> Pushed:
        vaults = self._vaults()
        if ITEM_ID.fullmatch(request.ref.key):
            raise PushRefused("there is no item with this id; an item is created by a title only")
        if spec.vault is not None and spec.vault not in vaults:
            raise PushRefused(f"{AT}.spec.vault: the store does not name this vault; it names {', '.join(vaults)}")
        vault = vaults[spec.vault] if spec.vault is not None else next(iter(vaults.values()))
        item = {
            "title": request.ref.key,
            "category": CATEGORY,
            "vault": {"id": vault},
            "tags": [*(spec.tags or []), *mark_tags(request.owner)],
            "fields": [{"label": label, "value": value, "type": "CONCEALED"}],
        }
        self._connection.ask("CreateItem", "POST", f"vaults/{vault}/items", json=item)
        return Pushed(written=True)


def _settings(metadata: object) -> OnePasswordPushSpec:
    spec = metadata_spec(OnePasswordPushSpec, metadata)
    if any(map(is_mark, spec.tags or ())):
        raise PushRefused(f"{AT}.spec.tags: {', '.join(sorted(RESERVED))} are set by the controller")
    return spec


def _label(ref: RemoteRef) -> str:
    if ref.property.startswith(FILE):
        raise PushRefused("data[].match.remoteRef.property: files are not pushed; name a field")
    return ref.property.removeprefix(FIELD) or DEFAULT_FIELD


def _with_field(body: Mapping[str, Any], label: str, value: str) -> list[Any]:
    """Return all fields, one of them with a value. Raises PushRefused if several have the label."""
    fields = list(body.get("fields") or [])
    places = [number for number, each in enumerate(fields) if (each.get("label") or "") == label]
    if len(places) > 1:
        raise PushRefused(f'the item has several fields with the name "{label}"')
    if not places:
        return [*fields, {"label": label, "value": value, "type": "CONCEALED"}]
    fields[places[0]] = {**fields[places[0]], "value": value}
    return fields


def _tags(body: Mapping[str, Any]) -> list[str]:
    found = body.get("tags") or []
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
