"""List, create, save, restore and retire sealing keys, for administrators.

All of it uses the administrator's own rights through the API server; the controller only watches.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from manager.core.documents import read_json
from manager.kube.conditions import find_condition
from manager.kube.resources import SEALED_SECRETS, Body
from manager.kube.writer import SEALING_KEY_LABEL
from manager.settings.model import SealedSettings
from sealed.cluster.kube_access import KubeAccess, object_path
from sealed.crypto import key_pair
from sealed.crypto.unseal import UnsealFailed, open_object
from sealed.keys.registry import ACTIVE, SealingKey, read_key
from sealed.keys.renewal import go_duration, key_secret
from sealed.manifests.documents import Document, InputError

RETIRED = "retired"
PAGE_OBJECTS = 500
KEPT = ("generateName", "name", "labels", "annotations")


@dataclass(frozen=True)
class KeySecret:
    """One labelled Secret in the namespace of the keys."""

    name: str
    label: str
    key: SealingKey | None
    problem: str = ""
    """Why its key is not usable; empty if it is."""
    body: Body | None = None


@dataclass(frozen=True)
class KeyUsage:
    """Which SealedSecrets of the cluster need one key."""

    looked_at: int
    needing: tuple[str, ...]
    """`namespace/name` of those that no other key opens."""
    closed: tuple[str, ...]
    """Those that no key opens, with or without it."""


class Keyring:
    """The keys of one namespace.

    Args:
        priority: what makes a key the current one, as in the controller's settings.
    """

    def __init__(self, cluster: KubeAccess, namespace: str, priority: str = "CertNotBefore") -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._priority = priority

    def key_secrets(self) -> list[KeySecret]:
        """Return every labelled Secret, the newest key first. Raises InputError."""
        path = f"/api/v1/namespaces/{quote(self._namespace, '')}/secrets?labelSelector={quote(SEALING_KEY_LABEL, '')}"
        found = [self._read(each) for each in pages(self._cluster, path)]
        oldest = datetime.min.replace(tzinfo=UTC)
        return sorted(found, key=lambda each: each.key.ordered_at if each.key else oldest, reverse=True)

    def active(self) -> list[KeySecret]:
        """Return the keys that the controller uses, the current one first."""
        return [each for each in self.key_secrets() if each.label == ACTIVE and each.key is not None]

    def current(self) -> KeySecret | None:
        """Return the key that the controller seals with."""
        return next((each for each in self.active() if each.key and not each.key.problem), None)

    def rotate(self, settings: SealedSettings) -> str:
        """Create a key, which becomes the current one; return the name of its Secret. Raises InputError."""
        ttl: timedelta = go_duration("key-ttl", settings.key_ttl)
        private_key, cert = key_pair.generate(settings.key_size, ttl, settings.my_cn, datetime.now(UTC))
        return self._create(key_secret(self._namespace, settings, private_key, cert))

    def backup(self) -> Document:
        """Return all keys as a List for `restore` or `kubectl create`. Raises InputError."""
        return {
            "apiVersion": "v1",
            "kind": "List",
            "items": [_portable(each.body) for each in self.key_secrets() if each.body],
        }

    def restore(self, documents: Iterable[Document]) -> tuple[list[str], list[str]]:
        """Create the missing keys; return the names of the new Secrets and of those that exist already.

        Raises:
            InputError: an entry is no key, in which case nothing is created.

        """
        wanted = [self._checked(each) for document in documents for each in document.get("items") or [document]]
        known = {each.key.id for each in self.active() if each.key}
        names = {each.name for each in self.key_secrets()}
        created, left = [], []
        for key, body in wanted:
            if key.id in known:
                left.append(body["metadata"].get("name", ""))
                continue
            if body["metadata"].get("name") in names:
                body["metadata"]["generateName"] = f"{body['metadata'].pop('name')}-"
            created.append(self._create(body))
            known.add(key.id)
        return created, left

    def usage(self, retired: KeySecret, progress: Callable[[], None] = lambda: None) -> KeyUsage:
        """Open every SealedSecret of the cluster without the key and, if that fails, with it. Raises InputError."""
        others = [
            (each.key.id, each.key.private_key) for each in self.active() if each.key and each.name != retired.name
        ]
        alone = [(retired.key.id, retired.key.private_key)] if retired.key else []
        needing: list[str] = []
        closed: list[str] = []
        count = 0
        for sealed in pages(self._cluster, SEALED_SECRETS.path()):
            count += 1
            progress()
            if not _opens(sealed, others):
                (needing if _opens(sealed, [*alone, *others]) else closed).append(_place(sealed))
        return KeyUsage(count, tuple(needing), tuple(closed))

    def retire(self, key_secret: KeySecret) -> None:
        """Take a key out of use; its Secret stays, so that it can be restored. Raises InputError."""
        meta = (key_secret.body or {})["metadata"]
        metadata = {
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
            "labels": {SEALING_KEY_LABEL: RETIRED},
        }
        path = object_path(self._namespace, "secrets", key_secret.name)
        self._cluster.call("PATCH", path, {"metadata": metadata}, "application/merge-patch+json")

    def find(self, named: str) -> KeySecret:
        """Return the active key with this Secret name or fingerprint. Raises InputError."""
        for each in self.active():
            if named in (each.name, each.key.id if each.key else ""):
                return each
        raise InputError(f"there is no active sealing key {named} in {self._namespace}")

    def _read(self, body: Body) -> KeySecret:
        meta = body["metadata"]
        label = (meta.get("labels") or {}).get(SEALING_KEY_LABEL, "")
        try:
            return KeySecret(meta["name"], label, read_key(body, self._priority), body=body)
        except Exception as error:
            problem = str(error) if isinstance(error, ValueError) else type(error).__name__
            return KeySecret(meta["name"], label, None, problem, body)

    def _checked(self, document: Document) -> tuple[SealingKey, Body]:
        body = _portable(document) if isinstance(document.get("metadata"), dict) else {}
        if not body:
            raise InputError("the file does not hold Secrets as `coffer keys backup` writes them")
        body["metadata"]["namespace"] = self._namespace
        try:
            return read_key({**body, "metadata": {"name": "", **body["metadata"]}}, self._priority), body
        except Exception as error:
            problem = str(error) if isinstance(error, ValueError) else type(error).__name__
            raise InputError(f"{body['metadata'].get('name')}: {problem}") from None

    def _create(self, body: Body) -> str:
        path = f"/api/v1/namespaces/{quote(self._namespace, '')}/secrets"
        return str(read_json(self._cluster.call("POST", path, body))["metadata"]["name"])


def pages(cluster: KubeAccess, path: str) -> Iterator[Body]:
    """Yield the objects of a list, read in pages. Raises InputError."""
    token, sign = "", "&" if "?" in path else "?"
    while True:
        page = cluster.get(f"{path}{sign}limit={PAGE_OBJECTS}" + (f"&continue={quote(token, '')}" if token else ""))
        yield from page.get("items") or []
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return


UNKNOWN, UNOPENED = "unknown", "unopened"
"""In place of a key's fingerprint: of SealedSecrets whose status names none, and of those that no key opened."""


def needed(objects: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Group SealedSecrets by the key in their status; those without one under UNKNOWN or UNOPENED."""
    found: dict[str, list[str]] = {}
    for sealed in objects:
        status = sealed.get("status") or {}
        current = status.get("observedGeneration") == sealed["metadata"].get("generation")
        condition = find_condition(status.get("conditions"), "Synced") or {}
        without = UNOPENED if current and condition.get("status") == "False" else UNKNOWN
        for identity in (status.get("sealingKeys") if current else None) or [without]:
            found.setdefault(identity, []).append(_place(sealed))
    return found


def _opens(sealed: Mapping[str, Any], keys: list[tuple[str, RSAPrivateKey]]) -> bool:
    try:
        open_object(sealed, keys, legacy=True)
    except UnsealFailed:
        return False
    return True


def _place(sealed: Mapping[str, Any]) -> str:
    return f"{sealed['metadata'].get('namespace')}/{sealed['metadata'].get('name')}"


def _portable(body: Mapping[str, Any]) -> Body:
    metadata = {name: body["metadata"][name] for name in KEPT if body["metadata"].get(name)}
    if metadata.get("name"):
        metadata.pop("generateName", None)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": body.get("type"),
        "metadata": metadata,
        "data": body.get("data"),
    }
