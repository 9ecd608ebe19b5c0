"""Queue the sources that a change concerns. The queue holds sources only; no handler makes a request."""

from collections.abc import Mapping

from manager.core.clock import Clock
from manager.kube.cache import Change, Meta
from manager.kube.resources import CONFIGMAPS, NAMESPACES, SECRETS, Key, Resource
from manager.runtime.module import Handler
from manager.runtime.work_queue import WorkQueue
from reflector.view import ViewBuilder


class Watches:
    """Turns changes of Secrets, ConfigMaps and namespaces into the keys of sources.

    Args:
        recreate: whether a deleted auto mirror is created again at once.
    """

    def __init__(self, view_builder: ViewBuilder, queue: WorkQueue, clock: Clock, *, recreate: bool) -> None:
        self._view_builder = view_builder
        self._clock = clock
        self._queue = queue
        self._recreate = recreate

    def table(self) -> Mapping[Resource, Handler]:
        """Return the watched resources and their handlers."""
        return {SECRETS: self.candidate, CONFIGMAPS: self.candidate, NAMESPACES: self.namespace}

    def candidate(self, change: Change) -> None:
        """Queue the source that an object is, those it names, and those whose mirrors would have its name."""
        key = change.key
        marks = [meta.digest for meta in (change.before, change.after) if meta is not None and meta.digest is not None]
        if any(each.reflects is None for each in marks) or self._view_builder.mirrored(key):
            self._view_builder.changed.setdefault(key, self._clock.monotonic())
            self._queue.add(key)
        echo = self._view_builder.observed.seen(key, change.after.version if change.after else None)
        if echo:
            return
        touched = {Key(key.resource, *each.reflects) for each in marks if each.reflects}
        if _mirror_went(change) and not self._recreate:
            touched = set()  # it stays away until the next change of its source
        self._queue.add_all(touched)
        names = {key.name, *(each.target_name for each in marks if each.target_name)}
        rivals = (each for name in names for each in self._view_builder.namesakes(Key(key.resource, "", name)))
        self._queue.add_all(each for each in rivals if each != key and not _mirror_of(change, each))

    def namespace(self, change: Change) -> None:
        """Queue every pushing source when a namespace is created, deleted or relabelled."""
        if change.before is not None and change.after is not None and _same_place(change.before, change.after):
            return
        self._queue.add_all(self._view_builder.sources(), urgent=change.before is not None)
        self._queue.add_all(self._view_builder.pulled_into(change.key.name))


def _mirror_went(change: Change) -> bool:
    digest = change.before.digest if change.before is not None else None
    return change.after is None and digest is not None and digest.auto_reflects


def _mirror_of(change: Change, source: Key) -> bool:
    """Return True if a changed object is or was a mirror of a source, which is then queued already."""
    states = (meta.digest for meta in (change.before, change.after) if meta is not None and meta.digest is not None)
    return any(each.reflects == (source.namespace, source.name) for each in states)


def _same_place(before: Meta, after: Meta) -> bool:
    return (before.uid, before.labels, before.deleting) == (after.uid, after.labels, after.deleting)
