"""Which SealedSecrets does a change touch? Nothing here asks the API server."""

from collections.abc import Mapping

from manager.kube import mirrors
from manager.kube.cache import Change, Index, Meta, MetadataCache
from manager.kube.resources import SEALED_SECRETS, SECRETS, Key, Resource
from manager.runtime.module import Handler
from manager.runtime.queue import KeyedQueue
from sealed.plan import mark_of, settled

FAILING = "failing"
"""Index value of SealedSecrets that are not synced, or whose spec has changed since they were."""


class Handlers:
    """Turns changes of SealedSecrets and of the Secrets of their names into keys.

    Args:
        skip_recreate: a deleted Secret stays away until its SealedSecret changes.
    """

    def __init__(self, cache: MetadataCache, queue: KeyedQueue, *, skip_recreate: bool) -> None:
        self._cache = cache
        self._queue = queue
        self._skip_recreate = skip_recreate
        cache.digest(SEALED_SECRETS, mark_of)
        cache.keep(SEALED_SECRETS, "sealedsecrets.bitnami.com/", mirrors.PREFIX)  # the scope; and what is misplaced
        self._failing: Index = cache.index(SEALED_SECRETS, _unsettled)

    def table(self) -> Mapping[Resource, Handler]:
        """Return what must be watched, and by whom."""
        return {SEALED_SECRETS: self.sealed_secret, SECRETS: self.secret}

    def sealed_secret(self, change: Change) -> None:
        """Work on a SealedSecret unless its last success still stands; a changed annotation may deserve a warning."""
        before, meta = change.before, change.after
        if meta is None or meta.deleting or (before is not None and _only_status_moved(before, meta)):
            return
        annotated = before is not None and before.annotations != meta.annotations
        if annotated or not self._settled(change.key, meta):
            self._queue.add(change.key)

    def secret(self, change: Change) -> None:
        """Work on the SealedSecret of this name when its Secret is gone, or when it was waiting for this Secret."""
        key = Key(SEALED_SECRETS, change.key.namespace, change.key.name)
        sealed = self._cache.get(key)
        if sealed is None or sealed.deleting:
            return
        if change.after is None:
            if not (self._skip_recreate and sealed.digest.synced):
                self._queue.add(key)
        elif not sealed.digest.synced and (change.after.owner is None or change.after.owner.uid != sealed.uid):
            self._queue.add(key)  # the Secret in its way has changed; our own is never in the way

    def keys_changed(self) -> None:
        """Try again what failed: a key was added, restored or removed."""
        self._queue.add_all(key for key in self._failing.find(FAILING) if isinstance(key, Key))

    def _settled(self, key: Key, meta: Meta) -> bool:
        secret = self._cache.get(Key(SECRETS, key.namespace, key.name))
        as_written = secret is not None and secret.version == meta.digest.secret_version
        return as_written and settled(meta.generation, meta.annotations, meta.digest)


def _unsettled(_: Key, meta: Meta) -> tuple[str, ...]:
    return () if meta.digest.synced and meta.digest.generation == meta.generation else (FAILING,)


def _only_status_moved(before: Meta, after: Meta) -> bool:
    """Tell whether this is the echo of our own status: spec, annotations and identity are as they were."""
    return (before.uid, before.generation, before.annotations) == (after.uid, after.generation, after.annotations)
