"""Which ExternalSecrets and stores does a change touch? Nothing here asks the API server."""

from collections.abc import Callable, Mapping, MutableMapping

from external.cluster_external_secrets.plan import namespace_summary
from external.external_secrets.plan import MANAGED
from external.external_secrets.refresh import due_in
from external.reading.request_times import BurstGate, RequestTimes
from external.stores.summary import store_summary
from external.summaries import ExternalSecretSummary, cluster_external_secret_summary
from manager.core.clock import Clock, Jitter, parse_rfc3339
from manager.core.fair_share import FairBudget
from manager.kube.cache import Change, Meta, MetadataCache
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    EXTERNAL_SECRETS,
    NAMESPACES,
    SECRET_STORES,
    SECRETS,
    Key,
    Resource,
)
from manager.runtime.module import Handler
from manager.runtime.work_queue import WorkQueue

KNOWN: Mapping[tuple[str, str], Resource] = {(each.api_version, each.kind): each for each in (SECRETS, CONFIGMAPS)}
"""Kinds of targets whose metadata is in the cache."""
WAKES_A_SECOND = 10.0  # of ClusterExternalSecrets, by the ExternalSecrets of one namespace
WAKES_AT_ONCE = 1_000.0  # of them, before that: a start sees all there are


class Watches:
    """Turns changes into keys: stores wake up by their credentials, ExternalSecrets by stores and targets.

    Args:
        written: target -> resourceVersion of our last write, so that its echo costs nothing.
        stale: ExternalSecrets whose store or credentials have changed; the reconciler refreshes and forgets them.
        wishes: told of whatever makes an ExternalSecret want its values anew.
        arrivals: takes ExternalSecrets that want them, by the stores that they read, and hands them on to the queue.
        forget_consumer: told of a namespace that is gone, whose clients nobody needs any more.
    """

    def __init__(
        self,
        cache: MetadataCache,
        queue: WorkQueue,
        stores: WorkQueue,
        clusters: WorkQueue,
        written: MutableMapping[Key, str],
        stale: set[Key],
        wishes: RequestTimes,
        arrivals: BurstGate,
        forget_consumer: Callable[[str], None],
        clock: Clock,
        jitter: Jitter,
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._stores = stores
        self._clusters = clusters
        self._written = written
        self._stale = stale
        self._wishes = wishes
        self._arrivals = arrivals
        self._forget_consumer = forget_consumer
        self._clock = clock
        self._started = clock.now()
        self._jitter = jitter
        self._wakes = FairBudget(WAKES_A_SECOND, WAKES_AT_ONCE, clock, together=1_000)
        cache.digest(CLUSTER_EXTERNAL_SECRETS, cluster_external_secret_summary)
        cache.digest(NAMESPACES, namespace_summary)
        self._by_target = cache.index(EXTERNAL_SECRETS, lambda key, meta: (_target(key, meta),))
        self._by_kind = cache.index(EXTERNAL_SECRETS, lambda _, meta: (meta.digest.manifest,))
        self._by_store = cache.index(EXTERNAL_SECRETS, lambda _, meta: meta.digest.stores)
        self._by_template = cache.index(EXTERNAL_SECRETS, lambda _, meta: meta.digest.templates)
        self._by_credential = []
        self._by_authority = []
        for resource in (SECRET_STORES, CLUSTER_SECRET_STORES):
            cache.digest(resource, store_summary)
            self._by_credential.append(cache.index(resource, lambda _, meta: meta.digest.credentials))
            self._by_authority.append(cache.index(resource, lambda _, meta: meta.digest.authorities))

    def table(self) -> Mapping[Resource, Handler]:
        """Return what must be watched, and by whom."""
        return {
            SECRET_STORES: self.store,
            CLUSTER_SECRET_STORES: self.store,
            EXTERNAL_SECRETS: self.external_secret,
            SECRETS: self.secret,
            NAMESPACES: self.namespace,
            CONFIGMAPS: self.config_map,
            CLUSTER_EXTERNAL_SECRETS: self.cluster,
        }

    def external_secret(self, change: Change) -> None:
        """Work on an ExternalSecret, or only wait for its next refresh when it is converged."""
        meta = change.after
        self._tell_clusters(change)
        if meta is None:
            self._wishes.forget(change.key)
            self._queue.add(change.key)  # so that what is remembered of it is forgotten
            return
        remaining = self._settled_for(change.key, meta)
        if remaining is not None:
            if change.before is None:
                self._queue.add_after(change.key, self._jitter.spread(remaining))
        elif change.before is None or not _only_status_moved(change.before, meta):
            self._want(change.key)

    def cluster(self, change: Change) -> None:
        """Work on a ClusterExternalSecret whenever it is not only its status that moved."""
        if change.before is None or change.after is None or not _only_status_moved(change.before, change.after):
            self._clusters.add(change.key)

    def store(self, change: Change) -> None:
        """Validate a store that changed, and wake up those that wait for it."""
        before, after = change.before, change.after
        if after is None:
            self._stores.add(change.key)  # so that its clients and their credentials are forgotten
        elif before is None or _spec_moved(before, after):
            if not (before is None and after.digest.ready):
                self._stores.add(change.key)
            else:
                self._stores.add_after(change.key, self._jitter.spread(60.0, 0.9))
        moved = before is None or after is None or _spec_moved(before, after)
        if moved or (before and after and _verdict(before) != _verdict(after)):
            self._wake(change.key, everyone=before is not None and moved)

    def secret(self, change: Change) -> None:
        """Repair a target that changed under us; revalidate the stores whose credentials these are."""
        key = change.key
        self._target(change)
        self.template(change)
        for index in self._by_credential:
            for store in index.find((key.namespace, key.name)):
                self._credential_changed(store, change)
            for store in index.find(("", key.name)):  # each consumer's own: another tenant's is nobody else's news
                self._credential_changed(store, change, consumer=key.namespace)

    def config_map(self, change: Change) -> None:
        """Repair targets, connect stores whose authorities' certificates these are anew, render templates anew."""
        self._target(change)
        self.template(change)
        for index in self._by_authority:
            for store in index.find((change.key.namespace, change.key.name)):
                self._credential_changed(store, change)

    def seen(self, key: Key, version: str) -> None:
        """Look after an object of any other kind that has changed, or is gone."""
        if not version:
            self._written.pop(key, None)
        elif self._written.get(key) == version:
            return
        for each in self._by_target.find((key.resource.api_version, key.resource.kind, key.namespace, key.name)):
            self._want(each)

    def uses(self, resource: Resource) -> bool:
        """Tell whether any ExternalSecret writes objects of this kind."""
        return bool(self._by_kind.find((resource.api_version, resource.kind)))

    def template(self, change: Change) -> None:
        """Render anew what a ConfigMap or Secret has templates for."""
        for each in self._by_template.find(change.key):
            meta = self._cache.get(each)
            if meta is None or (meta.digest.ready and self._was_there(change)):
                continue
            self._wishes.arose(each)
            self._stale.add(each)
            self._queue.add(each)

    def namespace(self, change: Change) -> None:
        """Wake up a namespace's waiting ExternalSecrets when its labels change: a store may admit it now."""
        if change.after is None:
            self._forget_consumer(change.key.name)
        elif change.after.deleting and change.after.digest.finalizers:
            self._clusters.add(change.key)
        if _place_of(change.before) != _place_of(change.after):
            self._clusters.add_all(key for key, _ in self._cache.items(CLUSTER_EXTERNAL_SECRETS))
        if change.before is None or change.after is None or change.before.labels == change.after.labels:
            return
        for key, meta in self._cache.items(EXTERNAL_SECRETS):
            if key.namespace == change.key.name and not meta.digest.ready:
                self._queue.add(key)

    def _target(self, change: Change) -> None:
        key, after = change.key, change.after
        if after is None:
            self._written.pop(key, None)
        if after is None or self._written.get(key) != after.version:
            for each in self._by_target.find((key.resource.api_version, key.resource.kind, key.namespace, key.name)):
                self._target_changed(each, change)

    def _tell_clusters(self, change: Change) -> None:
        """Wake up the ClusterExternalSecrets that an ExternalSecret comes from, or in whose way it stands.

        Each looks at all its namespaces then: a namespace that changes its ExternalSecrets without end waits.
        """
        before, after = change.before, change.after
        if before is not None and after is not None and _only_status_moved(before, after):
            return
        names = {each.owner.name for each in (before, after) if each is not None and each.owner is not None}
        for key, meta in self._cache.items(CLUSTER_EXTERNAL_SECRETS):
            if key.name in names or meta.digest.copies == change.key.name:
                self._clusters.add_after(key, self._wakes.wait(change.key.namespace))
                self._wakes.spend(change.key.namespace, 1.0)

    def _target_changed(self, key: Key, change: Change) -> None:
        meta = self._cache.get(key)
        if meta is None:
            return
        first_sight = change.before is None and change.after is not None
        if first_sight and self._settled_for(key, meta) is not None:
            return
        self._want(key, change.after.version if change.after else "")

    def _want(self, key: Key, version: str = "") -> None:
        """Let an ExternalSecret have its values anew, together with others that want theirs now."""
        self._wishes.arose(key, version)
        meta = self._cache.get(key)
        if meta is None or meta.deleting or not meta.digest.stores:  # without a store there is no read to share
            self._queue.add(key)
        else:
            self._arrivals.came(key, meta.digest.stores)

    def _credential_changed(self, store: Key, change: Change, consumer: str = "") -> None:
        meta = self._cache.get(store)
        if meta is None or (meta.digest.ready and self._was_there(change)):
            return
        if not consumer:
            self._stores.add(store)
        self._wake(store, everyone=True, consumer=consumer)

    def _was_there(self, change: Change) -> bool:
        """Tell whether an object is new only to us, who have just started."""
        made = parse_rfc3339(change.after.created) if change.before is None and change.after else None
        return made is not None and made < self._started

    def _wake(self, store: Key, *, everyone: bool, consumer: str = "") -> None:
        for key in self._by_store.find(store):
            if consumer not in ("", key.namespace):
                continue
            meta = self._cache.get(key)
            if everyone:
                self._wishes.arose(key)
                self._stale.add(key)
            waits = meta is not None and (everyone or not meta.digest.ready)
            if meta is not None and waits and not self._arrivals.holds(key, meta.digest.stores):
                self._arrivals.admit(key)  # one of a burst comes with it: a store becomes ready in the middle of it

    def _settled_for(self, key: Key, meta: Meta) -> float | None:
        """Return the seconds until the next refresh of a converged ExternalSecret, None when it is not converged."""
        digest: ExternalSecretSummary = meta.digest
        if meta.deleting or not digest.ready or not self._target_stands(key, digest, meta.uid):
            return None
        due = due_in(digest, digest.refreshed, self._clock.now().timestamp())
        return None if due == 0.0 else due if due is not None else 86_400.0

    def _target_stands(self, key: Key, digest: ExternalSecretSummary, uid: str) -> bool:
        if digest.creates == "None":
            return True
        resource = KNOWN.get(digest.manifest)
        if resource is None:
            return True  # of what nothing is known before it is read; the comparison after a start does that
        target = self._cache.get(Key(resource, key.namespace, digest.target))
        if target is None:
            return digest.creates in ("Merge", "Orphan")
        owned = digest.creates != "Owner" or (target.owner is not None and target.owner.uid == uid)
        return owned and target.labels.get(MANAGED) == "true"


def _target(key: Key, meta: Meta) -> tuple[str, ...]:
    return (*meta.digest.manifest, key.namespace, meta.digest.target)


def _place_of(namespace: Meta | None) -> tuple[Mapping[str, str], bool] | None:
    """Return what decides whether something is to be made in a namespace."""
    return None if namespace is None else (namespace.labels, namespace.deleting)


def _only_status_moved(before: Meta, after: Meta) -> bool:
    same = (before.uid, before.digest.current, before.deleting) == (after.uid, after.digest.current, after.deleting)
    return same and before.generation == after.generation


def _verdict(store: Meta) -> tuple[bool, bool]:
    return store.digest.judged, store.digest.ready


def _spec_moved(before: Meta, after: Meta) -> bool:
    return (before.uid, before.generation) != (after.uid, after.generation)
