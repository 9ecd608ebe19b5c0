"""Ends renders that run too long: while any runs, a thread advances the engine's epoch; otherwise nothing ticks."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

TICK_SECONDS: Final = 0.05


class Watchdog:
    """Counts the renders that run; `advance` is called every tick as long as there is one."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self._advance = advance
        self._running = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Tick while the body runs."""
        with self._changed:
            self._running += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._tick, name="gotemplate-watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1

    @staticmethod
    def ticks(seconds: float) -> int:
        """Return the epochs after which so many seconds have surely passed."""
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
        """Wait one tick whole: a render that starts meanwhile must not shorten the time of those that run."""
        end = time.monotonic() + TICK_SECONDS
        while not self._closed and (left := end - time.monotonic()) > 0:
            self._changed.wait(left)
