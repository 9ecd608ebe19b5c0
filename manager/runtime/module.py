"""What a module is to the process, and what the process gives to a module."""

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
    """What every module is given; the same for all three."""

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
    """Renders tenants' templates; loaded when the first one comes."""


@dataclass(frozen=True)
class Module:
    """One of sealed, external and reflector, as the process sees it."""

    name: str
    handlers: Mapping[Resource, Handler]
    """Every resource that the module must see, and what to do about a change of it."""
    controllers: tuple[Controller, ...]
    standby: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    """Tasks that run for the whole life of the process, on a standby too."""
    ready: Callable[[], bool] = lambda: True
    """Whether the module could serve: part of /readyz."""
    routes: tuple[web.RouteDef, ...] = field(default=())
    """HTTP endpoints served by every replica."""
    verify: Callable[[], Iterable[tuple[Controller, Key]]] = tuple
    """Keys whose objects may have been edited while no replica was leading; compared once, paced, after a start."""
    known: Callable[[], None] = lambda: None
    """Called when all objects are known, before the first is worked on."""
    namespaces: frozenset[str] | None = None
    """All that the module looks at; None: the whole cluster."""
    close: Callable[[], Awaitable[None]] | None = None
    """Gives back what the module holds, when the process ends."""
