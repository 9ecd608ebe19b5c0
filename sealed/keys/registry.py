"""The sealing keys of this cluster: which exist, the order in which they are tried, and which one seals."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from manager.core.clock import parse_rfc3339
from manager.kube.cache import newer
from manager.kube.resources import Body
from manager.kube.secret_data import decoded
from sealed.crypto import key_pair

MISMATCH = "tls.crt is not the certificate of tls.key: what is sealed with it would never open"
ACTIVE = "active"  # value of the key label that means "use"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One key pair as a Secret holds it."""

    id: str
    """SSH SHA-256 fingerprint of the public key; the same key in two Secrets is one key."""
    secret: tuple[str, str]
    """Namespace and name of its Secret."""
    certificate: bytes = field(repr=False)
    """PEM of the certificate that kubeseal fetches."""
    private_key: RSAPrivateKey = field(repr=False)
    ordered_at: datetime
    """Decides which key is the current one: notBefore, or the Secret's creation."""
    expires_at: datetime
    """When the certificate ends; then kubeseal refuses it, but the controller still opens values."""
    uid: str = ""
    """The uid of its Secret."""
    problem: str = ""
    """Why it may open values but not seal any, empty if it may."""


@dataclass(frozen=True, slots=True)
class BrokenKey:
    """A labelled Secret without a usable key, or with one that may not seal; reported, never fatal."""

    uid: str
    secret: tuple[str, str]
    problem: str


def read_key(secret: Body, priority: str) -> SealingKey:
    """Read a key Secret.

    Blocks for some ten milliseconds without the GIL; call it in a thread.

    Raises:
        ValueError: what is wrong, without any of its bytes.

    """
    meta = secret["metadata"]
    data = decoded(secret)
    for name in ("tls.key", "tls.crt"):
        if name not in data:
            raise ValueError(f"data[{name}] is missing")
    parsed = key_pair.first_certificate(data["tls.crt"].reveal())
    key = key_pair.load_private_key(data["tls.key"].reveal())
    created = parse_rfc3339(meta.get("creationTimestamp")) or datetime.fromtimestamp(0, UTC)
    by_creation = priority == "SecretCreationTimestamp"
    pair = parsed.public_key() == key.public_key()
    return SealingKey(
        id=key_pair.fingerprint(key.public_key()),
        secret=(meta["namespace"], meta["name"]),
        certificate=key_pair.to_pem(parsed),
        private_key=key,
        ordered_at=created if by_creation else parsed.not_valid_before_utc,
        expires_at=parsed.not_valid_after_utc,
        uid=meta.get("uid", ""),
        problem="" if pair else MISMATCH,
    )


class KeyRegistry:
    """Every usable sealing key, kept up to date by a watch on the key Secrets.

    Args:
        executor: parses keys, so that the event loop never waits for RSA.
        priority: CertNotBefore or SecretCreationTimestamp.
        changed: called when the set of keys has changed, to retry what failed without a key.
        reported: called when a Secret has come without a usable key.
    """

    def __init__(
        self,
        executor: Executor,
        priority: str,
        changed: Callable[[], None],
        reported: Callable[[], None] = lambda: None,
    ) -> None:
        self._executor = executor
        self._priority = priority
        self._changed = changed
        self._reported = reported
        self._of_secret: dict[tuple[str, str], SealingKey | BrokenKey] = {}
        self._version: dict[tuple[str, str], str] = {}
        self.revision = 0
        """Grows with every change of the set of keys."""
        self._last_used: list[str] = []
        self._reading = asyncio.Lock()

    @property
    def broken(self) -> list[BrokenKey]:
        """Labelled Secrets without a usable key, or with one that may not seal."""
        entries = list(self._of_secret.values())
        return [
            each if isinstance(each, BrokenKey) else BrokenKey(each.uid, each.secret, each.problem)
            for each in entries
            if each.problem
        ]

    @property
    def keys(self) -> list[SealingKey]:
        """All keys, the current one first."""
        usable = [each for each in self._of_secret.values() if isinstance(each, SealingKey)]
        usable.sort(key=lambda each: (each.ordered_at, each.secret))
        unique = {each.id: each for each in usable}  # if two Secrets hold one key, the newer
        return sorted(unique.values(), key=lambda each: (each.ordered_at, each.secret), reverse=True)

    @property
    def current(self) -> SealingKey | None:
        """The key that seals: the newest by the configured order whose certificate matches it."""
        return next((each for each in self.keys if not each.problem), None)

    def trial_order(self) -> Sequence[tuple[str, RSAPrivateKey]]:
        """Return (id, key) in the order of trial: recently used ones, then the newest; a miss costs 6 ms."""
        keys = self.keys
        rank = {identity: position for position, identity in enumerate(self._last_used)}
        keys.sort(key=lambda each: rank.get(each.id, len(rank)))
        return [(each.id, each.private_key) for each in keys]

    def worked(self, identities: frozenset[str]) -> None:
        """Remember which keys decrypted something, so that they are tried first next time."""
        if identities and self._last_used[: len(identities)] != sorted(identities):
            rest = [each for each in self._last_used if each not in identities]
            self._last_used = sorted(identities) + rest

    async def put(self, secret: Body) -> None:
        """Add or update a labelled key Secret, whatever it holds; an older version is ignored.

        The Secret has been read when this returns, also where the watch has brought the same version before.
        """
        async with self._reading:
            await self._put(secret)

    async def _put(self, secret: Body) -> None:
        meta = secret["metadata"]
        name = (meta["namespace"], meta["name"])
        if name in self._version and not newer(meta["resourceVersion"], self._version[name]):
            return
        self._version[name] = meta["resourceVersion"]
        loop = asyncio.get_running_loop()
        entry: SealingKey | BrokenKey
        try:
            entry = await loop.run_in_executor(self._executor, read_key, secret, self._priority)
        except ValueError as error:
            entry = BrokenKey(meta["uid"], name, str(error))
        except Exception as error:  # a library's error at odd bytes must not end the watch
            entry = BrokenKey(meta["uid"], name, f"it cannot be read ({type(error).__name__})")
        if self._version.get(name) != meta["resourceVersion"]:
            return  # removed or replaced while it was being read
        self._announce(entry)
        before = {each.id for each in self.keys}
        self._of_secret[name] = entry
        if {each.id for each in self.keys} != before:
            self._announce_change()
        if entry.problem:
            self._reported()

    def _announce(self, entry: SealingKey | BrokenKey) -> None:
        secret = "/".join(entry.secret)
        if entry.problem:
            log.error("sealing key is not usable", secret=secret, problem=entry.problem)
        if isinstance(entry, SealingKey):
            log.info("sealing key registered", secret=secret, key=entry.id)

    def remove(self, name: tuple[str, str], version: str) -> None:
        """Forget a key whose Secret was gone, or not labelled active, at `version`; a newer Secret stays."""
        if newer(self._version.get(name, version), version):
            return
        self._version.pop(name, None)
        if self._of_secret.pop(name, None) is not None:
            log.info("sealing key removed", secret="/".join(name))
            self._announce_change()

    def expect_rollback(self, namespace: str) -> None:
        """Accept older versions from a namespace next: its etcd was restored from a backup."""
        for name in [each for each in self._version if each[0] == namespace]:
            del self._version[name]

    def keep_only(self, names: set[tuple[str, str]], namespace: str, version: str) -> None:
        """Forget the keys of a namespace that are missing from a list made at `version`."""
        for name in [each for each in self._of_secret if each[0] == namespace and each not in names]:
            self.remove(name, version)

    def _announce_change(self) -> None:
        self.revision += 1
        self._changed()
