"""Renew the lease in its own thread and event loop, so that work on the main loop delays no renewal.

Renewals stop when the main loop is dead: a process that does no work must lose the lease.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from manager.core.clock import Clock
from manager.core.errors import NotLeader
from manager.runtime.lease import Lease

Result = TypeVar("Result")

BEAT_SECONDS = 1.0  # between two heartbeats of the main loop
DEAD_AFTER_SECONDS = 30.0  # without a heartbeat; the chart's liveness probe fails after the same time

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Elector:
    """The lease and its client, created in the thread because requests belong to its event loop."""

    lease: Lease
    close: Callable[[], Coroutine[Any, Any, None]]


class LeaseThread:
    """The lease, as the main loop uses it.

    Args:
        make: called in the thread.
        clock: measures the heartbeats in monotonic seconds.
    """

    def __init__(self, make: Callable[[], Elector], clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lease", daemon=True)
        self._thread.start()
        self._elector = asyncio.run_coroutine_threadsafe(_made(make), self._loop).result()
        self._lease = self._elector.lease
        self._beaten = clock.monotonic()
        self._beating: asyncio.Task[None] | None = None

    @property
    def identity(self) -> str:
        """Unique among replicas."""
        return self._lease.identity

    @property
    def held(self) -> bool:
        """True if this replica may write now."""
        return self._lease.held

    def certain(self) -> None:
        """Raise NotLeader unless this replica may write; safe in any thread."""
        self._lease.certain()

    def alive(self) -> bool:
        """Return True if the API server answered the election lately."""
        return self._lease.alive()

    async def acquire(self) -> None:
        """Wait until this replica holds the lease."""
        self._beating = self._beating or asyncio.create_task(self._beat(), name="heartbeat")
        await self._there(self._lease.acquire())

    async def keep(self) -> None:
        """Renew without end. Raises NotLeader when the lease is lost or the main loop is dead."""
        await self._there(self._keep())

    async def release(self) -> None:
        """Let another replica take over at once."""
        await self._there(self._lease.release())

    async def close(self) -> None:
        """End the thread."""
        if self._beating is not None:
            self._beating.cancel()
        await self._there(self._elector.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _there(self, work: Coroutine[Any, Any, Result]) -> Result:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _beat(self) -> None:
        while True:
            self._beaten = self._clock.monotonic()
            await asyncio.sleep(BEAT_SECONDS)

    async def _keep(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lease.keep(), name="renewals")
            group.create_task(self._watch(), name="main loop")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            silent = self._clock.monotonic() - self._beaten
            if silent > DEAD_AFTER_SECONDS:
                log.error("the event loop does nothing; giving up the lease", seconds=round(silent))
                self._lease.give_up()
                raise NotLeader("the event loop does nothing")


async def _made(make: Callable[[], Elector]) -> Elector:
    return make()
