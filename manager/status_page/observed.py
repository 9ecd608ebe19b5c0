"""Reads the objects that the page tells of, a page of a list at a time; what was just read serves every viewer."""

import asyncio
from collections import ChainMap
from functools import partial

from external.cost import Estimate
from manager.core.background import for_viewers
from manager.core.clock import Clock
from manager.core.errors import Forbidden, NotFound
from manager.kube.client import KubeClient
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Body, Resource
from manager.status_page.overview import BILLED, KINDS, KindOverview, charge, spending_of

FRESH_SECONDS = 10.0  # for which what was read is shown again: ten viewers cost no more than one
PAGE_OBJECTS = 250  # of a list: one page is held at a time
MAX_KEPT = 40  # kinds in namespaces that are kept; each has at most 100 KB of messages


class Observer:
    """Counts the objects of kinds, without keeping them."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._read: dict[tuple[Resource, str], tuple[float, asyncio.Task[KindOverview | None]]] = {}

    async def kind(self, resource: Resource, namespace: str) -> KindOverview | None:
        """Return what there is of a kind in a namespace, or everywhere; None if its CRD is missing. Raises ApiError."""
        now, place = self._clock.monotonic(), (resource, namespace)
        at, running = self._read.get(place, (0.0, None))
        if running is None or _is_over(running, now - at):
            while len(self._read) >= MAX_KEPT:
                del self._read[next(iter(self._read))]
            running = asyncio.create_task(self._list(resource, namespace), name="status page")
            self._read.pop(place, None)
            self._read[place] = (now, running)
        return await asyncio.shield(running)

    async def _list(self, resource: Resource, namespace: str) -> KindOverview | None:
        found = KindOverview()
        estimate = await self._estimate(namespace) if resource in BILLED else None
        try:
            async for bodies, _ in self._client.pages(resource, namespace=namespace, most=PAGE_OBJECTS):
                await for_viewers(partial(_take_in, found, estimate, resource, bodies))
        except NotFound:
            return None
        if estimate is not None:
            found.spending = await for_viewers(partial(spending_of, estimate))
        return found

    async def _estimate(self, namespace: str) -> Estimate:
        """Return an estimate at the terms of the stores that objects of a namespace may name."""
        terms = []
        for resource, place in ((SECRET_STORES, namespace), (CLUSTER_SECRET_STORES, "")):
            try:
                stores = await self.kind(resource, place)
            except Forbidden:  # a confined installation: what is asked of them has no price then
                continue
            terms += [stores.terms] if stores is not None else []
        return Estimate(ChainMap(*terms))


def _take_in(found: KindOverview, estimate: Estimate | None, resource: Resource, bodies: list[Body]) -> None:
    found.add(resource, bodies)
    if estimate is not None:
        charge(estimate, resource, bodies)


def _is_over(running: asyncio.Task[KindOverview | None], age: float) -> bool:
    """Return True if a list must be made again; one that still runs never: viewers would add lists to a slow one."""
    return running.done() and (age > FRESH_SECONDS or running.cancelled() or running.exception() is not None)


def shown_in(namespace: str) -> tuple[Resource, ...]:
    """Return the kinds that are shown of one namespace, or of the whole cluster if it is empty."""
    return tuple(each for each in KINDS if each.namespaced or not namespace)
