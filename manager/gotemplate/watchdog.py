"""End renders that run too long: while any runs, a thread advances the engine's epoch.

The processor time of the render that gets most of it counts, so a template has its two seconds on a busy node too. A
render that gets hardly any is ended by the clock.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

TICK_SECONDS: Final = 0.05
MAX_STRETCH: Final = 5  # a tick by the clock is at most so many times a tick of processor time


class Watchdog:
    """Counts the renders that run; `advance` is called every tick as long as there is one."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self._advance = advance
        self._running: dict[int, float] = {}
        """The processor clock of each rendering thread, and its last reading."""
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Tick while the body runs, by the processor time of this thread."""
        clock = time.pthread_getcpuclockid(threading.get_ident())
        with self._changed:
            self._running[clock] = time.clock_gettime(clock)
            if self._thread is None:
                self._thread = threading.Thread(target=self._tick, name="gotemplate-watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                del self._running[clock]

    @staticmethod
    def ticks(seconds: float) -> int:
        """Return the number of epochs after which so many seconds have certainly passed."""
        return math.ceil(seconds / TICK_SECONDS) + 1

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _tick(self) -> None:
        with self._changed:
            while not self._closed:
                if self._running:
                    self._until_the_next()
                    self._advance()
                else:
                    self._changed.wait()

    def _until_the_next(self) -> None:
        """Wait for one whole tick: a render that starts meanwhile must not shorten the time of others."""
        started, spent = time.monotonic(), 0.0
        while not self._closed and self._running and spent < TICK_SECONDS:
            self._changed.wait(max(TICK_SECONDS - spent, TICK_SECONDS / 10))
            spent += self._progress()
            if time.monotonic() - started >= MAX_STRETCH * TICK_SECONDS:
                return

    def _progress(self) -> float:
        """Return the processor time that the busiest render used since the last tick."""
        most = 0.0
        for clock, before in self._running.items():
            self._running[clock] = now = time.clock_gettime(clock)
            most = max(most, now - before)
        return most
