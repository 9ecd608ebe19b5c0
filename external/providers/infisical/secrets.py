"""Folders and secrets of Infisical. Pure."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import PushRefused

METADATA = "secretMetadata"
MASK = "<hidden-by-infisical>"
"""What Infisical shows instead of a value that the identity may not read."""


class Place(NamedTuple):
    """Where a secret is."""

    folder: str
    name: str


class Entry(NamedTuple):
    """A secret of a list, or the answer to a read."""

    name: str
    value: str
    folder: str
    metadata: tuple[tuple[str, str], ...]
    hidden: bool = False
    """Whether Infisical shows a mask instead of the value."""

    def shown(self) -> "Entry":
        """Return this entry. Raises ProviderDenied if the identity may not read its value."""
        if self.hidden:
            raise ProviderDenied(f"the value of {self.name} is hidden: the identity needs the permission ReadValue")
        return self


def place_of(key: str, base: str) -> Place:
    """Return where a key leads.

    A key without a slash is a name in the store's folder; one that begins with a slash names its folder from the root;
    any other from the store's folder. Raises ProviderDenied for steps that lead out of it, and for an empty name.
    """
    folder, _, name = key.rpartition("/")
    if not key.startswith("/"):
        folder = posixpath.join(base, folder)
    if any(step in (".", "..") for step in key.split("/")):
        raise ProviderDenied("the key has a step . or ..: name the folder from the root instead")
    if not name:
        raise ProviderDenied("the key ends with a slash: it names a folder, and no secret")
    return Place(cleaned(folder), name)


def path_of(place: Place) -> str:
    """Return the path of a secret in the API; its folder is a parameter."""
    return f"v3/secrets/raw/{quote(place.name, safe='')}"


def cleaned(folder: str) -> str:
    """Return a folder with one slash in front of each step."""
    return "/" + "/".join(step for step in folder.split("/") if step)


def beneath(folder: str, path: str) -> bool:
    """Return True if a folder is another one or below it; every folder is below an empty path."""
    wanted = cleaned(path)
    return not path or wanted == "/" or folder == wanted or folder.startswith(f"{wanted}/")


def entry_of(call: str, body: object, folder: str) -> Entry:
    """Return a secret as the API shows it. Raises ProviderUnavailable for what is none."""
    given = body if isinstance(body, dict) else {}
    name, value, path = given.get("secretKey"), given.get("secretValue"), given.get("secretPath", folder)
    if not isinstance(name, str) or not isinstance(value, str) or not isinstance(path, str):
        raise ProviderUnavailable(f"{call}: the answer is no secret")
    listed = given.get(METADATA) or []
    pairs = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    metadata = tuple((str(each.get("key")), str(each.get("value"))) for each in pairs)
    return Entry(name, value, cleaned(path), metadata, bool(given.get("secretValueHidden")) or value == MASK)


def entries_of(call: str, body: Mapping[str, Any], folder: str) -> Iterator[Entry]:
    """Yield the secrets of a list, those of imports first, the first import last: the later counts.

    Raises ProviderUnavailable for what is no list.
    """
    own, imports = body.get("secrets"), body.get("imports") or []
    if not isinstance(own, list) or not isinstance(imports, list):
        raise ProviderUnavailable(f"{call}: the answer is no list of secrets")
    for each in reversed(imports):
        inner = each.get("secrets") if isinstance(each, dict) else None
        if not isinstance(inner, list):
            raise ProviderUnavailable(f"{call}: the answer is no list of imports")
        yield from (entry_of(call, secret, folder)._replace(folder=folder) for secret in inner)
    yield from (entry_of(call, secret, folder) for secret in own)


def require_name(call: str, found: Entry, place: Place) -> Entry:
    """Return an entry. Raises ProviderDenied for another secret than the one that was asked for."""
    if found.name != place.name:
        raise ProviderDenied(f"{call}: the answer is another secret than the one that was asked for")
    return found


def by_name(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return one entry a name, the last one."""
    return {each.name: each for each in entries}


def push_place(key: str, base: str) -> Place:
    """Return where a push goes. Raises PushRefused."""
    try:
        return place_of(key, base)
    except ProviderDenied as error:
        raise PushRefused(f"data[].match.remoteRef.remoteKey: {error}") from None
