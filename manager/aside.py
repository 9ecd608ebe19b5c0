"""What takes long to read, beside the event loop: one thing at a time, and its memory given back afterwards.

More threads would not be faster, as the interpreter is held, and each would have its own heap of what it has read.
"""

import asyncio
import ctypes
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")

TRIM_SECONDS = 5.0  # between two looks at what the heap can give back: it takes some milliseconds of the thread

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="aside")


class _Heap:
    """Gives freed memory back to the system, where the C library can."""

    def __init__(self) -> None:
        self._next = 0.0
        self._trim: Callable[[int], Any] | None = None
        with suppress(OSError, AttributeError):
            self._trim = ctypes.CDLL(None).malloc_trim

    def trim(self) -> None:
        if self._trim is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + TRIM_SECONDS
            self._trim(0)


_HEAP = _Heap()
_COLLECTING = threading.Lock()


async def aside(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, called in the thread for what takes long."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, _alone, work)


def _alone(work: Callable[[], Result]) -> Result:
    try:
        # A hundred thousand new objects would have the collector look at all there are, ten times, while the
        # interpreter is held; what is read from a text has no cycles.
        with _COLLECTING:
            gc.disable()
            try:
                return work()
            finally:
                gc.enable()
    finally:
        _HEAP.trim()
