"""Which stores are for this controller, and which namespaces may read a cluster store."""

from external.api.store_conditions import admits, only_partly
from external.errors import CONFINED, FAILED, Pending
from manager.core.clock import Clock, parse_rfc3339
from manager.core.errors import NeedsHuman
from manager.kube.cache import Meta, MetadataCache
from manager.kube.resources import CLUSTER_SECRET_STORES, NAMESPACES, Key, Resource
from manager.settings.model import ExternalSettings, Settings

VALIDATION_SECONDS = 10.0  # a store that is older and has no condition has something wrong with it


class StoreAccess:
    """Decides by what the cache shows."""

    def __init__(self, cache: MetadataCache, settings: Settings, clock: Clock) -> None:
        self._cache = cache
        self._settings = settings.external
        self._confined = settings.modules.namespaces is not None
        self._clock = clock

    def serves(self, resource: Resource, controller: str) -> bool:
        """Return True if a store of this kind and controller class is ours."""
        return serves_class(self._settings, resource, controller)

    def serves_store(self, store: Key) -> bool:
        """Return True if a store is ours, or does not exist and would be."""
        meta = self._cache.get(store)
        return self.serves(store.resource, meta.digest.controller if meta is not None else "")

    def require_usable(self, store: Key, namespace: str) -> None:
        """Raise unless a store exists, is ours, is ready and admits a namespace.

        Raises:
            NeedsHuman: it does not exist, is of another class, is not ready, may not be read here, or does not
                admit the namespace.
            Pending: it was created a moment ago and is not validated yet.

        """
        if self._confined and store.resource is CLUSTER_SECRET_STORES:
            cure = "create a SecretStore in this namespace and name that"
            raise NeedsHuman(FAILED, f'{store.resource.kind} "{store.name}" cannot be used: {CONFINED}; {cure}')
        meta = self._cache.get(store)
        if meta is None:
            raise NeedsHuman(FAILED, missing(store))
        if not self.serves_store(store):
            raise NeedsHuman(FAILED, f'{store.resource.kind} "{store.name}": can not reference unmanaged store')
        if not meta.digest.judged and self._age(meta) < VALIDATION_SECONDS:
            text = f'{store.resource.kind} "{store.name}" is not validated yet'
            raise Pending(FAILED, text, delay=VALIDATION_SECONDS)
        if not meta.digest.ready:
            raise NeedsHuman(FAILED, f'{store.resource.kind} "{store.name}" is not ready')
        self._require_admitted(store, namespace)

    def _require_admitted(self, store: Key, namespace: str) -> None:
        """Raise NeedsHuman unless the conditions of a cluster store admit a namespace."""
        if store.resource is not CLUSTER_SECRET_STORES:
            return
        meta = self._cache.get(store)
        labels, partly = self._cache.get(Key(NAMESPACES, "", namespace)), self._settings.partial_namespace_regexes
        if meta is None or not admits(
            meta.digest.conditions, namespace, labels.labels if labels else {}, partly=partly
        ):
            text = f'using cluster store "{store.name}" is not allowed from namespace "{namespace}"'
            hints = only_partly(meta.digest.conditions, namespace) if meta else ()
            hint = f' ("{hints[0]}" matches only a part of the name, and must match all of it)' if hints else ""
            raise NeedsHuman(FAILED, f"{text}: denied by spec.condition{hint}")

    def shares(self, store: Key, namespace: str) -> bool:
        """Return True if a namespace may read a store, and does so with the store's own credentials."""
        try:
            self._require_admitted(store, namespace)
        except NeedsHuman:
            return False
        meta = self._cache.get(store)
        return meta is not None and not meta.digest.per_consumer

    def _age(self, meta: Meta) -> float:
        created = parse_rfc3339(meta.created)
        return abs((self._clock.now() - created).total_seconds()) if created else VALIDATION_SECONDS


def serves_class(settings: ExternalSettings, resource: Resource, controller: str) -> bool:
    """Return True if a store of this kind and controller class is served under these settings."""
    kind = settings.cluster_stores or resource is not CLUSTER_SECRET_STORES
    return kind and controller in ("", settings.controller_class)


def missing(store: Key) -> str:
    """Say that a store does not exist, and where it was looked for."""
    text = f'could not get {store.resource.kind} "{store.name}": it does not exist'
    if not store.namespace:
        return text
    return f'{text} in namespace "{store.namespace}"; a store serves its own namespace, a ClusterSecretStore others too'
