"""Pushes to Delinea Secret Server, one field each. There is no room for a mark: the record tells what is ours."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef, RemoteUnmanaged
from external.providers.secretserver.connection import SecretServerConnection
from external.providers.secretserver.model import SecretServerPushSpec
from external.providers.secretserver.secrets import Place, ServerSecret, place_of
from external.providers.support.pushing.marks import UNMANAGED
from external.providers.support.pushing.metadata import AT, metadata_spec
from external.providers.support.pushing.payload import payload_text

KEY = "data[].match.remoteRef.remoteKey"
PROPERTY = "data[].match.remoteRef.property"
SITE = 1  # the site that every server has
TEMPLATE = "GetSecretTemplate"
HIDDEN = "the user sees no such secret: it does not exist, or the user may not view it"


class Secrets(Protocol):
    """What a push needs of the client."""

    connection: SecretServerConnection

    def lookup(self, place: Place, *, only_one: bool = False) -> ServerSecret | None:
        """Return the active secret at a place."""
        ...

    def is_deleted(self, place: Place) -> bool:
        """Return True if what was at a place is deleted."""
        ...


class SecretServerPush:
    """Creates secrets and writes their fields."""

    deletes_property = False

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._made: dict[int, str] = {}
        """Id -> owner of the secrets that this process has made."""

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata names no objects. Raises PushRefused for metadata of a wrong form."""
        metadata_spec(SecretServerPushSpec, metadata)
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Write one field unless it has the value; create the secret if there is none. Raises ProviderError."""
        spec = metadata_spec(SecretServerPushSpec, request.metadata)
        place, text = _place(request.ref, spec), payload_text(request)
        found = self._secrets.lookup(place, only_one=True)
        if found is None:
            number = self._created(place, spec, request.ref.property, text)
            self._made[number] = request.owner
            return Pushed(written=True)
        if not (request.recorded or request.adopts or self._made.get(found.number) in request.owners):
            cure = "delete it there, or push to another remoteKey"
            raise RemoteUnmanaged(f"{UNMANAGED}: this PushSecret has not recorded that it has written it; {cure}")
        item = found.item(request.ref.property)
        if item is None or item.attached:
            raise PushRefused(f"{PROPERTY}: the secret has no field of this name that holds text")
        if item.value == text.encode():
            return Pushed(written=False)
        path = f"secrets/{found.number}/fields/{quote(item.slug, safe='')}"
        self._secrets.connection.write("UpdateSecretField", "PUT", path, {"value": text})
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if there is a secret, with a value in the field if one is named. Raises ProviderError."""
        place = _place(ref, metadata_spec(SecretServerPushSpec, metadata))
        found = self._secrets.lookup(place, only_one=True)
        item = found.item(ref.property) if found is not None else None
        return found is not None and (not ref.property or (item is not None and bool(item.value)))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete a secret that the PushSecret has recorded; return False if it is deleted. Raises ProviderError."""
        del owner
        place = _place(ref, metadata_spec(SecretServerPushSpec, metadata))
        found = self._secrets.lookup(place, only_one=True)
        if found is None and self._secrets.is_deleted(place):
            return False
        if found is None:
            raise ProviderDenied(f"{HIDDEN}; if it does not exist, remove it from the PushSecret's status")
        self._secrets.connection.write("DeleteSecret", "DELETE", f"secrets/{found.number}")
        self._made.pop(found.number, None)
        return True

    def _created(self, place: Place, spec: SecretServerPushSpec, name: str, text: str) -> int:
        """Create a secret with one field. Raises PushRefused if it cannot be told where and how."""
        if place.path or place.number:
            raise PushRefused(f"{KEY}: there is no such secret, and a new one is named folderId:ID/NAME or NAME")
        if not spec.secret_template_id or not place.folder:
            missing = "secretTemplateId" if place.folder else "folderId"
            raise PushRefused(f"{AT}.spec.{missing} is missing: there is no such secret, and a new one needs it")
        chosen = self._field(spec.secret_template_id, name)
        body = {
            "name": place.name,
            "folderId": place.folder,
            "siteId": SITE,
            "secretTemplateId": spec.secret_template_id,
            "items": [{"fieldId": chosen["secretTemplateFieldId"], "slug": chosen["fieldSlugName"], "itemValue": text}],
        }
        number = self._secrets.connection.ask("CreateSecret", "POST", "secrets", json=body).get("id")
        if not isinstance(number, int):
            raise ProviderUnavailable("CreateSecret: the answer holds no id")
        return number

    def _field(self, template: int, name: str) -> Mapping[str, Any]:
        """Return the field of a template that has a slug or a name; the first one for an empty name."""
        fields = self._secrets.connection.ask(TEMPLATE, "GET", f"secret-templates/{template}").get("fields")
        if not isinstance(fields, list) or not all(
            isinstance(each, dict) and isinstance(each.get("secretTemplateFieldId"), int) and each.get("fieldSlugName")
            for each in fields
        ):
            raise ProviderUnavailable(f"{TEMPLATE}: the answer is no template")
        texts = [each for each in fields if not each.get("isFile")]
        for known in ("fieldSlugName", "name", "displayName"):
            for each in texts:
                if not name or each.get(known) == name:
                    chosen: Mapping[str, Any] = each
                    return chosen
        raise PushRefused(f"{PROPERTY}: the template has no field of this name that holds text")


def _place(ref: RemoteRef, spec: SecretServerPushSpec) -> Place:
    """Return where an entry is pushed to; a folder in the key wins over one in the metadata. Raises PushRefused."""
    try:
        place = place_of(ref.key)
    except ProviderDenied as error:
        raise PushRefused(f"{KEY}: {error}") from None
    if spec.folder_id and not (place.folder or place.path or place.number):
        return place._replace(folder=spec.folder_id)
    return place
