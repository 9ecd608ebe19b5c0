"""What queued ExternalSecrets will request: a call takes it along, however few of them have a worker already."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from external.providers.protocol import AsksProperty, Client, SearchRequest, SecretRequest
from external.summaries import MAX_ENTRIES, store_key
from manager.kube.resources import EXTERNAL_SECRETS, Body, Key, key_of

Asked = tuple[Key, SecretRequest]
"""The store, and the request."""
Source = Callable[[Key], Iterable[tuple[Key, SecretRequest | SearchRequest]]]
"""From an ExternalSecret to its requests, as far as they are known without reading it."""

MAX_OBJECTS_PER_CALL = 200  # that are looked at for one call: a few milliseconds of the event loop
MAX_ENTRIES_PER_OBJECT = 100  # more fill every call by themselves
MAX_KEY_CHARACTERS = 2_048  # no provider has longer names


class ExpectedRequests:
    """Knows which ExternalSecrets are queued, by the stores that they read.

    A namespace has a part of the workers only. Without this, a call during a burst would hold only the requests of
    those few, and the burst would make many small calls.

    Args:
        shares: whether a namespace's reads of a store are made under the store's own identity, and allowed.
        since: the monotonic second before which no read serves an ExternalSecret.
    """

    def __init__(self, shares: Callable[[Key, str], bool], since: Callable[[Key], float]) -> None:
        self._shares = shares
        self._since = since
        self._queued: dict[Key, dict[Key, None]] = {}
        """Store -> ExternalSecrets, in the order in which they were queued."""
        self._stores: dict[Key, tuple[Key, ...]] = {}
        self.sources: list[Source] = []
        """Tried in turn until one knows what an ExternalSecret requests."""

    def add(self, key: Key, stores: tuple[Key, ...]) -> None:
        """Expect the requests of an ExternalSecret that is queued now."""
        self.remove(key)
        self._stores[key] = stores
        for store in stores:
            self._queued.setdefault(store, {})[key] = None

    def remove(self, key: Key) -> None:
        """Expect an ExternalSecret no longer, because its pass begins."""
        for store in self._stores.pop(key, ()):
            self._drop(store, key)

    def take(
        self, store: Key, client: Client, needed: Callable[[SecretRequest, float], bool], room: int
    ) -> list[SecretRequest]:
        """Return what will be requested of a store, each once, and expect it no longer.

        Args:
            needed: whether a request needs a read, if only reads since a monotonic second serve it.
            room: how many at most.

        """
        found: dict[SecretRequest, None] = {}
        for key in self._next(store):
            if len(found) >= room:
                break
            self._drop(store, key)
            if not self._shares(store, key.namespace):
                continue
            since = self._since(key)
            for want in self._wants(store, key, client):
                if len(found) < room and needed(want, since):
                    found[want] = None
        return list(found)

    def _next(self, store: Key) -> list[Key]:
        queued = iter(self._queued.get(store, ()))
        return [key for key, _ in zip(queued, range(MAX_OBJECTS_PER_CALL), strict=False)]

    def _wants(self, store: Key, key: Key, client: Client) -> Iterator[SecretRequest]:
        known = next((found for source in self.sources if (found := list(source(key)))), [])
        for place, want in known[:MAX_ENTRIES_PER_OBJECT]:
            if place == store and isinstance(want, SecretRequest):
                whole = isinstance(client, AsksProperty) or not want.property
                yield want if whole else SecretRequest(want.key, want.version, want.metadata)

    def _drop(self, store: Key, key: Key) -> None:
        queued = self._queued.get(store, {})
        queued.pop(key, None)
        if not queued:
            self._queued.pop(store, None)


def asked_in(body: Body) -> Iterator[Asked]:
    """Yield the secrets that an ExternalSecret requests by name; its body may be malformed."""
    spec, namespace = _mapping(body.get("spec")), key_of(EXTERNAL_SECRETS, body).namespace
    for place, inner in (("data", "remoteRef"), ("dataFrom", "extract")):
        entries = spec.get(place)
        for entry in entries[:MAX_ENTRIES] if isinstance(entries, list) else ():
            reference, source = _mapping(_mapping(entry).get(inner)), _mapping(_mapping(entry).get("sourceRef"))
            store = _mapping(source.get("storeRef") or (None if source else spec.get("secretStoreRef")))
            name, key = store.get("name"), reference.get("key")
            if isinstance(name, str) and name and isinstance(key, str) and 0 < len(key) <= MAX_KEY_CHARACTERS:
                yield store_key(namespace, name, store.get("kind")), _want(key, reference)


def _want(key: str, reference: Mapping[str, Any]) -> SecretRequest:
    texts = (reference.get(name) for name in ("version", "property"))
    version, inside = (each if isinstance(each, str) else "" for each in texts)
    return SecretRequest(key, version, reference.get("metadataPolicy") == "Fetch", inside)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
