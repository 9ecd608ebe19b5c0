"""Run kopf as the event source and nothing else: settings, session, and handlers that do nothing."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import kopf
from kopf._core.engines.peering import Identity
from kopf._core.reactor import inventory

from manager.core.clock import Jitter
from manager.kube.connection import Connection
from manager.kube.resources import Resource
from manager.runtime.informer import Informer
from manager.runtime.watch_guard import WatchGuard

AGENT = "kopf/coffer"
IDENTITY = Identity("coffer")  # kopf's default reads the name of the user, and the image's user has none
UNUSED_FINALIZER = "coffer.dev/never-set"  # kopf removes its default finalizer from objects of other operators


class NoDiffBase(kopf.DiffBaseStorage):
    """Stores nothing on objects: kopf's default copies the data of a Secret into an annotation."""

    def build(self, **_: Any) -> Any:
        """Return an empty essence, which also saves two deep copies an event."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Return nothing: an annotation that users can write is never parsed."""

    def store(self, **_: Any) -> None:
        """Write nothing."""


class NoProgress(kopf.ProgressStorage):
    """Stores no state of handlers on objects."""

    def fetch(self, **_: Any) -> None:
        """Remember nothing."""

    def store(self, **_: Any) -> None:
        """Write nothing."""

    def purge(self, **_: Any) -> None:
        """Remove nothing."""

    def touch(self, **_: Any) -> None:
        """Touch nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Return the essence as it is."""
        return essence


class EphemeralMemories(inventory.ResourceMemories):
    """Forgets every object at once: saves 1.7 KB each, and none leaks when a deletion is missed."""

    async def recall(self, raw_body: Any, **options: Any) -> Any:
        """Return a memory that is not kept."""
        return await super().recall(raw_body, **{**options, "ephemeral": True})


class Backoffs:
    """Endless waits between repeated requests: an outage of any length must not end kopf."""

    def __init__(self, jitter: Jitter) -> None:
        self._jitter = jitter

    def __iter__(self) -> Iterator[float]:
        """Yield growing delays without end; kopf iterates once for each request."""
        delay = 0.5
        while True:
            yield self._jitter.spread(delay, 0.3)
            delay = min(30.0, delay * 2)


class LentSession:
    """Our session as kopf gets it: kopf closes a session that its other watches still use."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def close(self) -> None:
        """Leave the session open; its owner closes it."""


class Quiet:
    """A memo that costs nothing when kopf copies it for each object."""

    def __copy__(self) -> "Quiet":
        return self


def configure(jitter: Jitter) -> kopf.OperatorSettings:
    """Return kopf's settings; each one differs from the default for a measured reason."""
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.persistence.finalizer = UNUSED_FINALIZER
    settings.posting.enabled = False
    settings.queueing.idle_timeout = 0.05  # 5 s holds every body for 5 s; 0 is a livelock
    settings.queueing.worker_limit = None
    settings.watching.chunk_size = 500
    settings.watching.initial_streaming = False  # loses objects when the stream drops during the list
    settings.watching.reconnect_backoff = 1.0
    settings.watching.inactivity_timeout = 70
    settings.watching.server_timeout = None
    settings.networking.error_backoffs = Backoffs(jitter)
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 5
    settings.scanning.disabled = True  # reading every CRD of a cluster costs 45 to 190 MB
    settings.process.ultimate_exiting_timeout = None  # else kopf kills the process ten minutes after an odd stop
    return settings


@contextmanager
def _own_signals(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Keep our signal handlers: with its own, kopf stopped during a list takes longer than a Pod's grace period."""
    vars(loop)["add_signal_handler"] = lambda *_: None
    try:
        yield
    finally:
        vars(loop).pop("add_signal_handler", None)


class KopfHost:
    """The kopf operator.

    Args:
        informer: gets the objects, by way of the watch guard.
        watch_guard: the middlewares that read lists and watches and keep kopf from ending.
        resources: what to watch of that which the API server serves; kopf does not notice what is installed later.
    """

    def __init__(
        self,
        connection: Connection,
        informer: Informer,
        watch_guard: WatchGuard,
        resources: tuple[Resource, ...],
        jitter: Jitter,
    ) -> None:
        self._connection = connection
        self._informer = informer
        self._watch_guard = watch_guard
        self._resources = resources
        self._jitter = jitter

    async def run(self, ready: asyncio.Event) -> None:
        """Watch until cancelled. A normal return means that kopf has ended and so must the process.

        `ready` is set when kopf has begun. The process's signal handlers stay as they are.
        """
        logging.getLogger("kopf").setLevel(logging.WARNING)  # its DEBUG prints bodies
        guard, everywhere = self._watch_guard, not self._informer.confined
        session = self._connection.session(AGENT, guard.survive, guard.metadata_only)
        try:
            with _own_signals(asyncio.get_running_loop()):
                await kopf.operator(
                    registry=self._registry(session),
                    settings=configure(self._jitter),
                    memories=EphemeralMemories(),
                    memo=Quiet(),
                    ready_flag=ready,
                    clusterwide=everywhere,
                    namespaces=() if everywhere else self._informer.namespaces,
                    standalone=True,
                    identity=IDENTITY,
                )
        finally:
            await session.close()

    def _registry(self, session: aiohttp.ClientSession) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        lent: Any = LentSession(session)

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=lent)

        for resource in self._resources:
            self._listen(registry, resource)
        return registry

    def _listen(self, registry: kopf.OperatorRegistry, resource: Resource) -> None:
        @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry, id=resource.plural)
        async def unheard(**_: Any) -> None:
            """Do nothing: kopf watches only resources with a handler, and the watch guard reads the objects."""
