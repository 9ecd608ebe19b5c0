"""Measure how long work holds the event loop, and by how much the loop is late."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

BEAT_SECONDS = 0.05
REMEMBERED_SECONDS = 60.0

Result = TypeVar("Result")


class LoopTime(Generic[Result]):
    """Awaits a coroutine and counts the seconds in which its own steps run.

    Tasks that it starts and threads that it waits for are not counted.

    Nothing here keeps an error, or the future that holds it, while it passes: its traceback holds these frames, and
    only a full collection would free them and what the work had read.
    """

    def __init__(self, work: Awaitable[Result], clock: Callable[[], float] = time.perf_counter) -> None:
        self._work = work
        self._clock = clock
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, Result]:
        steps: Any = self._work.__await__()
        given, error = None, None
        while True:
            began = self._clock()
            try:
                waited_for = _resumed(steps, given, error)
            except StopIteration as end:
                result: Result = end.value
                return result
            finally:
                self.seconds += self._clock() - began
                error = None
            try:
                given = yield waited_for
            except BaseException as raised:
                error = raised
            finally:
                del waited_for


def _resumed(steps: Any, given: object, error: BaseException | None) -> Any:
    try:
        if error is not None:
            return steps.throw(error)
        return next(steps) if given is None else steps.send(given)
    finally:
        del error


class LoopPauses:
    """Sleeps repeatedly and measures by how much it wakes up too late."""

    def __init__(self) -> None:
        self._pauses: deque[tuple[float, float]] = deque()
        """Times and pauses, each longer than all later ones: a shorter earlier one can never be the longest again."""

    async def run(self) -> None:
        """Measure without end."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
            self.note(time.monotonic(), time.monotonic() - began - BEAT_SECONDS)

    def note(self, now: float, pause: float) -> None:
        """Add one pause."""
        while self._pauses and self._pauses[-1][1] <= pause:
            self._pauses.pop()
        self._pauses.append((now, max(0.0, pause)))
        while now - self._pauses[0][0] > REMEMBERED_SECONDS:
            self._pauses.popleft()

    def longest(self) -> float:
        """Return the longest pause of the last minute, in seconds."""
        return self._pauses[0][1] if self._pauses else 0.0
