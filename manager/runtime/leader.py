"""What the leading replica does: fill the cache, start the modules whose objects are known, watch, sweep."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from manager.core.clock import Jitter
from manager.core.errors import ApiError, CofferError, Unreachable
from manager.kube.client import KubeClient
from manager.kube.connection import Connection
from manager.kube.resources import Resource
from manager.runtime.informer import Informer
from manager.runtime.kopf_host import KopfHost
from manager.runtime.metrics import Metrics
from manager.runtime.module import Module
from manager.runtime.predecessors import find_predecessor
from manager.runtime.watch_guard import WatchGuard
from manager.settings.model import Settings

LIST_RETRY_SECONDS = 3.0  # seconds between two attempts to list what could not be listed
CRD_POLL_SECONDS = 5.0  # seconds between two looks for a missing CRD; nothing is asked once all are there
PREDECESSOR_POLL_SECONDS = 5.0  # seconds between two looks whether an original controller has gone
FILL_TIMEOUT_SECONDS = (
    10.0  # seconds that the watches wait for our own lists; one that is refused must not hold up the others
)
VERIFY_PAUSE_SECONDS = 0.05  # seconds between two keys of the background comparison after a start

log = structlog.get_logger(__name__)


class Leader:
    """The work of the replica that holds the lease.

    Args:
        home: Coffer's own namespace where the process is confined to some, empty where it sees the whole cluster.
    """

    def __init__(
        self,
        settings: Settings,
        modules: tuple[Module, ...],
        feed: Informer,
        streams: WatchGuard,
        connection: Connection,
        client: KubeClient,
        metrics: Metrics,
        jitter: Jitter,
        home: str = "",
    ) -> None:
        self._settings = settings
        self._home = home
        self._modules = modules
        self._controllers = [controller for module in modules for controller in module.controllers]
        self._feed = feed
        self._streams = streams
        self._connection = connection
        self._client = client
        self._metrics = metrics
        self._jitter = jitter
        self._working: set[asyncio.Task[None]] = set()
        self._watching = False
        for module in modules:
            metrics.synced.labels(module.name).set(0)  # a series that is not there cannot raise an alert
        self.outdated = asyncio.Event()
        """Set when the process must start again: a CRD has appeared, or etcd was restored from a backup."""
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        """What ended the first of the tasks that run for ever; the others may take long to stop, kopf above all."""

    async def run(self, keep: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Keep the lease and work for ever. What goes wrong is in `failed` before this returns.

        Args:
            keep: renews the lease for ever.

        """
        async with asyncio.TaskGroup() as group:
            self._notice(group.create_task(keep(), name="lease"))
            self._notice(group.create_task(self._work(), name="work"))

    async def _work(self) -> None:
        served = await self._served()
        async with asyncio.TaskGroup() as group:
            filled = {each: group.create_task(self._fill(each), name=f"fill {each.plural}") for each in served}
            for module in self._modules:
                known = [filled[resource] for resource in module.handlers if resource in filled]
                self._working.add(group.create_task(self._start(module, known), name=module.name))
            others = [
                *filled.values(),
                *self._working,
                group.create_task(self._sweep(), name="sweeps"),
                group.create_task(self._look_for_crds(served), name="crds"),
            ]
            for task in others:
                self._notice(task)
            self._streams.begin(served)
            host = KopfHost(self._connection, self._feed, self._streams, served, self._jitter)
            watching = asyncio.Event()
            # Our own lists come first: what kopf then tells is known, and no converged object is looked at again.
            if filled:
                await asyncio.wait(filled.values(), timeout=FILL_TIMEOUT_SECONDS)
            # Last: kopf cancels at its end what is younger.
            self._notice(group.create_task(self._watch(host, watching), name="kopf"))

    def _notice(self, task: asyncio.Task[None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None and not self.failed.done():
                self.failed.set_result(error)

        task.add_done_callback(ended)

    async def drain(self, seconds: float) -> None:
        """Let running reconciles finish, then stop the workers."""
        for controller in self._controllers:
            controller.stopping = True
        deadline = asyncio.get_running_loop().time() + seconds
        while self._busy() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        for task in self._working:
            task.cancel()

    def stuck_workers(self) -> str:
        """Return the keys that have been worked on for minutes; health turns red for them."""
        stuck = [key for each in self._controllers for key in each.stuck()]
        return ", ".join(map(str, stuck[:3])) + (" …" if len(stuck) > 3 else "")

    def silent_watches(self) -> str:
        """Return the resources whose watch has died, as far as this replica watches at all."""
        return ", ".join(self._streams.silent()) if self._watching else ""

    def measure(self) -> None:
        """Bring the gauges up to date; called at a scrape."""
        for each in self._controllers:
            self._metrics.depth.labels(each.name, "queued").set(len(each.queue))
            self._metrics.depth.labels(each.name, "waiting").set(each.queue.waiting)

    def _busy(self) -> bool:
        return any(each.busy for each in self._controllers)

    async def _served(self) -> tuple[Resource, ...]:
        while True:
            try:
                return tuple([each for each in self._feed.resources if await self._client.served(each)])
            except ApiError as error:
                log.warning("cannot discover", status=error.status, error=error.reason)
                await asyncio.sleep(max(LIST_RETRY_SECONDS, error.after))

    async def _start(self, module: Module, known: Iterable[asyncio.Task[None]]) -> None:
        for task in known:
            await task
        self._feed.replay(module.handlers)
        module.known()
        self._metrics.synced.labels(module.name).set(1)
        await self._wait_for_original(module)
        log.info("module started", module=module.name)
        async with asyncio.TaskGroup() as group:
            for controller in module.controllers:
                group.create_task(controller.run(), name=controller.name)
            group.create_task(self._verify(module), name=f"{module.name} verify")
            group.create_task(self._give_way(module), name=f"{module.name} original")

    async def _fill(self, resource: Resource) -> None:
        while True:
            try:
                return await self._feed.fill(self._client, resource)
            except ApiError as error:
                log.error("cannot list", resource=resource.plural, status=error.status, error=error.reason)
                await asyncio.sleep(max(self._jitter.spread(LIST_RETRY_SECONDS), error.after))

    async def _wait_for_original(self, module: Module) -> None:
        gauge = self._metrics.observing.labels(module.name)
        while True:
            try:
                found = await self._original(module)
            except Unreachable:
                await asyncio.sleep(LIST_RETRY_SECONDS)
                continue
            gauge.set(1 if found else 0)
            if not found:
                return
            log.warning("an original controller is running; only observing", module=module.name, original=found)
            await asyncio.sleep(PREDECESSOR_POLL_SECONDS)

    async def _original(self, module: Module) -> str:
        takeover = self._settings.modules.takeover
        return "" if takeover else await find_predecessor(self._client, module.name, self._home)

    async def _give_way(self, module: Module) -> None:
        """Look from time to time for an original that was started after us; while one runs, begin no write."""
        while True:
            await asyncio.sleep(self._jitter.spread(self._settings.process.sweep_interval))
            try:
                found = await self._original(module)
            except Unreachable:
                continue
            if found:
                for controller in module.controllers:
                    controller.pause()
                await self._wait_for_original(module)
                log.info("module goes on", module=module.name)
                for controller in module.controllers:
                    controller.go_on()

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
            await self._feed.sweep(self._client)
            if self._feed.restored.is_set():
                self.outdated.set()

    async def _look_for_crds(self, served: tuple[Resource, ...]) -> None:
        missing = [each for each in self._feed.resources if each not in served]
        for resource in missing:
            log.warning("not served: its CRD is not installed", resource=resource.plural, group=resource.group)
        while missing:
            await asyncio.sleep(self._jitter.spread(CRD_POLL_SECONDS))
            for resource in missing:
                try:
                    if await self._client.served(resource):
                        log.info("served now; starting again", resource=resource.plural)
                        self.outdated.set()
                        return
                except ApiError as error:
                    log.debug("cannot discover", status=error.status)
