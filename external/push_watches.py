"""Which PushSecrets does a change touch? Nothing here asks the API server."""

from collections.abc import Iterable
from dataclasses import dataclass

from external.cluster_external_secrets.watches import ClusterWatches, only_status_moved
from external.cluster_push_secrets.kind import PUSH_COPIES
from external.push_secrets.claims import Claims
from external.push_secrets.memory import PushMemory
from external.push_summaries import Claim, PushSecretSummary, push_secret_summary
from external.stores.access import StoreAccess
from external.watches import existed_before
from manager.kube.cache import Change, Index, Meta
from manager.kube.resources import CLUSTER_PUSH_SECRETS, CONFIGMAPS, NAMESPACES, PUSH_SECRETS, SECRETS, Key, Resource
from manager.runtime.module import Context, Handler
from manager.runtime.work_queue import WorkQueue

SELECTED_SECONDS = 1.0  # until Secrets are listed after a change in the namespace: many changes need one list


@dataclass(frozen=True, slots=True)
class OtherQueues:
    """Work queues of other kinds."""

    stores: WorkQueue
    clusters: WorkQueue


class PushWatches:
    """Queues PushSecrets; a converged one costs no request."""

    def __init__(self, context: Context, queue: WorkQueue, others: "OtherQueues", memory: PushMemory) -> None:
        cache = context.cache
        self._cache = cache
        self._queue = queue
        self._memory = memory
        self._started = context.clock.now()
        self._confined = context.settings.modules.namespaces is not None
        cache.digest(PUSH_SECRETS, push_secret_summary)
        self._clusters = ClusterWatches(context, others.clusters, PUSH_COPIES)
        self._stores = others.stores
        self.claims = Claims(cache, StoreAccess(cache, context.settings, context.clock))
        self.by_store: Index = cache.index(PUSH_SECRETS, lambda _, meta: meta.digest.stores)
        """The PushSecrets that name a store or have pushed to it."""
        self._needing = cache.index(PUSH_SECRETS, lambda _, meta: meta.digest.held if meta.digest.deletes else ())
        self._by_selected = cache.index(PUSH_SECRETS, lambda _, meta: meta.digest.selected_stores)
        self._by_source = cache.index(PUSH_SECRETS, _sources)
        self._selecting = cache.index(PUSH_SECRETS, lambda key, meta: (key.namespace,) if meta.digest.selects else ())

    def table(self) -> dict[Resource, Handler]:
        """Return what must be watched, and the handler of each resource."""
        within: dict[Resource, Handler] = {
            PUSH_SECRETS: self.push_secret,
            SECRETS: self.secret,
            CONFIGMAPS: self.config_map,
        }
        return (
            within
            if self._confined
            else {
                **within,
                NAMESPACES: self.namespace,
                CLUSTER_PUSH_SECRETS: self._clusters.cluster,
            }
        )

    def push_secret(self, change: Change) -> None:
        """Work on a PushSecret unless only its status changed, and on those that claim what it has claimed."""
        self._clusters.copy(change)
        before, after = change.before, change.after
        if before is None or after is None or not only_status_moved(before, after):
            self._queue.add(change.key, urgent=not existed_before(self._started, change))
        self._hold_stores(before, after)
        if existed_before(self._started, change):
            return  # its rivals are new to us too
        moved = {(claim.store, claim.remote_key) for claim in _claims(before) ^ _claims(after)}
        self._wake(self.claims.rivals(change.key, moved), stale=True, urgent=False)

    def holds(self, store: Key) -> bool:
        """Return True if a PushSecret needs a store to delete what it has pushed there; to name it is not enough.

        Otherwise anybody could keep a ClusterSecretStore from being deleted.
        """
        return bool(self._needing.find(store))

    def _hold_stores(self, before: Meta | None, after: Meta | None) -> None:
        """Let the stores be looked at whose finalizer must come or go."""
        for store in {each for meta in (before, after) if meta is not None for each in meta.digest.stores}:
            meta = self._cache.get(store)
            if meta is not None and meta.digest.finalizer != self.holds(store):
                self._stores.add(store)

    def store(self, store: Key, consumer: str) -> None:
        """Work on those that push to a store which changed.

        Args:
            store: the store; what is pushed there is compared if it leads elsewhere now.
            consumer: the namespace that alone is concerned; empty for all.

        """
        selecting = self._by_selected.find((store.resource.kind, store.namespace))
        found = self.by_store.find(store) | selecting
        self._wake((each for each in found if consumer in ("", each.namespace)), stale=False)

    def secret(self, change: Change) -> None:
        """Work on those that push a Secret, render with it, or whose generator uses it."""
        if existed_before(self._started, change):
            return  # their stamps tell whether it changed while we were away
        key = change.key
        self._wake((*self._by_source.find(key), *self._memory.generator_credentials.users(key)), stale=True)
        for each in self._selecting.find(key.namespace):
            self._memory.stale.add(each)
            self._queue.add_after(each, SELECTED_SECONDS)

    def config_map(self, change: Change) -> None:
        """Work on those that render with a ConfigMap, or whose generator uses it."""
        if not existed_before(self._started, change):
            users = self._memory.generator_credentials.users(change.key)
            self._wake((*self._by_source.find(change.key), *users), stale=True)

    def namespace(self, change: Change) -> None:
        """Work on those that are not ready when the labels of their namespace change: a store may admit it now."""
        self._clusters.namespace(change)
        before, after = change.before, change.after
        if before is None or after is None or before.labels == after.labels:
            return
        found = (key for key, meta in self._cache.items(PUSH_SECRETS) if not meta.digest.ready)
        self._wake([key for key in found if key.namespace == change.key.name], stale=False)

    def _wake(self, keys: Iterable[Key], *, stale: bool, urgent: bool = True) -> None:
        for each in keys:
            if stale:
                self._memory.stale.add(each)
            self._queue.add(each, urgent=urgent)


def _sources(_key: Key, meta: Meta) -> tuple[Key, ...]:
    summary: PushSecretSummary = meta.digest
    return (*summary.templates, *((summary.source,) if summary.source is not None else ()))


def _claims(meta: Meta | None) -> frozenset[Claim]:
    return frozenset() if meta is None or meta.deleting else frozenset(meta.digest.claims)
