"""Keeps the lease in a thread with an event loop of its own: work on the main one delays no renewal.

Only as long as the main one lives: a process that does nothing any more must lose the lease, whoever still renews it.
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

BEAT_SECONDS = 1.0  # between two signs of life of the main loop
DEAD_AFTER_SECONDS = 30.0  # without a sign of life; the liveness probe of the chart gives up after as long

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Elector:
    """What is made in the thread: its requests belong to that thread's loop."""

    lease: Lease
    close: Callable[[], Coroutine[Any, Any, None]]


class LeaseThread:
    """The lease, as the main loop sees it.

    Args:
        make: called in the thread.
        clock: whose monotonic seconds the signs of life are in.
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
        """Whether this replica may write now."""
        return self._lease.held

    def certain(self) -> None:
        """Raise NotLeader unless this replica may write; safe in any thread."""
        self._lease.certain()

    def alive(self) -> bool:
        """Tell whether the election has had an answer from the API server lately."""
        return self._lease.alive()

    async def acquire(self) -> None:
        """Wait until this replica holds the lease."""
        self._beating = self._beating or asyncio.create_task(self._beat(), name="signs of life")
        await self._there(self._lease.acquire())

    async def keep(self) -> None:
        """Renew for ever. Raises NotLeader when the lease is lost, or when the main loop shows no life."""
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
