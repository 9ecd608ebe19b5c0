"""Which ExternalSecrets and stores does a change touch? Nothing here asks the API server."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from external.cluster_external_secrets.plan import EXTERNAL_COPIES, namespace_summary
from external.cluster_external_secrets.watches import ClusterWatches, only_status_moved
from external.external_secrets.expiry import CACHED_TARGETS, target_refresh_by
from external.external_secrets.refresh import due_in
from external.external_secrets.sync_state import SyncState
from external.external_secrets.view import MANAGED
from external.generators.states import GENERATOR_STATES
from external.providers.catalogue import Catalogue
from external.providers.registry import BUILT_IN
from external.reading.request_times import BurstGate
from external.stores.summary import store_summary
from external.summaries import ExternalSecretSummary
from manager.core.clock import parse_rfc3339
from manager.kube.cache import Change, Meta, Oversized
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    EXTERNAL_SECRETS,
    NAMESPACES,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    Resource,
)
from manager.runtime.module import Context, Handler
from manager.runtime.work_queue import WorkQueue

NEVER_DUE_RECHECK_SECONDS = 86_400.0  # until an ExternalSecret is looked at that asks for no further refresh
READY_STORE_CHECK_SECONDS = 60.0  # until a store is validated that was ready before we started


@dataclass(frozen=True, slots=True)
class Queues:
    """The work queues of the module."""

    external_secrets: WorkQueue
    stores: WorkQueue
    clusters: WorkQueue
    generator_states: WorkQueue


class RefreshRequests:
    """Queues ExternalSecrets, and notes why: their values are requested, or what they were read with has changed.

    Args:
        bursts: holds ExternalSecrets until their burst is over, by the stores that they read, so that they share reads.
    """

    def __init__(self, context: Context, queue: WorkQueue, state: SyncState, bursts: BurstGate) -> None:
        self._cache = context.cache
        self._queue = queue
        self._state = state
        self._bursts = bursts
        self._by_store = context.cache.index(EXTERNAL_SECRETS, lambda _, meta: meta.digest.stores)

    def request(self, key: Key, version: str = "") -> None:
        """Let an ExternalSecret read its values again, together with others that request theirs now.

        Args:
            key: the ExternalSecret.
            version: of the target whose change is the reason.

        """
        self._state.requests.note(key, version)
        meta = self._cache.get(key)
        if meta is None or meta.deleting or not meta.digest.stores:  # without a store there is no read to share
            self._queue.add(key)
        else:
            self._bursts.add(key, meta.digest.stores)

    def mark_stale(self, key: Key) -> None:
        """Note that what an ExternalSecret was read or rendered with has changed."""
        self._state.requests.note(key)
        self._state.stale.add(key)

    def wake_consumers(self, store: Key, *, everyone: bool, consumer: str = "") -> None:
        """Queue the ExternalSecrets that read a store.

        Args:
            store: the store.
            everyone: whether what they have read is stale; otherwise only those wake up that are not ready.
            consumer: the namespace whose ExternalSecrets alone are concerned; empty for all.

        """
        for key in self._by_store.find(store):
            if consumer not in ("", key.namespace):
                continue
            meta = self._cache.get(key)
            if everyone:
                self.mark_stale(key)
            wakes = meta is not None and (everyone or not meta.digest.ready)
            # A store becomes ready in the middle of a burst: those that the gate holds come with the burst.
            if meta is not None and wakes and not self._bursts.holds(key, meta.digest.stores):
                self._bursts.admit(key)

    def forget(self, key: Key) -> None:
        """Drop the request times of an ExternalSecret that is gone, and let a pass drop the rest."""
        self._state.requests.forget(key)
        self._queue.add(key)


class TargetWatches:
    """Wakes up ExternalSecrets whose targets or template sources change."""

    def __init__(
        self, context: Context, queue: WorkQueue, state: SyncState, requests: RefreshRequests, started: datetime
    ) -> None:
        self._cache = context.cache
        self._clock = context.clock
        self._queue = queue
        self._state = state
        self._requests = requests
        self._started = started
        self._by_target = context.cache.index(EXTERNAL_SECRETS, lambda key, meta: (_target(key, meta),))
        self._by_kind = context.cache.index(EXTERNAL_SECRETS, lambda _, meta: (meta.digest.manifest,))
        self._by_template = context.cache.index(EXTERNAL_SECRETS, lambda _, meta: meta.digest.templates)

    def target(self, change: Change) -> None:
        """Repair a cached target that someone else has changed."""
        key, after = change.key, change.after
        if after is None:
            self._state.written.pop(key, None)
        elif self._state.written.get(key) == after.version:
            return
        first_sight = change.before is None and after is not None
        for each in self._writers_of(key):
            meta = self._cache.get(each)
            if meta is not None and not (first_sight and self.settled_for(each, meta) is not None):
                self._requests.request(each, after.version if after else "")

    def generic_target(self, key: Key, version: str) -> None:
        """Repair a target of any other kind that has changed, or is gone (empty version)."""
        if not version:
            self._state.written.pop(key, None)
        elif self._state.written.get(key) == version:
            return
        for each in self._writers_of(key):
            self._requests.request(each)

    def uses(self, resource: Resource) -> bool:
        """Return True if any ExternalSecret writes objects of this kind."""
        return bool(self._by_kind.find((resource.api_version, resource.kind)))

    def template(self, change: Change) -> None:
        """Render again what a ConfigMap or Secret has templates for."""
        for each in self._by_template.find(change.key):
            meta = self._cache.get(each)
            if meta is None or (meta.digest.ready and existed_before(self._started, change)):
                continue
            self._requests.mark_stale(each)
            self._queue.add(each)

    def generator_credential(self, change: Change) -> None:
        """Make the values again that generators have made with a Secret or ConfigMap."""
        for each in self._state.generator_credentials.users(change.key):
            meta = self._cache.get(each)
            if meta is not None and not (meta.digest.ready and existed_before(self._started, change)):
                self._requests.mark_stale(each)
                self._queue.add(each)

    def settled_for(self, key: Key, meta: Meta) -> float | None:
        """Return the seconds until the next refresh of a converged ExternalSecret, None if it is not converged."""
        summary: ExternalSecretSummary = meta.digest
        if meta.deleting or not summary.ready or not self._target_stands(key, summary, meta.uid):
            return None
        refresh_by = target_refresh_by(self._cache, key, summary)
        due = due_in(summary, summary.refreshed, self._clock.now().timestamp(), refresh_by)
        return None if due == 0.0 else due if due is not None else NEVER_DUE_RECHECK_SECONDS

    def _writers_of(self, target: Key) -> list[Key]:
        place = (target.resource.api_version, target.resource.kind, target.namespace, target.name)
        return list(self._by_target.find(place))

    def _target_stands(self, key: Key, summary: ExternalSecretSummary, uid: str) -> bool:
        if summary.creates == "None":
            return True
        resource = CACHED_TARGETS.get(summary.manifest)
        if resource is None:
            return True  # nothing is known of it before it is read; the comparison after a start does that
        target = self._cache.get(Key(resource, key.namespace, summary.target))
        if target is None:
            return summary.creates in ("Merge", "Orphan")
        owned = summary.creates != "Owner" or (target.owner is not None and target.owner.uid == uid)
        return owned and target.labels.get(MANAGED) == "true"


class StoreWatches:
    """Validates stores when they or their credentials change, and wakes up the ExternalSecrets that read them."""

    def __init__(
        self,
        context: Context,
        queue: WorkQueue,
        requests: RefreshRequests,
        started: datetime,
        catalogue: Catalogue = BUILT_IN,
    ) -> None:
        self._cache = context.cache
        self._jitter = context.jitter
        self._queue = queue
        self._requests = requests
        self._started = started
        self.listeners: list[Callable[[Key, str], None]] = []
        """Called with a store that changed, and the namespace that alone is concerned; empty for all."""
        self._by_credential = []
        self._by_authority = []
        for resource in (SECRET_STORES, CLUSTER_SECRET_STORES):
            context.cache.digest(resource, partial(store_summary, catalogue=catalogue))
            self._by_credential.append(context.cache.index(resource, lambda _, meta: meta.digest.credentials))
            self._by_authority.append(context.cache.index(resource, lambda _, meta: meta.digest.authorities))

    def store(self, change: Change) -> None:
        """Validate a store that changed, and wake up those that wait for it."""
        before, after = change.before, change.after
        if after is None:
            self._queue.add(change.key)  # so that its clients and their credentials are forgotten
        elif before is None or _spec_moved(before, after):
            if not (before is None and after.digest.ready):
                self._queue.add(change.key)
            else:
                self._queue.add_after(change.key, self._jitter.spread(READY_STORE_CHECK_SECONDS, 0.9))
        moved = before is None or after is None or _spec_moved(before, after)
        if moved or (before and after and _verdict(before) != _verdict(after)):
            self._requests.wake_consumers(change.key, everyone=before is not None and moved)
            self._tell(change.key)
        elif before and after and (before.labels, before.deleting) != (after.labels, after.deleting):
            self._tell(change.key)

    def written(self, store: Key, body: Body) -> None:
        """Take in a status that we wrote: ExternalSecrets that wait for it need not wait for the watch as well.

        The watch shows the same version later, which is no change then. A store that is not in the cache, or is there
        under another uid, has been deleted since, and the watch has shown that already.
        """
        known = self._cache.get(store)
        if known is None or known.uid != body["metadata"].get("uid"):
            return
        with suppress(Oversized):  # the informer reports it
            change = self._cache.observe(store.resource, "MODIFIED", body)
            if change is not None:
                self.store(change)

    def credential(self, change: Change) -> None:
        """Validate the stores whose credentials a Secret holds."""
        key = change.key
        for index in self._by_credential:
            for store in index.find((key.namespace, key.name)):
                self._changed(store, change)
            # Cluster stores that read with the credentials of each consumer: only those of this namespace changed.
            for store in index.find(("", key.name)):
                self._changed(store, change, consumer=key.namespace)

    def authority(self, change: Change) -> None:
        """Reconnect the stores whose certificate authorities a ConfigMap holds."""
        for index in self._by_authority:
            for store in index.find((change.key.namespace, change.key.name)):
                self._changed(store, change)

    def _changed(self, store: Key, change: Change, consumer: str = "") -> None:
        meta = self._cache.get(store)
        if meta is None or (meta.digest.ready and existed_before(self._started, change)):
            return
        if not consumer:
            self._queue.add(store)
        self._requests.wake_consumers(store, everyone=True, consumer=consumer)
        self._tell(store, consumer)

    def _tell(self, store: Key, consumer: str = "") -> None:
        for each in self.listeners:
            each(store, consumer)


class StateWatches:
    """Looks at GeneratorStates when they, or what their target holds, may have changed."""

    def __init__(self, queue: WorkQueue, state: SyncState) -> None:
        self._queue = queue
        self._index = state.generator_states

    def state(self, change: Change) -> None:
        """Look at a state that has a deadline, is being deleted, or lacks our finalizer."""
        if change.after is not None and change.after.digest.pending:
            self._queue.add(change.key)

    def external_secret(self, change: Change) -> None:
        """Look at the states of an ExternalSecret after each refresh: another value may be in its target."""
        after = change.after
        if after is not None and (change.before is None or change.before.digest.refreshed != after.digest.refreshed):
            self._queue.add_all(self._index.of(after.uid))

    def push_secret(self, change: Change) -> None:
        """Look at the states of a PushSecret after each change: its annotation may name others."""
        if change.after is not None:
            self._queue.add_all(self._index.of(change.after.uid))


class Watches:
    """Hands each change to whom it concerns.

    Args:
        forget_consumer: called with a namespace that is gone, whose provider clients are no longer needed.
        catalogue: the providers that are served.
    """

    def __init__(
        self,
        context: Context,
        queues: Queues,
        state: SyncState,
        bursts: BurstGate,
        forget_consumer: Callable[[str], None],
        catalogue: Catalogue = BUILT_IN,
    ) -> None:
        self._cache = context.cache
        self._jitter = context.jitter
        self._confined = context.settings.modules.namespaces is not None
        self._queue = queues.external_secrets
        self.states = StateWatches(queues.generator_states, state)
        self._forget_consumer = forget_consumer
        started = context.clock.now()
        self._requests = RefreshRequests(context, self._queue, state, bursts)
        self.targets = TargetWatches(context, self._queue, state, self._requests, started)
        self.stores = StoreWatches(context, queues.stores, self._requests, started, catalogue)
        context.cache.digest(NAMESPACES, namespace_summary)
        self._clusters = ClusterWatches(context, queues.clusters, EXTERNAL_COPIES)

    def table(self) -> Mapping[Resource, Handler]:
        """Return what must be watched, and the handler of each resource."""
        within = {
            SECRET_STORES: self.stores.store,
            EXTERNAL_SECRETS: self.external_secret,
            GENERATOR_STATES: self.states.state,
            SECRETS: self.secret,
            CONFIGMAPS: self.config_map,
        }
        if self._confined:
            return within
        return {
            **within,
            CLUSTER_SECRET_STORES: self.stores.store,
            NAMESPACES: self.namespace,
            CLUSTER_EXTERNAL_SECRETS: self._clusters.cluster,
        }

    def external_secret(self, change: Change) -> None:
        """Work on an ExternalSecret, or only schedule its next refresh if it is converged."""
        meta = change.after
        self._clusters.copy(change)
        self.states.external_secret(change)
        if meta is None:
            self._requests.forget(change.key)
            return
        remaining = self.targets.settled_for(change.key, meta)
        if remaining is not None:
            if change.before is None:
                self._queue.add_after(change.key, self._jitter.spread(remaining))
        elif change.before is None or not only_status_moved(change.before, meta):
            self._requests.request(change.key)

    def secret(self, change: Change) -> None:
        """Handle a Secret: it may be a target, a template source, and the credentials of stores."""
        self.targets.target(change)
        self.targets.template(change)
        self.targets.generator_credential(change)
        self.stores.credential(change)

    def config_map(self, change: Change) -> None:
        """Handle a ConfigMap: it may be a target, a template source, and the certificate authority of stores."""
        self.targets.target(change)
        self.targets.template(change)
        self.targets.generator_credential(change)
        self.stores.authority(change)

    def namespace(self, change: Change) -> None:
        """Wake up a namespace's ExternalSecrets that are not ready when its labels change: a store may admit it now."""
        if change.after is None:
            self._forget_consumer(change.key.name)
        self._clusters.namespace(change)
        if change.before is None or change.after is None or change.before.labels == change.after.labels:
            return
        for key, meta in self._cache.items(EXTERNAL_SECRETS):
            if key.namespace == change.key.name and not meta.digest.ready:
                self._queue.add(key)


def existed_before(started: datetime, change: Change) -> bool:
    """Return True if an object is new only to us, who started after it was created."""
    created = parse_rfc3339(change.after.created) if change.before is None and change.after else None
    return created is not None and created < started


def _target(key: Key, meta: Meta) -> tuple[str, ...]:
    return (*meta.digest.manifest, key.namespace, meta.digest.target)


def _verdict(store: Meta) -> tuple[bool, bool]:
    return store.digest.judged, store.digest.ready


def _spec_moved(before: Meta, after: Meta) -> bool:
    return (before.uid, before.generation) != (after.uid, after.generation)
