"""What takes long to read, beside the event loop: one thing at a time, and its memory given back afterwards.

What a watch waits for comes first: behind it are the objects of everybody, and behind the rest only one worker's key.

More threads would not be faster, as the interpreter is held, and each would have its own heap of what it has read.
"""

import asyncio
import ctypes
import gc
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")

TRIM_SECONDS = 5.0  # between two looks at what the heap can give back: it takes some milliseconds of the thread

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="aside")
_FIRST: deque[Callable[[], None]] = deque()
_THEN: deque[Callable[[], None]] = deque()


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


async def in_background(work: Callable[[], Result], *, first: bool = False) -> Result:
    """Return what `work` returns, called in the thread for what takes long.

    Args:
        work: what to do; it is not begun where nobody waits for it any more.
        first: before everything that waits and is not: for what many others wait behind.

    """
    coming: Future[Result] = Future()

    def run() -> None:
        if coming.set_running_or_notify_cancel():
            try:
                coming.set_result(_alone(work))
            except BaseException as error:  # whoever waits gets it, as from an executor
                coming.set_exception(error)

    (_FIRST if first else _THEN).append(run)
    _THREAD.submit(_next)
    return await asyncio.wrap_future(coming)


def _next() -> None:
    """Do what comes first now; it is called once for each that was put in."""
    (_FIRST or _THEN).popleft()()


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
