"""Queue the SealedSecrets that a change concerns; no handler makes a request."""

from collections.abc import Mapping

from manager.kube import auto_mirrors
from manager.kube.cache import Change, Index, Meta, MetadataCache
from manager.kube.resources import SEALED_SECRETS, SECRETS, Body, Key, Resource, key_of
from manager.runtime.first_bodies import FirstBodies
from manager.runtime.module import Handler
from manager.runtime.work_queue import WorkQueue
from sealed.plan import Mark, mark_of, settled
from sealed.selection import Selection

FAILING = "failing"
"""Index value of SealedSecrets that are not synced, or whose spec changed since."""


class Watches:
    """Turns changes of SealedSecrets and of the Secrets of their names into keys.

    Args:
        selection: the SealedSecrets to unseal.
        skip_recreate: a deleted Secret stays away until its SealedSecret changes.
        repair_drift: an edited Secret is repaired.
    """

    def __init__(
        self, cache: MetadataCache, queue: WorkQueue, selection: Selection, *, skip_recreate: bool, repair_drift: bool
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._selection = selection
        self._skip_recreate = skip_recreate
        self._repair_drift = repair_drift
        cache.name_labels(SECRETS)
        self.first = FirstBodies()
        """Bodies of SealedSecrets that were never worked on."""
        cache.digest(SEALED_SECRETS, self._marked)
        cache.keep(
            SEALED_SECRETS, "sealedsecrets.bitnami.com/", auto_mirrors.PREFIX
        )  # the scope; and what is misplaced
        self._failing: Index = cache.index(SEALED_SECRETS, _unsettled)

    def table(self) -> Mapping[Resource, Handler]:
        """Return the watched resources and their handlers."""
        return {SEALED_SECRETS: self.sealed_secret, SECRETS: self.secret}

    def sealed_secret(self, change: Change) -> None:
        """Queue a SealedSecret unless its last success is still valid; a changed annotation may need a warning."""
        before, meta = change.before, change.after
        if meta is None:
            self.first.forget(change.key)
        if meta is None or meta.deleting or (before is not None and _only_status_moved(before, meta)):
            return
        if not self._selection.includes(change.key.namespace, meta.labels):
            return
        annotated = before is not None and before.annotations != meta.annotations
        if annotated or not self._settled(change.key, meta):
            self._queue.add(change.key)

    def secret(self, change: Change) -> None:
        """Queue the SealedSecret of this name when its Secret is deleted, or when this Secret was in its way."""
        key = Key(SEALED_SECRETS, change.key.namespace, change.key.name)
        sealed = self._cache.get(key)
        if sealed is None or sealed.deleting or not self._selection.includes(key.namespace, sealed.labels):
            return
        if change.after is None:
            if not (self._skip_recreate and sealed.digest.synced):
                self._queue.add(key)
        elif sealed.digest.synced:
            if self._repair_drift and change.after.version != sealed.digest.secret_version:
                self._queue.add(key)
        elif change.after.owner is None or change.after.owner.uid != sealed.uid:
            self._queue.add(key)  # a foreign Secret was in its way and has changed

    def keys_changed(self) -> None:
        """Queue the failed SealedSecrets: a key was added, restored or removed."""
        for key in self._failing.find(FAILING):
            meta = self._cache.get(key)
            if meta is not None and self._selection.includes(key.namespace, meta.labels):
                self._queue.add(key)

    def _marked(self, body: Body) -> Mark:
        """Return the mark of a SealedSecret, and keep its body if its first pass is to come."""
        meta, mark, key = body["metadata"], mark_of(body), key_of(SEALED_SECRETS, body)
        self.first.forget(key)
        new = not mark.condition and not mark.generation and "deletionTimestamp" not in meta
        if new and self._selection.includes(key.namespace, meta.get("labels") or {}):
            self.first.keep(key, body)
        return mark

    def _settled(self, key: Key, meta: Meta) -> bool:
        secret = self._cache.get(Key(SECRETS, key.namespace, key.name))
        as_written = secret is not None and secret.version == meta.digest.secret_version
        return as_written and settled(meta.generation, meta.annotations, meta.digest)


def _unsettled(_: Key, meta: Meta) -> tuple[str, ...]:
    return () if meta.digest.synced and meta.digest.generation == meta.generation else (FAILING,)


def _only_status_moved(before: Meta, after: Meta) -> bool:
    """Return True if only the status changed, by our own write."""
    same = (before.uid, before.generation, before.annotations) == (after.uid, after.generation, after.annotations)
    return same and before.labels == after.labels
