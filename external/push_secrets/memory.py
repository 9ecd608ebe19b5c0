"""What this process remembers of pushes, so that an equal value is neither written nor read again."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from external.generators.credentials import CredentialUsers
from external.providers.push import PushRequest, RemoteRef, SourceMeta
from external.push_secrets.entries import metadata_text
from external.reading.fingerprints import fingerprint_of
from manager.core.secret_value import SecretValue
from manager.kube.resources import Key


class Place(NamedTuple):
    """A remote key or property under one identity of a store."""

    store: Key
    identity: tuple[str, ...]
    ref: RemoteRef


class Proof(NamedTuple):
    """What a place had when it was last pushed to, or compared."""

    fingerprint: bytes
    """Of value and metadata, with a key of this process."""
    at: float
    """Unix time."""


@dataclass
class Remembered:
    """What is remembered of one PushSecret."""

    uid: str
    sources: str = ""
    """The stamp of what was last pushed without an error; empty before that."""
    versions: str = ""
    """The stamp of the provider's versions then; empty if they prove nothing."""
    at: float | None = None
    """Unix time for which it is proven that the provider has what it should; None before that."""
    completed: float = 0.0
    """Unix time at which the last pass without an error ended."""
    refresh_by: float | None = None
    """Unix time at which generated values must be replaced."""
    left: Key | None = None
    """The first store that the last pass had no time for: the next one begins with it."""
    shown: Mapping[str, Any] | None = None
    """The entries that were last written into the status; the original's CRD drops them."""
    proofs: dict[Place, Proof] = field(default_factory=dict)
    version_of: dict[tuple[Key, str], str] = field(default_factory=dict)
    """Store and remote key -> the provider's version after the last push."""


@dataclass
class PushMemory:
    """What watches and reconciler of PushSecrets tell each other; a restart loses nothing that is not found again."""

    known: dict[Key, Remembered] = field(default_factory=dict)
    stale: set[Key] = field(default_factory=set)
    """PushSecrets whose sources, stores or rivals changed since the last pass; the watches add them."""
    gone_since: dict[Key, float] = field(default_factory=dict)
    """PushSecret -> monotonic second at which its Secret was first seen to be gone."""
    generator_credentials: CredentialUsers = field(default_factory=CredentialUsers)
    """What the generators of each PushSecret refer to; the reconciler notes it."""

    def of(self, key: Key, uid: str) -> Remembered:
        """Return what is remembered of an object; nothing of an earlier one of its name."""
        found = self.known.get(key)
        if found is None or found.uid != uid:
            found = self.known[key] = Remembered(uid)
        return found

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a PushSecret that is gone."""
        self.known.pop(key, None)
        self.stale.discard(key)
        self.gone_since.pop(key, None)


def stamp(parts: Iterable[str]) -> str:
    """Return a short text that changes with names and versions of objects; never of a value."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def versions_stamp(versions: Mapping[tuple[Key, str], str]) -> str:
    """Return a short text that changes with the provider's versions; empty if one is not known."""
    if not versions or not all(versions.values()):
        return ""
    return stamp(sorted(f"{store}\t{key}\t{version}" for (store, key), version in versions.items()))


def request_fingerprint(request: PushRequest) -> bytes:
    """Return the keyed fingerprint of what a request would write."""
    key = request.secret_key
    chosen = {key: request.values[key]} if key else request.values
    about = {f"value {name}": value for name, value in chosen.items()}
    about["metadata"] = SecretValue(metadata_text(request.metadata).encode())
    about["source"] = SecretValue(metadata_text([request.source.type, _pairs(request.source)]).encode())
    about |= {f"referenced {'/'.join(name)}": value for name, value in request.referenced.items()}
    return fingerprint_of(about)


def _pairs(source: SourceMeta) -> list[dict[str, str]]:
    return [dict(source.labels), dict(source.annotations)]
