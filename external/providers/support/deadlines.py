"""Deadlines over whole calls of a provider: name, connection, headers and body together, however slowly they come.

The timeouts of a socket begin anew with every byte that arrives: a server that sends one every five seconds would hold
a thread for ever. Here the connection is shut when the time is over, from another thread.
"""

import heapq
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, TypeVar

Result = TypeVar("Result")


class Call:
    """One call under way."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.over = False
        """Whether its time has passed."""
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def watch(self, connection: Any) -> None:
        """Shut this connection at the deadline.

        Another descriptor of it is kept: TLS takes the first away, and is in the middle of its handshake meanwhile.
        """
        other = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            self._sockets.append(other)
            if self.over:
                _shut(other)

    def end(self) -> None:
        """Let its connections live."""
        with self._lock:
            for each in self._sockets:
                each.close()
            self._sockets.clear()

    def expire(self) -> None:
        """Shut its connections: whoever waits for them wakes up."""
        with self._lock:
            self.over = True
            for each in self._sockets:
                _shut(each)


class _Clock:
    """One thread that ends calls at their time; started with the first."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._calls: list[tuple[float, int, Call]] = []
        self._numbers = count()
        self._thread: threading.Thread | None = None

    def add(self, call: Call) -> None:
        with self._wake:
            heapq.heappush(self._calls, (call.until, next(self._numbers), call))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            self._wake.notify()

    def remove(self, call: Call) -> None:
        with self._wake:
            self._calls = [each for each in self._calls if each[2] is not call]
            heapq.heapify(self._calls)

    def _run(self) -> None:
        while True:
            with self._wake:
                wait = self._calls[0][0] - time.monotonic() if self._calls else None
                if wait is None or wait > 0:
                    self._wake.wait(wait)
                    continue
                _, _, call = heapq.heappop(self._calls)
            call.expire()


_CLOCK = _Clock()
_HERE = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[Call]:
    """Give what this thread does so many seconds, or what is left of those that it has already."""
    outer: Call | None = getattr(_HERE, "call", None)
    call = Call(min(time.monotonic() + seconds, outer.until if outer is not None else float("inf")))
    _CLOCK.add(call)
    _HERE.call = call
    try:
        yield call
    finally:
        _HERE.call = outer
        _CLOCK.remove(call)
        call.end()


def limited(seconds: float, work: Callable[[], Result]) -> Callable[[], Result]:
    """Return work for a thread that has a deadline over all that it asks."""

    def run() -> Result:
        with within(seconds):
            return work()

    return run


def watch(connection: Any) -> None:
    """Shut a connection when the time of this thread's call is over."""
    call: Call | None = getattr(_HERE, "call", None)
    if call is not None:
        call.watch(connection)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
