"""The interface between the process and its modules."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from manager.core.clock import Clock, Jitter
from manager.gotemplate.sandbox import Sandbox
from manager.kube.cache import Change, MetadataCache
from manager.kube.client import KubeClient
from manager.kube.events import EventRecorder
from manager.kube.resources import Key, Resource
from manager.kube.writer import Writer
from manager.runtime.controller import Controller
from manager.runtime.metrics import Metrics
from manager.settings.model import Settings

Handler = Callable[[Change], None]
"""Adds the keys that a change touches to a queue; no I/O, never raises."""


@dataclass(frozen=True)
class Context:
    """What the process gives to each module."""

    settings: Settings
    client: KubeClient
    cache: MetadataCache
    writer: Writer
    events: EventRecorder
    metrics: Metrics
    clock: Clock
    jitter: Jitter
    namespace: str
    """Coffer's own namespace."""
    sandbox: Sandbox
    """Renders tenants' templates; loaded for the first one."""


@dataclass(frozen=True)
class Module:
    """What a module gives to the process."""

    name: str
    handlers: Mapping[Resource, Handler]
    """The watched resources, each with the handler of its changes."""
    controllers: tuple[Controller, ...]
    standby: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    """Tasks that run as long as the process, on a standby too."""
    ready: Callable[[], bool] = lambda: True
    """Returns True if the module can serve; part of /readyz."""
    routes: tuple[web.RouteDef, ...] = field(default=())
    """HTTP endpoints served by every replica."""
    verify: Callable[[], Iterable[tuple[Controller, Key]]] = tuple
    """Keys of objects that may have been edited while no replica was leading; compared once, paced, after a start."""
    known: Callable[[], None] = lambda: None
    """Called when the cache holds all objects, before the first reconcile."""
    namespaces: frozenset[str] | None = None
    """The namespaces that the module reads; None: the whole cluster."""
    close: Callable[[], Awaitable[None]] | None = None
    """Releases what the module holds when the process ends."""
