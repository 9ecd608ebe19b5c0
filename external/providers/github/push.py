"""Pushes to GitHub Actions. There is no room for a mark: the record of a push tells what is ours."""

import base64
import hashlib
import secrets
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from external.providers.github.connection import Installation, Missing
from external.providers.github.places import KEY, Place, name_of
from external.providers.github.sealing import sealed
from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef, RemoteUnmanaged
from external.providers.support.pushing.marks import UNMANAGED
from external.providers.support.pushing.payload import json_text, single

PROPERTY = "data[].match.remoteRef.property"
PAGE_SECRETS = 100  # the maximum
MAX_PAGES = 20
MAX_VALUE_BYTES = 48 << 10
GET, LIST = "GetSecret", "ListSecrets"


class Known(NamedTuple):
    """A secret that this process has written."""

    owner: str
    digest: bytes
    """Of the value, with a key that never leaves the process."""
    changed: str
    """When GitHub says that it was changed last."""


class ActionsPush:
    """Writes and deletes the secrets of one place."""

    deletes_property = False

    def __init__(self, installation: Installation, place: Place, visibility: str) -> None:
        self._installation = installation
        self._place = place
        self._visibility = visibility
        self._salt = secrets.token_bytes(32)
        self._known: dict[str, Known] = {}
        self._lock = threading.Lock()

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata has no effect."""
        del metadata
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Write the secret, unless this process has written this value and nothing has changed it since."""
        name, value = _named(request.ref), _value(request)
        found = self._found(name)
        digest = hashlib.blake2b(value, key=self._salt).digest()
        known = self._unchanged(name, found)
        if found is not None and not request.recorded and (known is None or known.owner not in request.owners):
            self._require_handed_over(request)
        if known is not None and known.digest == digest and self._seen_as_wanted(found):
            return Pushed(written=False, version=known.changed)
        settings = self._settings(name, found)
        body = {**sealed(value, self._ask("GetPublicKey", "GET", "/public-key")), **settings}
        self._ask("CreateOrUpdateSecret", "PUT", f"/{name}", json=body)
        changed = _changed(self._found(name))
        with self._lock:
            self._known[name] = Known(request.owner, digest, changed)
        return Pushed(written=True, version=changed)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if there is a secret of this name. Raises ProviderError if that is unknown."""
        del metadata
        found = self._found(_named(ref))
        if found is None:
            self.require_visible()
        return found is not None

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete a secret that the PushSecret has recorded; return False if it was gone. Raises ProviderError."""
        del owner, metadata
        name = _named(ref)
        try:
            self._ask("DeleteSecret", "DELETE", f"/{name}")
        except Missing:
            self.require_visible()
            return False
        finally:
            with self._lock:
                self._known.pop(name, None)
        return True

    def canonical(self, ref: RemoteRef, metadata: object = None) -> RemoteRef:
        """Return the ref in upper case, as GitHub keeps names."""
        del metadata
        return RemoteRef(ref.key.upper(), ref.property)

    def require_visible(self) -> None:
        """Raise ProviderError unless the App may list the secrets: else 404 is no proof that one is absent."""
        try:
            self._ask(LIST, "GET", "", params={"per_page": "1"})
        except Missing as error:
            text = f"there is no {self._place.text}, or the App may not see its secrets"
            raise ProviderDenied(f"{error}: {text}") from None

    def listed(self) -> Mapping[str, str]:
        """Return when each secret was changed last, by name. Raises ProviderError rather than return a part."""
        found, totals = dict[str, str](), set[int]()
        for number in range(1, MAX_PAGES + 1):
            page = self._ask(LIST, "GET", "", params={"per_page": str(PAGE_SECRETS), "page": str(number)})
            items, total = page.get("secrets"), page.get("total_count")
            if not isinstance(items, list) or not isinstance(total, int):
                raise ProviderUnavailable(f"{LIST}: the answer is no list of secrets")
            found |= {str(each.get("name")).upper(): _changed(each) for each in items if isinstance(each, dict)}
            totals.add(total)  # one that is deleted between two pages moves another to the page before
            if len(found) >= total and len(totals) == 1:
                return found
            if not items or len(found) >= total:
                break
        raise ProviderUnavailable(f"{LIST}: the pages hold another number of secrets than the list says")

    def _found(self, name: str) -> Mapping[str, Any] | None:
        try:
            found = self._ask(GET, "GET", f"/{name}")
        except Missing:
            return None
        if str(found.get("name", "")).upper() != name:
            raise ProviderUnavailable(f"{GET}: the answer is not this secret")
        return found

    def _unchanged(self, name: str, found: Mapping[str, Any] | None) -> Known | None:
        """Return what this process has written, None if the secret was changed since."""
        with self._lock:
            known = self._known.get(name)
        return known if known is not None and found is not None and _changed(found) == known.changed else None

    def _require_handed_over(self, request: PushRequest) -> None:
        if not request.adopts:
            cure = "delete it there, or push to another remoteKey"
            raise RemoteUnmanaged(f"{UNMANAGED}: this PushSecret has not recorded that it has written it; {cure}")

    def _settings(self, name: str, found: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return who sees a secret of an organization: as the store says, or as it is."""
        if self._place.repository:
            return {}
        given = self._visibility or str((found or {}).get("visibility") or "all")
        if given != "selected":
            return {"visibility": given}
        return {"visibility": given, "selected_repository_ids": self._repositories(name)}

    def _seen_as_wanted(self, found: Mapping[str, Any] | None) -> bool:
        """Return True if who sees the secret is what the store says, or the store says nothing."""
        fixed = self._visibility if not self._place.repository else ""
        return not fixed or (found or {}).get("visibility") == fixed

    def _repositories(self, name: str) -> list[int]:
        ids: list[int] = []
        for number in range(1, MAX_PAGES + 1):
            params = {"per_page": str(PAGE_SECRETS), "page": str(number)}
            page = self._ask("ListSelectedRepositories", "GET", f"/{name}/repositories", params=params)
            items, total = page.get("repositories"), page.get("total_count")
            if not isinstance(items, list) or not isinstance(total, int):
                raise ProviderUnavailable("ListSelectedRepositories: the answer is no list of repositories")
            ids += [each["id"] for each in items if isinstance(each, dict) and isinstance(each.get("id"), int)]
            if len(ids) >= total:
                return ids
            if not items:
                break
        raise ProviderUnavailable("ListSelectedRepositories: the pages hold fewer repositories than the list says")

    def _ask(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        return self._installation.ask(call, method, f"{self._place.path}{path}", params=params, json=json)


def _named(ref: RemoteRef) -> str:
    if ref.property:
        raise PushRefused(f"{PROPERTY}: a secret of GitHub Actions has none; remove it")
    return name_of(ref.key)


def _value(request: PushRequest) -> bytes:
    """Return what to write: one value, or all of them in base64 as one JSON object, as the original does."""
    if request.secret_key:
        value = single(request).reveal()
    else:
        whole = {name: base64.b64encode(each.reveal()).decode() for name, each in request.values.items()}
        value = json_text(whole).encode()
    if len(value) > MAX_VALUE_BYTES:
        raise PushRefused(f"{KEY}: the value has {len(value)} bytes, and GitHub takes {MAX_VALUE_BYTES}")
    return value


def _changed(found: Mapping[str, Any] | None) -> str:
    changed = found.get("updated_at") if found is not None else None
    if not isinstance(changed, str) or not changed:
        raise ProviderUnavailable(f"{GET}: the answer does not say when the secret was changed")
    return changed
