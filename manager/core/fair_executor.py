"""Threads that namespaces share in turns: one with thousands of tasks delays only its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from manager.core.fair_share import FairQueue

T = TypeVar("T")


class FairExecutor:
    """Runs work in threads; if all are busy, namespaces take turns.

    Args:
        executor: the threads.
        threads: how many it has.
    """

    def __init__(self, executor: Executor, threads: int) -> None:
        self._executor = executor
        self._free = (
            2 * threads
        )  # one more queued for each thread: otherwise a thread idles until the event loop submits the next
        self._line: FairQueue[asyncio.Future[None]] = FairQueue()

    async def run(self, namespace: str, work: Callable[[], T]) -> T:
        """Return what `work` returns, called in a thread; its errors are raised here."""
        await self._turn(namespace)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._hand_over()

    async def _turn(self, namespace: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(namespace, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_over()  # the turn was given at this moment; without this it is lost
            raise

    def _hand_over(self) -> None:
        while (turn := self._line.popleft()) is not None:
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
