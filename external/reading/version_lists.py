"""Change detection without reading: one list of a provider holds the versions of many secrets."""

import hashlib
from asyncio import Task
from collections.abc import Mapping
from dataclasses import dataclass

from external.providers.protocol import Client, ListsVersions, SearchRequest, SecretRequest, Versioned

LIST_LAG_SECONDS = 300.0  # by which a list of AWS may be late: what it shows is proven for that long ago, not for now
MIN_INTERVAL_SECONDS = 600.0  # between two refreshes, from which on lists are worth their lag
LISTS_PER_INTERVAL = 4  # at most: one list serves a quarter of an interval
REFUSED_SECONDS = 3600.0  # until a list is tried again that IAM forbids or that takes too many calls


@dataclass(frozen=True, slots=True)
class VersionList:
    """The result of one list."""

    started: float
    """Monotonic second."""
    versions: Mapping[SecretRequest, str]


@dataclass(slots=True)
class VersionLists:
    """The lists of one identity."""

    latest: VersionList | None = None
    running: Task[None] | None = None
    began: float = 0.0
    """Monotonic second at which the running list was requested."""
    not_before: float = 0.0

    def serves(self, interval: float, now: float) -> VersionList | None:
        """Return the latest list if it is new enough for objects with this refresh interval."""
        return (
            self.latest
            if self.latest is not None and now - self.latest.started <= interval / LISTS_PER_INTERVAL
            else None
        )


def has_listed_version(client: Client, request: SecretRequest | SearchRequest) -> bool:
    """Return True if a list can prove an answer unchanged: pinned versions and tags are not in it."""
    return (
        isinstance(client, ListsVersions)
        and isinstance(request, SecretRequest)
        and not request.version
        and not request.metadata
    )


def lists_worth_reading(client: ListsVersions, number: int) -> int:
    """Return the largest number of calls at which a list is cheaper than reading so many secrets."""
    return client.reads(number) // LISTS_PER_INTERVAL


def version_of(given: object) -> str:
    """Return the version that came with an answer, empty if there is none."""
    return given.version if isinstance(given, Versioned) else ""


def versions_fingerprint(versions: Mapping[tuple[tuple[str, ...], SecretRequest | SearchRequest], str]) -> str:
    """Return a fingerprint of the versions of all that an ExternalSecret reads; empty if one of them has none."""
    if not versions or not all(versions.values()):
        return ""
    text = repr(sorted((repr(asked), version) for asked, version in versions.items()))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
