"""Wire the process: settings, client, cache, modules, health, lease, workers, kopf."""

import asyncio
import gc
import hashlib
import importlib
import os
import secrets
import signal
import socket
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NoReturn

import structlog
from aiohttp.web import RouteDef
from yarl import URL

from manager import VERSION
from manager.core.clock import Clock, Jitter, SystemClock
from manager.core.errors import CofferError, NotLeader
from manager.core.heap import bound_heaps
from manager.gotemplate.sandbox import Sandbox
from manager.kube.cache import MetadataCache
from manager.kube.client import KubeClient
from manager.kube.connection import Connection, connect
from manager.kube.events import EventRecorder
from manager.kube.resources import Resource
from manager.kube.token_check import TokenCheck
from manager.kube.writer import Writer
from manager.runtime.controller import describe
from manager.runtime.http.health import Health, allow_files, serve
from manager.runtime.http.metrics_endpoint import Scrapers, certificate, route
from manager.runtime.informer import ALL_NAMESPACES, Informer
from manager.runtime.leader import EventSources, Leader
from manager.runtime.lease import Lease
from manager.runtime.lease_thread import Elector, LeaseThread
from manager.runtime.metrics import Metrics
from manager.runtime.module import Context, Handler, Module
from manager.runtime.namespaces_by_name import NamespacesByName
from manager.runtime.predecessors import Confinement, Installation, PredecessorGate
from manager.runtime.unreadable_objects import UnreadableObjects
from manager.runtime.watch_guard import WatchGuard
from manager.settings.model import ExternalSettings, Settings

MODULES = ("sealed", "external", "reflector")
# New container objects until a collection of the youngest generation. At Python's 700, objects that are still in use
# move to the oldest generation, and the cycles that they leave stay until a full collection: 50 MB while 25,000 mirrors
# are written.
GC_THRESHOLD_OBJECTS = 10_000
MAX_MANAGER_CHARACTERS = 128  # the API server refuses a longer field manager
DRAIN_SECONDS = 1.0  # for running reconciles to finish on SIGTERM; the other replica needs two to take over

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Replica:
    """One process, wired but not yet running."""

    connection: Connection
    client: KubeClient
    lease: LeaseThread
    modules: tuple[Module, ...]
    leader: Leader
    health: Health
    metrics: Metrics
    namespace: str = ""
    """Coffer's own."""


class Ending(IntEnum):
    """Why the process ends; the value is its exit code."""

    STOPPED = 0
    """SIGTERM or SIGINT; the lease is released."""
    BROKEN = 1
    """The lease is lost, or an endless task has ended."""
    AGAIN = 75
    """A CRD was installed; the process must start again to serve it."""


End = Callable[[Ending], NoReturn]
"""Ends the process without waiting: kopf, stopped during a list, may never return."""


async def run(settings: Settings, end: End) -> None:
    """Serve until the process has to end, then call `end`; at once when the lease is lost.

    Raises:
        CofferError: the settings or the cluster make a start impossible.

    """
    bound_heaps()
    async with AsyncExitStack() as stack:
        replica = await _wire(settings, stack)
        gc.collect()
        gc.freeze()  # imported modules stay, so full collections need not visit them
        gc.set_threshold(GC_THRESHOLD_OBJECTS)
        allow_files()
        await _listen(settings, replica, stack)
        end(await _until_the_end(replica))


async def _wire(settings: Settings, stack: AsyncExitStack) -> Replica:
    clock, jitter, metrics = SystemClock(), Jitter(), Metrics()
    process = settings.process
    connection = await connect(process.kubeconfig, process.context, verify=not process.skip_tls_verify)
    namespace = process.namespace or os.environ.get("POD_NAMESPACE", "") or connection.default_namespace
    identity = process.instance or os.environ.get("POD_NAME", "") or f"{socket.gethostname()}-{secrets.token_hex(3)}"
    agent = f"coffer/{VERSION}"
    # A request that hangs must time out while another can still succeed before the renew deadline.
    request_seconds = min(process.request_timeout, settings.lease.renew_deadline / 2)

    def elector() -> Elector:
        own = KubeClient(connection, agent, timeout=request_seconds, observe=metrics.requested)
        return Elector(Lease(own, namespace, identity, settings.lease, clock, jitter), own.close)

    lease = LeaseThread(elector, clock)
    stack.push_async_callback(lease.close)
    client = KubeClient(
        connection, agent, timeout=process.request_timeout, observe=metrics.requested, certain=lease.certain
    )
    stack.push_async_callback(client.close)
    cache = MetadataCache()
    events = EventRecorder(client, clock, identity)
    sandbox = Sandbox()
    stack.push_async_callback(sandbox.close)

    def context(name: str) -> Context:
        paused = metrics.deletes_paused.labels(name).inc
        deletes = settings.modules.deletes_per_minute
        manager = field_manager(name, settings.external.controller_class)
        writer = Writer(client, lease.certain, clock, manager, paused, deletes)
        return Context(settings, client, cache, writer, events, metrics, clock, jitter, namespace, sandbox)

    modules = tuple(_build(name, context(name)) for name in MODULES if getattr(settings.modules, name))
    for module in modules:
        if module.close is not None:
            stack.push_async_callback(module.close)
    refusals = UnreadableObjects(events, lambda plural: metrics.unusable.labels(plural).inc())
    informer = Informer(cache, _handlers(modules), _namespaces(modules), refusals.note)
    guard = _watch_guard(informer, connection, metrics, clock, jitter)
    within = Confinement(namespace, informer.namespaces) if informer.confined else None
    sources = EventSources(informer, guard, connection, client, NamespacesByName(client, informer))
    gate = _gate(settings, client, metrics, jitter, namespace, within)
    leader = Leader(settings, modules, sources, gate, metrics, jitter)
    return Replica(connection, client, lease, modules, leader, _health(lease, modules, leader), metrics, namespace)


def field_manager(module: str, controller_class: str) -> str:
    """Return the field manager of a module.

    That of external names a controller class other than the default: by its field manager a Coffer knows the
    finalizers that it has set, and takes them off objects of other classes.
    """
    if module != "external" or controller_class == ExternalSettings.controller_class:
        return f"coffer-{module}"
    named = f"coffer-{module}/{controller_class}"
    if len(named) <= MAX_MANAGER_CHARACTERS and named.isprintable():
        return named
    return f"coffer-{module}/sha256-{hashlib.sha256(controller_class.encode()).hexdigest()}"


def _build(name: str, context: Context) -> Module:
    """Import and build one module; a module that is switched off is never imported and costs no memory."""
    build: Callable[[Context], Module] = importlib.import_module(f"{name}.module").build
    return build(context)


def _watch_guard(
    informer: Informer, connection: Connection, metrics: Metrics, clock: Clock, jitter: Jitter
) -> WatchGuard:
    return WatchGuard(
        informer.resources,
        clock,
        jitter,
        lambda plural, status: metrics.watch_refused.labels(plural, str(status)).inc(),
        informer.listed,
        base=URL(connection.server).path.rstrip("/"),
        namespaces=informer.namespaces,
        observe=informer.observe,
    )


def _gate(
    settings: Settings,
    client: KubeClient,
    metrics: Metrics,
    jitter: Jitter,
    namespace: str,
    within: Confinement | None,
) -> PredecessorGate:
    takeover, interval = settings.modules.takeover, settings.process.sweep_interval
    own = Installation(namespace, settings.external.controller_class)
    return PredecessorGate(client, metrics, jitter, takeover, interval, own, within)


def _namespaces(modules: tuple[Module, ...]) -> tuple[str, ...]:
    """Return the namespaces to watch: the whole cluster unless every module is confined; then Roles are enough."""
    confined = [module.namespaces for module in modules if module.namespaces is not None]
    if not confined or len(confined) < len(modules):
        return ALL_NAMESPACES
    return tuple(sorted(frozenset().union(*confined)))


def _handlers(modules: tuple[Module, ...]) -> dict[Resource, list[Handler]]:
    table: dict[Resource, list[Handler]] = defaultdict(list)
    for module in modules:
        for resource, handler in module.handlers.items():
            table[resource].append(handler)
    return dict(table)


def _health(lease: LeaseThread, modules: tuple[Module, ...], leader: Leader) -> Health:
    def keys_loaded() -> str:
        return ", ".join(f"{module.name} is not ready" for module in modules if not module.ready())

    live = {"workers": leader.stuck_workers, "watches": leader.silent_watches}
    ready = {"api server": lambda: "" if lease.alive() else "no answer to the lease loop", "modules": keys_loaded}
    return Health(live, ready)


async def _listen(settings: Settings, replica: Replica, stack: AsyncExitStack) -> None:
    routes = [*replica.health.routes(), *(route for module in replica.modules for route in module.routes)]
    if settings.process.status_page:
        routes += _page(settings, replica)
    runner = await serve(settings.process.listen, routes)
    stack.push_async_callback(runner.cleanup)

    def metrics() -> bytes:
        replica.leader.measure()
        return replica.metrics.render()

    process = settings.process
    secured = certificate(process.metrics_cert_file, process.metrics_key_file)
    scrapers = Scrapers(TokenCheck(replica.client, "get"), SystemClock()) if process.metrics_authorization else None
    runner = await serve(process.listen_metrics, [route(metrics, scrapers)], secured.context if secured else None)
    stack.push_async_callback(runner.cleanup)
    if secured is not None:
        current = asyncio.create_task(secured.keep_current(), name="metrics certificate")
        stack.callback(current.cancel)


def _page(settings: Settings, replica: Replica) -> list[RouteDef]:
    """Import the status page, which costs no memory while it is off, and return its endpoints."""
    kind = importlib.import_module("manager.status_page.routes").StatusPage
    routes: list[RouteDef] = kind(replica.client, SystemClock(), settings, replica.namespace).routes()
    return routes


async def _until_the_end(replica: Replica) -> Ending:
    stop = asyncio.Event()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait(), name="signals")
    outdated = asyncio.create_task(replica.leader.outdated.wait(), name="outdated")
    # Every task of ours is created before kopf's: when kopf ends, it cancels the tasks that are younger than itself.
    standby = [asyncio.create_task(task(), name="standby") for module in replica.modules for task in module.standby]
    pulse = asyncio.create_task(replica.metrics.pulse.run(), name="pulse")
    leading = asyncio.create_task(_lead(replica), name="leader")
    ends: set[asyncio.Future[Any]] = {stopped, outdated, replica.leader.failed, leading, pulse, *standby}
    done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if not done & {stopped, outdated}:
        return await _broken(replica, leading, done)
    log.info("stopping")
    await replica.leader.drain(DRAIN_SECONDS)
    leading.cancel()  # otherwise it would renew the lease that is being released
    await replica.lease.release()
    return Ending.STOPPED if stopped in done else Ending.AGAIN


async def _lead(replica: Replica) -> None:
    await replica.lease.acquire()
    replica.metrics.leader.set(1)
    await replica.leader.run(replica.lease.keep)


async def _broken(replica: Replica, leading: asyncio.Task[None], done: set[asyncio.Future[Any]]) -> Ending:
    """Log why the process ends; release the lease unless it is lost: then the process must end without a request."""
    errors = [_cause(_error(each, replica)) for each in done]
    if any(isinstance(each, NotLeader) for each in errors):
        log.error("lease lost; ending at once", identity=replica.lease.identity)
        return Ending.BROKEN
    log.error(
        "ending", cause=", ".join(str(each) if isinstance(each, CofferError) else describe(each) for each in errors)
    )
    leading.cancel()
    await replica.lease.release()
    return Ending.BROKEN


def _error(ended: asyncio.Future[Any], replica: Replica) -> BaseException | None:
    if ended is replica.leader.failed:
        error: BaseException = ended.result()
        return error
    return None if ended.cancelled() else ended.exception()


def _cause(error: BaseException | None) -> BaseException:
    """Return the first error of a group. Only texts of our own errors are logged: others may quote values."""
    while isinstance(error, BaseExceptionGroup):
        error = next((each for each in error.exceptions if isinstance(each, NotLeader)), error.exceptions[0])
    return error or CofferError("an endless task has ended")
