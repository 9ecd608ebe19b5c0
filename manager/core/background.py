"""Run work that takes long, such as parsing a large text, in one thread, and return its memory afterwards.

Work that a watch waits for comes first: all objects of its resource wait behind it, other work holds one worker only.
More threads would not be faster, because such work holds the GIL, and each would keep a heap of its own.
"""

import asyncio
import gc
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from manager.core.heap import trim_heaps

Result = TypeVar("Result")

TRIM_SECONDS = 5.0  # between two trims of the heap: each takes the thread some milliseconds

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="aside")
_VIEWERS = ThreadPoolExecutor(1, thread_name_prefix="viewers")
_FIRST: deque[Callable[[], None]] = deque()
_THEN: deque[Callable[[], None]] = deque()


class _Trims:
    """Gives freed memory back now and then."""

    def __init__(self) -> None:
        self._next = 0.0

    def take(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + TRIM_SECONDS
            trim_heaps()


_TRIMS = _Trims()
_COLLECTING = threading.Lock()


class _Submitted(Generic[Result]):
    """Work, and the future of its result.

    An error's traceback holds the frames that it passed, and these hold the frames above. So no frame may hold the
    future that holds the error: only a full collection of garbage would free them and what they had read.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self.coming: Future[Result] = Future()
        self._work = work

    def run(self) -> None:
        """Do the work, unless its caller was cancelled before."""
        if not self.coming.set_running_or_notify_cancel():
            return
        try:
            self.coming.set_result(_alone(self._work))
        except BaseException as error:  # raised in the caller, as by an executor
            self.coming.set_exception(error)
            del self


async def in_background(work: Callable[[], Result], *, first: bool = False) -> Result:
    """Return the result of `work`, called in the background thread.

    Args:
        work: not started if its caller was cancelled before.
        first: run before all waiting work that is not `first`; for work that many objects wait for.

    """
    submitted = _Submitted(work)
    (_FIRST if first else _THEN).append(submitted.run)
    _THREAD.submit(_next)
    coming = asyncio.wrap_future(submitted.coming)
    del submitted
    try:
        return await coming
    finally:
        del coming


async def for_viewers(work: Callable[[], Result]) -> Result:
    """Return the result of `work`, called in the one thread for those who look at the status page.

    Objects of tenants wait behind no viewer, so it is not the background thread. Work whose caller was cancelled before
    it began is not done.
    """
    return await asyncio.get_running_loop().run_in_executor(_VIEWERS, work)


def _next() -> None:
    """Run the next work; submitted once for each call of in_background."""
    (_FIRST or _THEN).popleft()()


def _alone(work: Callable[[], Result]) -> Result:
    try:
        # A hundred thousand new objects would start ten full collections, which hold the GIL; objects that are parsed
        # from a text have no cycles.
        with _COLLECTING:
            gc.disable()
            try:
                return work()
            finally:
                gc.enable()
    finally:
        _TRIMS.take()
