"""Deadlines over whole calls of a provider: name, connection, headers and body together, however slowly they come.

The timeout of a socket restarts with every byte: a server that sends one every five seconds would hold a thread for
ever. Here another thread shuts the connection at the deadline.
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
    """One running call."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.over = False
        """Whether its time has passed."""
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def watch(self, connection: Any) -> None:
        """Shut this connection at the deadline.

        Keeps a second descriptor: wrapping in TLS takes the first one away before its handshake has ended.
        """
        other = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            self._sockets.append(other)
            if self.over:
                _shut(other)

    def end(self) -> None:
        """Stop watching its connections, which stay open."""
        with self._lock:
            for each in self._sockets:
                each.close()
            self._sockets.clear()

    def expire(self) -> None:
        """Shut its connections: reads that wait for them end."""
        with self._lock:
            self.over = True
            for each in self._sockets:
                _shut(each)


class _Clock:
    """A thread that ends calls at their deadlines; starts with the first call."""

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
    """Set a deadline for this thread; an outer one that comes earlier stays in force."""
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
    """Return work that runs with one deadline over all its calls."""

    def run() -> Result:
        with within(seconds):
            return work()

    return run


def watch(connection: Any) -> None:
    """Shut a connection at the deadline of this thread's call."""
    call: Call | None = getattr(_HERE, "call", None)
    if call is not None:
        call.watch(connection)


def watched_socket(connection: socket.socket) -> socket.socket:
    """Put a new connection under the deadline of this thread's call, and return it."""
    watch(connection)
    return connection


def watch_reused(connection: Any) -> None:
    """Put a connection that an earlier request left open under the deadline of this one."""
    if connection.sock is not None:
        watch(connection.sock)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
