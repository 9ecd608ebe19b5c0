"""Update the cache from lists and watches, and tell the modules what changed."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import structlog

from manager.core.errors import ApiError, Forbidden, Gone
from manager.kube.cache import MAX_LABELS, Change, MetadataCache, Oversized, newer
from manager.kube.client import KubeClient
from manager.kube.resources import Body, Key, Resource, key_of
from manager.kube.responses.decoding import Unusable
from manager.runtime.controller import describe
from manager.runtime.module import Handler

ALL_NAMESPACES = ("",)
"""The whole cluster: one list and one watch for each resource."""

FORBIDDEN = 403
TOO_MANY_LABELS = f"it has more than {MAX_LABELS} labels: only those that Coffer knows by name are looked at"

Part = tuple[Resource, str]
"""The scope of one list: a resource in one namespace; an empty namespace means all."""

log = structlog.get_logger(__name__)


class Informer:
    """Updates the cache and tells every handler of a resource what changed.

    Args:
        cache: the one cache of the process.
        handlers: for each resource, those of all modules.
        namespaces: the watched ones, each with its own lists and watches.
        refused: called with (key, uid, problem) of each object that is not cached; the cache keeps its last state.
    """

    def __init__(
        self,
        cache: MetadataCache,
        handlers: Mapping[Resource, Iterable[Handler]],
        namespaces: tuple[str, ...] = ALL_NAMESPACES,
        refused: Callable[[Key, str, str], None] = lambda key, uid, why: None,
    ) -> None:
        self._refused = refused
        self._cache = cache
        self.namespaces = namespaces
        self._handlers = {resource: tuple(each) for resource, each in handlers.items()}
        self._listing: dict[Part, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._departed: dict[Part, dict[Key, str]] = {}
        """Objects that a watch reported deleted during our list of the resource, with the version of the deletion."""
        self._relists: dict[Part, tuple[set[Key], str]] = {}
        """Keys and version of a list by kopf that ended during our list of the resource."""
        self._latest: dict[Resource, int] = {}
        """The highest resourceVersion seen of each resource."""
        self.restored = asyncio.Event()
        """Set when the API server shows an earlier state than before: etcd was restored from a backup."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The watched resources."""
        return tuple(self._handlers)

    @property
    def confined(self) -> bool:
        """True if only some namespaces are read: then nothing is listed or watched outside of namespaces."""
        return self.namespaces != ALL_NAMESPACES

    def watchable(self, resources: Iterable[Resource]) -> tuple[Resource, ...]:
        """Return those of these resources that kopf may watch."""
        return tuple(each for each in resources if each.namespaced or not self.confined)

    def observe(self, resource: Resource, event: str | None, body: Body) -> None:
        """Cache one object and tell the handlers if it changed. Never raises."""
        change = self._absorb(resource, event, body)
        if change is not None:
            self._dispatch(change)

    async def fill(self, client: KubeClient, resource: Resource) -> None:
        """List a resource into the cache without telling the handlers; `replay` tells them once all lists are there.

        Raises ApiError if a list fails: no decision may be made from a part of the objects. Exception: one of several
        configured namespaces may be forbidden; its watch shows its objects when the rights are there.
        """
        for part in self._parts(resource):
            try:
                await self._list(client, part, dispatch=False)
            except Forbidden as error:
                if not self.confined or error.status != FORBIDDEN:
                    raise
                log.error("namespace may not be read; going on without it", resource=resource.plural, namespace=part[1])

    def replay(self, handlers: Mapping[Resource, Handler]) -> None:
        """Tell the handlers of one module of every cached object, once all its resources are listed."""
        for resource, handler in handlers.items():
            for key, meta in list(self._cache.items(resource)):
                _tell(handler, Change(key, None, meta))

    async def sweep(self, client: KubeClient) -> None:
        """List everything again and tell the handlers what the watches missed, mostly deletions.

        A resource that cannot be listed now waits for the next sweep.
        """
        for resource in self.watchable(self._handlers):
            for part in self._parts(resource):
                try:
                    await self._list(client, part, dispatch=True)
                except ApiError as error:
                    log.warning("sweep incomplete", resource=resource.plural, status=error.status)

    def listed(self, resource: Resource, namespace: str, seen: set[Key], version: str) -> None:
        """Handle the end of a LIST by kopf: drop cached objects that are not in it (their DELETE event was missed)."""
        part = resource, namespace
        if part in self._departed:
            self._relists[part] = seen, version  # our own list, not complete yet, may still hold objects that are gone
        else:
            self._forget_missing(part, seen, version, dispatch=True)

    def _parts(self, resource: Resource) -> list[Part]:
        return [(resource, each) for each in (self.namespaces if resource.namespaced else ALL_NAMESPACES)]

    async def _list(self, client: KubeClient, part: Part, *, dispatch: bool) -> None:
        for _ in range(3):
            try:
                async with self._listing[part]:
                    return await self._list_once(client, part, dispatch=dispatch)
            except Gone:  # the continue token expired on a slow list: start again
                continue
        raise Gone(410, "Expired", f"list {part[0].plural}")

    async def _list_once(self, client: KubeClient, part: Part, *, dispatch: bool) -> None:
        departed = self._departed[part] = {}
        try:
            seen, listed_at = await self._take_in(client, part, departed, dispatch=dispatch)
        finally:
            del self._departed[part]
            relist = self._relists.pop(part, None)
        self._forget_missing(part, seen, listed_at, dispatch=dispatch)
        if relist is not None:
            self._forget_missing(part, *relist, dispatch=dispatch)

    def _forget_missing(self, part: Part, seen: set[Key], listed_at: str, *, dispatch: bool) -> None:
        resource, namespace = part
        for key, meta in list(self._cache.items(resource)):
            if namespace not in ("", key.namespace):
                continue  # it is outside the scope of the list
            # An object that is newer than the list was created after it, so it is not missing.
            if key not in seen and not newer(meta.version, listed_at):
                change = self._cache.forget(key)
                if change is not None and dispatch:
                    self._dispatch(change)

    async def _take_in(
        self, client: KubeClient, part: Part, departed: Mapping[Key, str], *, dispatch: bool
    ) -> tuple[set[Key], str]:
        resource, namespace = part
        seen: set[Key] = set()
        listed_at, before = "", self._latest.get(resource, 0)
        async for items, version in client.pages(resource, namespace=namespace):
            if not listed_at:
                listed_at = version
                self._compare(resource, before, version)
            for body in items:
                key = key_of(resource, body)
                seen.add(key)
                # All pages show the state at the first one: an object deleted since must not return from a later page.
                if key in departed and not newer(body["metadata"]["resourceVersion"], departed[key]):
                    continue
                change = self._absorb(resource, None, body)
                if change is not None and dispatch:
                    self._dispatch(change)
        return seen, listed_at

    def _compare(self, resource: Resource, before: int, version: str) -> None:
        """Detect a restore of etcd: cached versions are higher than all new ones and would never be replaced.

        Otherwise a list is never older than its request (Kubernetes API concepts, resource versions).
        """
        if version.isdecimal() and int(version) < before:
            log.error("a list is older than what was seen before it: etcd was restored", resource=resource.plural)
            self.restored.set()
        self._note(resource, version)

    def _note(self, resource: Resource, version: str) -> None:
        if version.isdecimal():
            self._latest[resource] = max(self._latest.get(resource, 0), int(version))

    def _absorb(self, resource: Resource, event: str | None, body: Body) -> Change | None:
        try:
            self._note(resource, body["metadata"]["resourceVersion"])
            if event == "DELETED":
                key = key_of(resource, body)
                for part in ((resource, ""), (resource, key.namespace)):
                    self._departed.get(part, {})[key] = body["metadata"]["resourceVersion"]
            elif isinstance(body, Unusable):
                self._refuse(key_of(resource, body), body["metadata"].get("uid", ""), body.why)
                return None
            change = self._cache.observe(resource, event, body)
            if change is not None and change.after is not None and change.after.cut:
                self._refuse(change.key, change.after.uid, TOO_MANY_LABELS)
        except Oversized as error:
            self._refuse(key_of(resource, body), body["metadata"].get("uid", ""), str(error))
            return None
        except Exception as error:  # one unreadable object must not stop the list or the watch of its resource
            log.error("object not understood", resource=resource.plural, error=describe(error))
            return None
        return change

    def _refuse(self, key: Key, uid: str, why: str) -> None:
        try:
            self._refused(key, uid, why)
        except Exception as error:  # a fault in telling must not end the list or the watch, and with it the process
            log.error("refusal not told", object=str(key), error=describe(error))

    def _dispatch(self, change: Change) -> None:
        for handler in self._handlers.get(change.key.resource, ()):
            _tell(handler, change)


def _tell(handler: Handler, change: Change) -> None:
    try:
        handler(change)
    except Exception as error:  # a fault in one module must not hide the change from the others
        log.error("handler failed", object=str(change.key), error=describe(error))
