"""Reads secrets of Google Cloud Secret Manager."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from external.providers.gcp.connection import SecretManagerConnection, WrongState, accessed, secret_path
from external.providers.gcp.push import SecretManagerPush
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.naming import compiled
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.search import SearchResults
from manager.core.secret_value import SecretValue

PAGE_SECRETS = 1000
MAX_PAGES = 100
FETCH_ENABLED = "LatestOrFetch"


class SecretManager(DelegatesPushes):
    """Reads and pushes secrets of one project and location.

    Args:
        policy: what is read if the latest version is disabled.
        seconds: that a search may take.
    """

    natural = False
    batch = 1
    converts_names = True

    def __init__(self, google: SecretManagerConnection, policy: str, seconds: float) -> None:
        super().__init__(SecretManagerPush(google))
        self._google = google
        self._fetches = policy == FETCH_ENABLED
        self._seconds = seconds

    def validate(self) -> None:
        """Check that Google gives a token to the identity; no secret is read."""
        self._google.validate()

    def close(self) -> None:
        """Close the connections."""
        self._google.close()

    def location(self, request: SecretRequest) -> str:
        """Return project and location."""
        del request
        place = self._google.place
        return f"Google Cloud Secret Manager, project {place.project or 'of Coffer'}" + (
            f", location {place.location}" if place.location else ""
        )

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return the values; with `metadata` annotations and labels."""
        return one_by_one(requests, self._one)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the secrets that begin with the path, whose name matches, and which have all labels."""
        if find.name is None and not find.tags:
            raise ProviderDenied("unexpected find operator: name or tags is missing")
        pattern, found = compiled(find.name), SearchResults()
        for name in self._names(find):
            if not name.startswith(find.path) or not pattern.search(name):
                continue
            try:
                found[name] = self._value(name, "")
            except SecretAbsent:
                continue  # it was deleted between the two calls, or has no version yet
            except ProviderError as error:
                raise type(error)(f"{name}: {error}") from None
        return found

    def _one(self, request: SecretRequest) -> SecretValue:
        return self._metadata(request.key) if request.metadata else self._value(request.key, request.version)

    def _value(self, key: str, version: str) -> SecretValue:
        try:
            return accessed(self._google, key, version)
        except WrongState as error:
            newest = self._newest_enabled(key) if self._fetches and not version else ""
            if not newest:
                raise error.alone() from None
        return accessed(self._google, key, newest)

    def _newest_enabled(self, key: str) -> str:
        """Return the number of the newest enabled version, empty if none is."""
        answer = self._google.call("ListSecretVersions", "GET", f"{secret_path(key)}/versions", filter="state:ENABLED")
        listed = _listed("ListSecretVersions", answer, "versions")
        enabled = [each for each in listed if each.get("state") == "ENABLED"]
        newest = max(enabled, key=lambda each: str(each.get("createTime") or ""), default={})
        return str(newest.get("name") or "").rpartition("/")[2]

    def _metadata(self, key: str) -> SecretValue:
        try:
            found = self._google.call("GetSecret", "GET", secret_path(key))
        except SecretAbsent as error:
            # Targets are deleted by SecretAbsent: only a read of the value may prove it.
            raise ProviderDenied(f"GetSecret: {error}") from None
        if "name" not in found:
            raise ProviderUnavailable("GetSecret: the answer is no secret")
        told = {name: found.get(name) for name in ("annotations", "labels")}
        return SecretValue(json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())

    def _names(self, find: SearchRequest) -> Iterator[str]:
        terms = [f"name:{find.path}"] if find.path else []
        terms += [f"labels.{name}={value}" for name, value in find.tags or ()]
        until, token = time.monotonic() + self._seconds, ""
        for _ in range(MAX_PAGES):
            page = self._google.call(
                "ListSecrets", "GET", "secrets", filter=" AND ".join(terms), pageSize=str(PAGE_SECRETS), pageToken=token
            )
            for each in _listed("ListSecrets", page, "secrets"):
                labels = each.get("labels") or {}
                # The filter compares parts of names, and labels as Google understands the term.
                if all(labels.get(name) == value for name, value in find.tags or ()):
                    yield str(each.get("name") or "").rpartition("/")[2]
            token = str(page.get("nextPageToken") or "")
            if not token:
                return
            if time.monotonic() > until:
                raise ProviderDenied(f"find takes over {self._seconds:g} s: narrow it by find.path or find.tags")
        raise ProviderDenied(f"find goes through more than {MAX_PAGES * PAGE_SECRETS} secrets: narrow it by find.path")


def _listed(call: str, answer: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    """Return the items of a page. Raises ProviderUnavailable: Google leaves out an empty list, and says nothing else.

    An answer of another form must not look like a search without a result.
    """
    found = answer.get(member, [])
    strange = set(answer) - {member, "nextPageToken", "totalSize"}
    if strange or not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ProviderUnavailable(f"{call}: the answer is no list")
    return found
