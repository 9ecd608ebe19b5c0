"""Which objects that are copied into namespaces does a change touch? Nothing here asks the API server."""

from collections.abc import Mapping
from functools import partial

from external.cluster_external_secrets.plan import CopyKind
from external.summaries import cluster_summary
from manager.core.fair_share import FairBudget
from manager.kube.cache import Change, Meta
from manager.runtime.module import Context
from manager.runtime.work_queue import WorkQueue

CLUSTER_WAKES_PER_SECOND = 10.0  # of ClusterExternalSecrets, by the ExternalSecrets of one namespace
CLUSTER_WAKES_BURST = 1_000.0  # of them at once: a start sees all ExternalSecrets
MAX_CLUSTER_WAKE_SECONDS = 60.0  # until such an object is looked at, however many ExternalSecrets changed before


class ClusterWatches:
    """Wakes up objects of a kind by their namespaces and copies."""

    def __init__(self, context: Context, queue: WorkQueue, kind: CopyKind) -> None:
        self._kind = kind
        self._cache = context.cache
        self._queue = queue
        # A pass looks at all namespaces of an object: a namespace whose copies change without end must wait.
        self._wakes = FairBudget(CLUSTER_WAKES_PER_SECOND, CLUSTER_WAKES_BURST, context.clock, together=1_000)
        context.cache.digest(kind.cluster, partial(cluster_summary, name_field=kind.name))

    def cluster(self, change: Change) -> None:
        """Work on an object unless only its status changed."""
        if change.before is None or change.after is None or not only_status_moved(change.before, change.after):
            self._queue.add(change.key)

    def namespace(self, change: Change) -> None:
        """Work on all of them when a namespace may be chosen differently; release one that is being deleted."""
        deleting = change.after is not None and change.after.deleting and change.after.digest.finalizers
        if deleting and self._kind.namespace_finalizer:
            self._queue.add(change.key)
        if _choice(change.before) != _choice(change.after):
            self._queue.add_all(key for key, _ in self._cache.items(self._kind.cluster))

    def copy(self, change: Change) -> None:
        """Work on those that own a copy, or whose name for theirs it has taken."""
        before, after = change.before, change.after
        if before is not None and after is not None and only_status_moved(before, after):
            return
        names = {each.owner.name for each in (before, after) if each is not None and each.owner is not None}
        for key, meta in self._cache.items(self._kind.cluster):
            if key.name in names or meta.digest.copies == change.key.name:
                wait = self._wakes.wait(change.key.namespace)
                self._queue.add_after(key, min(wait, MAX_CLUSTER_WAKE_SECONDS))
                if wait < MAX_CLUSTER_WAKE_SECONDS:  # further debt would only make later changes wait longer
                    self._wakes.spend(change.key.namespace, 1.0)


def only_status_moved(before: Meta, after: Meta) -> bool:
    """Return True if neither spec nor metadata of an object changed."""
    same = (before.uid, before.digest.current, before.deleting) == (after.uid, after.digest.current, after.deleting)
    return same and before.generation == after.generation


def _choice(namespace: Meta | None) -> tuple[Mapping[str, str], bool] | None:
    """Return what decides whether a ClusterExternalSecret chooses a namespace."""
    return None if namespace is None else (namespace.labels, namespace.deleting)
