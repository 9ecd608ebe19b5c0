"""Key-value engines of Vault, versions 1 and 2: paths, values, folders."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.naming import compiled, document
from external.providers.support.search import SearchResults
from external.providers.vault.connection import ABSENCE, Connection
from external.providers.vault.paths import EnginePaths
from manager.core.secret_value import SecretValue

MAX_FOLDERS = 10_000  # that wait at a time in a search
SYSTEM_TAGS = ("created_time", "current_version", "delete_version_after")


class KeyValue:
    """Reads secrets below one mount.

    Args:
        mount: path of the engine; empty where the keys begin with it.
        seconds: that a search may take.
    """

    batch = 1
    natural = True

    def __init__(self, connection: Connection, mount: str, version: str, seconds: float) -> None:
        self._connection = connection
        self._mount = mount.strip("/")
        self._is_v2 = version == "v2"
        self._paths = EnginePaths(mount, is_v2=self._is_v2)
        self._seconds = seconds

    def validate(self) -> None:
        """Find out whether the identity is accepted; no secret is read."""
        self._connection.validate()

    def close(self) -> None:
        """Give the token back."""
        self._connection.close()

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return the whole data as a JSON object; with `metadata` its custom metadata."""
        return one_by_one(requests, self._one)

    def _one(self, request: SecretRequest) -> SecretValue:
        return (
            self._metadata(request.key)
            if request.metadata
            else self._data(self._paths.of_key(request.key), request.version)
        )

    def location(self, request: SecretRequest) -> str:
        """Return server, namespace and path, which begins with the mount."""
        path = self._paths.of_key(request.key, "metadata" if request.metadata and self._is_v2 else "data")
        return f"{self._connection.location}, path {path}"

    def missing(self, key: str, path: str, *, metadata: bool, extract: bool) -> str:
        """Return what is said of a property that does not exist."""
        del metadata, extract
        return f'cannot find secret data for key: "{path}" (in {key})'

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the secrets below the path whose name matches, and which have all tags; with neither, all of them."""
        if not self._mount and not find.path:
            raise ProviderDenied("find.path is missing: without path in the store nothing says in which engine to look")
        if find.tags is not None and not self._is_v2:
            raise ProviderDenied("cannot perform find by tag operations with kv version v1")
        pattern, until = compiled(find.name), time.monotonic() + self._seconds
        found = SearchResults()
        for name in self._walk(find.path, until):
            if not pattern.search(name):
                continue
            try:
                if set(find.tags or ()) <= set(self._tags(name).items() if find.tags else ()):
                    found[name] = self._data(self._paths.listed("data", name), "")
            except SecretAbsent:
                continue  # it went between the calls, or has no version that lives
        return found

    def _data(self, path: str, version: str) -> SecretValue:
        params = {"version": version} if version and self._is_v2 else {}
        answer = self._connection.get("ReadSecretData", path, params=params)
        data = answer.get("data")
        if self._is_v2:
            if not isinstance(data, dict) or "data" not in data:
                raise ProviderUnavailable("ReadSecretData: the answer holds no data")
            data = data["data"]
            if data is None:
                raise SecretAbsent(f"{ABSENCE}: this version is deleted")
        if not isinstance(data, dict):
            raise ProviderUnavailable("ReadSecretData: the answer holds no data")
        return document(data)

    def _metadata(self, key: str) -> SecretValue:
        if not self._is_v2:
            raise ProviderDenied("cannot perform metadata fetch operations with kv version v1")
        # Versions of the original differ in whether the mount in front of the key is taken away here.
        for path in dict.fromkeys((self._paths.listed("metadata", key), self._paths.of_key(key, "metadata"))):
            try:
                return document(self._tags_at(path))
            except SecretAbsent:
                continue
        # Only a read of the value proves an absence, by which a target may be deleted.
        where = self.location(SecretRequest(key, metadata=True))
        raise ProviderDenied(f"secret not found: nothing is told of it (looked in {where})")

    def _tags(self, key: str) -> dict[str, str]:
        return self._tags_at(self._paths.listed("metadata", key))

    def _tags_at(self, path: str) -> dict[str, str]:
        data = self._connection.get("ReadSecretData", path).get("data") or {}
        tags = {str(name): str(value) for name, value in (data.get("custom_metadata") or {}).items()}
        return tags | {name: str(data[name]) for name in SYSTEM_TAGS if data.get(name) is not None}

    def _walk(self, top: str, until: float) -> Iterator[str]:
        """Yield the full names of all secrets below a path, folder by folder.

        A slash at the end of the path stays: the original puts its own behind it, and targets have keys by that name.
        """
        folders = [f"{top}/" if top else ""]
        while folders:
            folder = folders.pop(0)
            if len(folders) > MAX_FOLDERS:
                raise ProviderDenied(f"find leads through more than {MAX_FOLDERS} folders: narrow it by find.path")
            if time.monotonic() > until:
                raise ProviderDenied(f"find takes over {self._seconds:g} s: narrow it by find.path")
            try:
                answer = self._connection.get("ListSecrets", self._paths.listed("metadata", folder), method="list")
            except SecretAbsent:
                continue
            for name in _names(answer):
                if str(name).endswith("/"):
                    folders.append(folder + str(name))
                else:
                    yield folder + str(name)


def _names(answer: Mapping[str, Any]) -> Sequence[object]:
    """Return what a folder holds. Raises ProviderUnavailable: of an empty folder Vault says that it is not there."""
    data = answer.get("data")
    names = data.get("keys") if isinstance(data, dict) else None
    if not isinstance(names, list | tuple):
        raise ProviderUnavailable("ListSecrets: the answer holds no list")
    return names
