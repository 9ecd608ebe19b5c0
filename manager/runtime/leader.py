"""The work of the leading replica: fill the cache, start the modules, watch, sweep."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import structlog

from manager.core.clock import Jitter
from manager.core.errors import ApiError, CofferError
from manager.kube.client import KubeClient
from manager.kube.connection import Connection
from manager.kube.resources import Resource
from manager.runtime.informer import Informer
from manager.runtime.kopf_host import KopfHost
from manager.runtime.metrics import Metrics
from manager.runtime.module import Module
from manager.runtime.namespaces_by_name import NamespacesByName
from manager.runtime.predecessors import PredecessorGate
from manager.runtime.watch_guard import WatchGuard
from manager.settings.model import Settings

LIST_RETRY_SECONDS = 3.0  # between two attempts to list a resource that the API server could not list
CRD_POLL_SECONDS = 5.0  # between two checks for a missing CRD; none are made once all CRDs are installed
FILL_TIMEOUT_SECONDS = 10.0  # for which kopf waits for our own lists: a refused one must not delay the other watches
NAMESPACE_POLL_SECONDS = 60.0  # between two reads of the namespaces of a confined process, which may not watch them
VERIFY_PAUSE_SECONDS = 0.05  # between two keys of the background comparison after a start

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class EventSources:
    """Where the leader learns of objects: our own lists, and the watches that kopf opens."""

    informer: Informer
    watch_guard: WatchGuard
    connection: Connection
    client: KubeClient
    namespaces: NamespacesByName


class Leader:
    """The work of the replica that holds the lease."""

    def __init__(
        self,
        settings: Settings,
        modules: tuple[Module, ...],
        sources: EventSources,
        predecessors: PredecessorGate,
        metrics: Metrics,
        jitter: Jitter,
    ) -> None:
        self._settings = settings
        self._modules = modules
        self._controllers = [controller for module in modules for controller in module.controllers]
        self._sources = sources
        self._predecessors = predecessors
        self._metrics = metrics
        self._jitter = jitter
        self._module_tasks: set[asyncio.Task[None]] = set()
        self._watching = False
        for module in modules:
            metrics.synced.labels(module.name).set(0)  # an alert cannot fire on a series that does not exist
        self.outdated = asyncio.Event()
        """Set when the process must start again: a CRD was installed, or etcd was restored from a backup."""
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        """The error of the first endless task that ended; the other tasks, above all kopf, may take long to stop."""

    async def run(self, keep: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Keep the lease and work until an error or cancellation; `failed` holds the error before this returns.

        Args:
            keep: renews the lease until it is lost.

        """
        async with asyncio.TaskGroup() as group:
            self._report_failure_of(group.create_task(keep(), name="lease"))
            self._report_failure_of(group.create_task(self._work(), name="work"))

    async def _work(self) -> None:
        served = await self._served()
        async with asyncio.TaskGroup() as group:
            filled = {each: group.create_task(self._fill(each), name=f"fill {each.plural}") for each in served}
            for module in self._modules:
                known = [filled[resource] for resource in module.handlers if resource in filled]
                self._module_tasks.add(group.create_task(self._start(module, known), name=module.name))
            others = [
                *filled.values(),
                *self._module_tasks,
                group.create_task(self._sweep(), name="sweeps"),
                group.create_task(self._look_for_crds(served), name="crds"),
                group.create_task(self._look_at_namespaces(), name="namespaces"),
            ]
            for task in others:
                self._report_failure_of(task)
            watched = self._sources.informer.watchable(served)
            self._sources.watch_guard.begin(watched)
            host = self._kopf_host(watched)
            watching = asyncio.Event()
            # Our own lists come first: then kopf's lists hold nothing new, and no converged object is queued again.
            if filled:
                await asyncio.wait(filled.values(), timeout=FILL_TIMEOUT_SECONDS)
            # Started last: when kopf ends, it cancels the tasks that are younger than itself.
            self._report_failure_of(group.create_task(self._watch(host, watching), name="kopf"))

    def _kopf_host(self, watched: tuple[Resource, ...]) -> KopfHost:
        sources = self._sources
        return KopfHost(sources.connection, sources.informer, sources.watch_guard, watched, self._jitter)

    def _report_failure_of(self, task: asyncio.Task[None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None and not self.failed.done():
                self.failed.set_result(error)

        task.add_done_callback(ended)

    async def drain(self, seconds: float) -> None:
        """Let running reconciles finish for up to `seconds`, then stop the workers."""
        for controller in self._controllers:
            controller.stopping = True
        deadline = asyncio.get_running_loop().time() + seconds
        while self._busy() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        for task in self._module_tasks:
            task.cancel()

    def stuck_workers(self) -> str:
        """Return the keys that workers have had for minutes, empty if none; liveness fails for them."""
        stuck = [key for each in self._controllers for key in each.stuck()]
        return ", ".join(map(str, stuck[:3])) + (" …" if len(stuck) > 3 else "")

    def silent_watches(self) -> str:
        """Return the resources whose watch is dead; empty on a replica that does not watch."""
        return ", ".join(self._sources.watch_guard.silent()) if self._watching else ""

    def measure(self) -> None:
        """Update the gauges; called at each scrape."""
        for each in self._controllers:
            self._metrics.depth.labels(each.name, "queued").set(len(each.queue))
            self._metrics.depth.labels(each.name, "waiting").set(each.queue.waiting)

    def _busy(self) -> bool:
        return any(each.busy for each in self._controllers)

    async def _served(self) -> tuple[Resource, ...]:
        while True:
            try:
                return tuple(
                    [each for each in self._sources.informer.resources if await self._sources.client.served(each)]
                )
            except ApiError as error:
                log.warning("cannot discover", status=error.status, error=error.reason)
                await asyncio.sleep(max(LIST_RETRY_SECONDS, error.after))

    async def _start(self, module: Module, known: Iterable[asyncio.Task[None]]) -> None:
        for task in known:
            await task
        self._sources.informer.replay(module.handlers)
        module.known()
        self._metrics.synced.labels(module.name).set(1)
        await self._predecessors.wait(module)
        log.info("module started", module=module.name)
        async with asyncio.TaskGroup() as group:
            for controller in module.controllers:
                group.create_task(controller.run(), name=controller.name)
            group.create_task(self._verify(module), name=f"{module.name} verify")
            group.create_task(self._predecessors.give_way(module), name=f"{module.name} original")

    async def _fill(self, resource: Resource) -> None:
        listed = self._sources.informer.watchable((resource,))
        while True:
            try:
                if not listed:
                    return await self._sources.namespaces.read()
                return await self._sources.informer.fill(self._sources.client, resource)
            except ApiError as error:
                log.error("cannot list", resource=resource.plural, status=error.status, error=error.reason)
                await asyncio.sleep(max(self._jitter.spread(LIST_RETRY_SECONDS), error.after))

    async def _verify(self, module: Module) -> None:
        for controller, key in module.verify():
            controller.queue.add(key, urgent=False)
            await asyncio.sleep(VERIFY_PAUSE_SECONDS)

    async def _watch(self, host: KopfHost, ready: asyncio.Event) -> None:
        self._watching = True
        await host.run(ready)
        raise CofferError("kopf has ended")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._jitter.spread(self._settings.process.sweep_interval))
            await self._sources.informer.sweep(self._sources.client)
            if self._sources.informer.restored.is_set():
                self.outdated.set()

    async def _look_at_namespaces(self) -> None:
        pause = min(NAMESPACE_POLL_SECONDS, self._settings.process.sweep_interval)
        while self._sources.namespaces.needed:
            await asyncio.sleep(self._jitter.spread(pause))
            await self._sources.namespaces.look()

    async def _look_for_crds(self, served: tuple[Resource, ...]) -> None:
        missing = [each for each in self._sources.informer.resources if each not in served]
        for resource in missing:
            log.warning("not served: its CRD is not installed", resource=resource.plural, group=resource.group)
        while missing:
            await asyncio.sleep(self._jitter.spread(CRD_POLL_SECONDS))
            for resource in missing:
                try:
                    if await self._sources.client.served(resource):
                        log.info("served now; starting again", resource=resource.plural)
                        self.outdated.set()
                        return
                except ApiError as error:
                    log.debug("cannot discover", status=error.status)
