"""The way of an observation to the modules: kopf's events and our own metadata sweep end in the same place."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

import structlog

from manager.errors import ApiError, Gone
from manager.kube.cache import Change, MetadataCache, newer
from manager.kube.client import KubeClient
from manager.kube.resources import Body, Key, Resource, key_of
from manager.runtime.controller import describe
from manager.runtime.module import Handler

log = structlog.get_logger(__name__)


class Feed:
    """Updates the cache and tells every handler of a resource what changed.

    Args:
        cache: the one cache of the process.
        handlers: per resource, those of all modules.
    """

    def __init__(self, cache: MetadataCache, handlers: Mapping[Resource, Iterable[Handler]]) -> None:
        self._cache = cache
        self._handlers = {resource: tuple(each) for resource, each in handlers.items()}
        self._listing: dict[Resource, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._departed: dict[Resource, dict[Key, str]] = {}
        """While a resource is listed: what a watch reported deleted meanwhile, and at which version."""
        self._relists: dict[Resource, tuple[set[Key], str]] = {}
        """While a resource is listed: what kopf's own list of it held meanwhile."""
        self._listed_at: dict[Resource, str] = {}
        self.restored = asyncio.Event()
        """Set when the API server is at an earlier moment than before: its etcd came back from a backup."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What is watched."""
        return tuple(self._handlers)

    def observe(self, resource: Resource, event: str | None, body: Body) -> None:
        """Take in one object and dispatch the change, if there is one. Never raises."""
        change = self._absorb(resource, event, body)
        if change is not None:
            self._dispatch(change)

    async def fill(self, client: KubeClient, resource: Resource) -> None:
        """List a resource into the cache without telling anybody: the "synced" barrier of DESIGN.md section 3.

        Raises ApiError when the list cannot be had: nothing may be decided on half a picture.
        """
        await self._list(client, resource, dispatch=False)

    def replay(self, handlers: Mapping[Resource, Handler]) -> None:
        """Tell the handlers of one module of everything that is known, once all that it needs is."""
        for resource, handler in handlers.items():
            for key, meta in list(self._cache.items(resource)):
                _tell(handler, Change(key, None, meta))

    async def sweep(self, client: KubeClient) -> None:
        """List everything again and make up for what the watches did not tell, deletions above all.

        A resource that cannot be listed now is left for the next sweep.
        """
        for resource in self._handlers:
            try:
                await self._list(client, resource, dispatch=True)
            except ApiError as error:
                log.warning("sweep incomplete", resource=resource.plural, status=error.status)

    def listed(self, resource: Resource, seen: set[Key], version: str) -> None:
        """Take in that kopf has listed a resource: what was known and is not in the list went unseen."""
        if resource in self._departed:
            self._relists[resource] = seen, version  # our own list may still bring what is gone by now
        else:
            self._forget_missing(resource, seen, version, dispatch=True)

    async def _list(self, client: KubeClient, resource: Resource, *, dispatch: bool) -> None:
        for _ in range(3):
            try:
                async with self._listing[resource]:
                    return await self._list_once(client, resource, dispatch=dispatch)
            except Gone:  # the continue token expired on a slow list: begin again
                continue
        raise Gone(410, "Expired", f"list {resource.plural}")

    async def _list_once(self, client: KubeClient, resource: Resource, *, dispatch: bool) -> None:
        departed = self._departed[resource] = {}
        try:
            seen, listed_at = await self._take_in(client, resource, departed, dispatch=dispatch)
        finally:
            del self._departed[resource]
            relist = self._relists.pop(resource, None)
        self._forget_missing(resource, seen, listed_at, dispatch=dispatch)
        if relist is not None:
            self._forget_missing(resource, *relist, dispatch=dispatch)

    def _forget_missing(self, resource: Resource, seen: set[Key], listed_at: str, *, dispatch: bool) -> None:
        for key, meta in list(self._cache.items(resource)):
            # What is newer than the list was made after it and is not missing.
            if key not in seen and not newer(meta.version, listed_at):
                change = self._cache.forget(key)
                if change is not None and dispatch:
                    self._dispatch(change)

    async def _take_in(
        self, client: KubeClient, resource: Resource, departed: Mapping[Key, str], *, dispatch: bool
    ) -> tuple[set[Key], str]:
        seen: set[Key] = set()
        listed_at = ""
        async for items, version in client.pages(resource):
            if not listed_at:
                listed_at = version
                self._compare(resource, version)
            for body in items:
                key = key_of(resource, body)
                seen.add(key)
                # All pages show the moment of the first: what was deleted since must not come back from a later one.
                if key in departed and not newer(body["metadata"]["resourceVersion"], departed[key]):
                    continue
                change = self._absorb(resource, None, body)
                if change is not None and dispatch:
                    self._dispatch(change)
        return seen, listed_at

    def _compare(self, resource: Resource, version: str) -> None:
        """Notice a restore: what is cached is newer than all that is true now, and would never be replaced."""
        before = self._listed_at.get(resource)
        if before is not None and before != version and newer(before, version):
            log.error("lists are older than before: etcd was restored", resource=resource.plural)
            self.restored.set()
        self._listed_at[resource] = version

    def _absorb(self, resource: Resource, event: str | None, body: Body) -> Change | None:
        try:
            if event == "DELETED" and resource in self._departed:
                self._departed[resource][key_of(resource, body)] = body["metadata"]["resourceVersion"]
            return self._cache.observe(resource, event, body)
        except Exception as error:  # an object that cannot be read must not stop the list or the stream of its kind
            log.error("object not understood", resource=resource.plural, error=describe(error))
            return None

    def _dispatch(self, change: Change) -> None:
        for handler in self._handlers.get(change.key.resource, ()):
            _tell(handler, change)


def _tell(handler: Handler, change: Change) -> None:
    try:
        handler(change)
    except Exception as error:  # one module's fault must not hide the change from the others
        log.error("handler failed", object=str(change.key), error=describe(error))
