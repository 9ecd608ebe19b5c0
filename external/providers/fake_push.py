"""Pushing to the fake provider: values live in this process, for each store its own."""

from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef, RemoteUnmanaged
from external.providers.support.pushing.json_text import document_with, document_without, has_property
from external.providers.support.pushing.marks import UNMANAGED, require_no_other
from external.providers.support.pushing.payload import payload, payload_text
from manager.core.secret_value import SecretValue
from manager.kube.resources import Key

MAX_PUSHED_BYTES = 1 << 20  # in all fake stores of a namespace, or in all cluster stores: they stay in memory
OVERHEAD_BYTES = 256


class PushedValue(NamedTuple):
    """A value that was pushed."""

    value: SecretValue
    owner: str
    version: int


class PushedValues:
    """What was pushed to one store."""

    def __init__(self) -> None:
        self._values: dict[str, PushedValue] = {}
        self._written = 0
        self.lock = Lock()

    def get(self, key: str) -> PushedValue | None:
        """Return what was pushed to a key."""
        return self._values.get(key)

    def all(self) -> Mapping[str, SecretValue]:
        """Return all values."""
        return {key: each.value for key, each in self._values.copy().items()}

    def put(self, key: str, value: SecretValue, owner: str) -> str:
        """Keep a value and return its version."""
        self._written += 1
        self._values[key] = PushedValue(value, owner, self._written)
        return str(self._written)

    def remove(self, key: str) -> None:
        """Forget a value."""
        del self._values[key]

    def size(self) -> int:
        """Return the bytes that the values take."""
        return sum(len(key) + len(each.value) + OVERHEAD_BYTES for key, each in self._values.copy().items())


_STORES: WeakKeyDictionary[object, dict[str, dict[str, PushedValues]]] = WeakKeyDictionary()
"""By cluster, namespace and name. Clients come and go with the generations of a store; what was pushed to it stays."""


def values_of(cluster: object, store: Key) -> tuple[PushedValues, Mapping[str, PushedValues]]:
    """Return what was pushed to a store of a cluster, and to all that share its budget."""
    neighbours = _STORES.setdefault(cluster, {}).setdefault(store.namespace, {})
    return neighbours.setdefault(store.name, PushedValues()), neighbours


class FakePush:
    """Pushes to one store.

    Args:
        given: keys of the store's own list, which nobody may overwrite.
        budget: stores that share MAX_PUSHED_BYTES.
    """

    deletes_property = True

    def __init__(self, pushed: PushedValues, given: frozenset[str], budget: Mapping[str, PushedValues]) -> None:
        self._pushed = pushed
        self._given = given
        self._budget = budget

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata has no effect."""
        del metadata
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Keep the value. Raises RemoteUnmanaged for a key of the store's list, or of another PushSecret."""
        key, name = request.ref
        with self._pushed.lock:
            before = self._ours(key, request.owners)
            old = before.value.reveal() if before is not None else b""
            value = SecretValue(document_with(old, name, payload_text(request))) if name else payload(request)
            if before is not None and (before.value, before.owner) == (value, request.owner):
                return Pushed(written=False, version=str(before.version))
            self._require_room(len(value) - len(old))
            return Pushed(written=True, version=self._pushed.put(key, value, request.owner))

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if there is a pushed value, or one in the store's list."""
        del metadata
        pushed = self._pushed.get(ref.key)
        if pushed is None or not ref.property:
            return pushed is not None or ref.key in self._given
        return has_property(pushed.value.reveal(), ref.property)

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Forget a value, or one property. Raises RemoteUnmanaged."""
        del metadata
        with self._pushed.lock:
            before = self._ours(ref.key, (owner,))
            if before is None:
                return False
            if not ref.property:
                self._pushed.remove(ref.key)
                return True
            rest = document_without(before.value.reveal(), ref.property)
            if rest is None:
                return False
            if rest:
                self._pushed.put(ref.key, SecretValue(rest), owner)
            else:
                self._pushed.remove(ref.key)
            return True

    def current_versions(self, keys: frozenset[str]) -> Mapping[str, str]:
        """Return the versions of pushed values."""
        found = {key: self._pushed.get(key) for key in keys}
        return {key: str(each.version) for key, each in found.items() if each is not None}

    def _ours(self, key: str, owners: tuple[str, ...]) -> PushedValue | None:
        if key in self._given:
            raise RemoteUnmanaged(f"{UNMANAGED}: key already exists in the store's spec.provider.fake.data")
        found = self._pushed.get(key)
        if found is not None:
            require_no_other(found.owner, owners, "mark")
        return found

    def _require_room(self, more: int) -> None:
        if sum(each.size() for each in list(self._budget.values())) + more + OVERHEAD_BYTES > MAX_PUSHED_BYTES:
            raise PushRefused(f"fake stores of one namespace keep no more than {MAX_PUSHED_BYTES} bytes")
