"""What queued ExternalSecrets will request: a call takes it along, however few of them have a worker already."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from external.providers.protocol import Client, SearchRequest, SecretRequest, SendsProperty
from external.summaries import MAX_ENTRIES, store_key
from manager.kube.resources import EXTERNAL_SECRETS, Body, Key, key_of

StoreRequest = tuple[Key, SecretRequest]
"""The store, and the request."""
Source = Callable[[Key], tuple[int, Iterable[tuple[Key, SecretRequest | SearchRequest]]]]
"""From an ExternalSecret to the cost of looking at it (one a request, two microseconds; 0 if nothing is known), and
to its requests, as far as they are known without reading it."""

MAX_COST_PER_LOOK = 1_500  # a look is done on the event loop, and tenants choose how many requests there are
MAX_COST_PER_OBJECT = 250  # an ExternalSecret with more fills every call by itself
TEXT_COST = 20  # of a text that is parsed for its requests
BYTES_PER_COST = 24  # of such a text: as long as the shortest request, and parsed in the time of one
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

        One look does not reach all: look again while `any_of` returns True.

        Args:
            needed: whether a request needs a read, if only reads since a monotonic second serve it.
            room: how many at most.

        """
        found: dict[SecretRequest, None] = {}
        whole, admitted, left = isinstance(client, SendsProperty), dict[str, bool](), MAX_COST_PER_LOOK
        while len(found) < room and left > 0 and store in self._queued:
            key = next(iter(self._queued[store]))
            self._drop(store, key)
            left -= 1
            if key.namespace not in admitted:
                admitted[key.namespace] = self._shares(store, key.namespace)
            cost, requests = self._known(key) if admitted[key.namespace] else (0, ())
            if not 0 < cost <= MAX_COST_PER_OBJECT:
                continue
            left, since = left - cost, self._since(key)
            for request in _of_store(requests, store, whole=whole):
                if len(found) < room and needed(request, since):
                    found[request] = None
        return list(found)

    def any_of(self, store: Key) -> bool:
        """Return True if an ExternalSecret of this store is queued."""
        return store in self._queued

    def _known(self, key: Key) -> tuple[int, Iterable[tuple[Key, SecretRequest | SearchRequest]]]:
        return next((known for source in self.sources if (known := source(key))[0]), (0, ()))

    def _drop(self, store: Key, key: Key) -> None:
        queued = self._queued.get(store, {})
        queued.pop(key, None)
        if not queued:
            self._queued.pop(store, None)


def _of_store(
    requests: Iterable[tuple[Key, SecretRequest | SearchRequest]], store: Key, *, whole: bool
) -> Iterator[SecretRequest]:
    """Yield the requests of one store by name, with the property only if its client takes it.

    Versions and metadata are left out: at AWS each costs a call, for which the first in the queue would wait.
    """
    for place, request in requests:
        if place == store and isinstance(request, SecretRequest) and not (request.version or request.metadata):
            yield request if whole or not request.property else SecretRequest(request.key)


def requests_in(body: Body) -> Iterator[StoreRequest]:
    """Yield the secrets that an ExternalSecret requests by name; its body may be malformed."""
    spec, namespace = _mapping(body.get("spec")), key_of(EXTERNAL_SECRETS, body).namespace
    for place, inner in (("data", "remoteRef"), ("dataFrom", "extract")):
        entries = spec.get(place)
        for entry in entries[:MAX_ENTRIES] if isinstance(entries, list) else ():
            reference, source = _mapping(_mapping(entry).get(inner)), _mapping(_mapping(entry).get("sourceRef"))
            store = _mapping(source.get("storeRef") or (None if source else spec.get("secretStoreRef")))
            name, key = store.get("name"), reference.get("key")
            if isinstance(name, str) and name and isinstance(key, str) and 0 < len(key) <= MAX_KEY_CHARACTERS:
                yield store_key(namespace, name, store.get("kind")), _request_of(key, reference)


def _request_of(key: str, reference: Mapping[str, Any]) -> SecretRequest:
    texts = (reference.get(name) for name in ("version", "property"))
    version, inside = (each if isinstance(each, str) else "" for each in texts)
    return SecretRequest(key, version, reference.get("metadataPolicy") == "Fetch", inside)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
