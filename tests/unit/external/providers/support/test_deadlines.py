"""Servers that are slow in every way in which one can be: no call outlives its deadline, and its connection is shut."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from external.providers.protocol import ProviderUnavailable
from external.providers.support import deadlines
from external.providers.support.deadlines import limited, within
from external.providers.support.egress import EgressPolicy
from external.providers.support.guarded_session import GuardedSession

Behave = Callable[[socket.socket, threading.Event], None]


def drip(*parts: bytes) -> Behave:
    """Return a server that says something, then a byte at a time for ever."""

    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65_536)
        for part in parts:
            connection.sendall(part)
        while not over.wait(0.01):
            connection.sendall(b"x")

    return behave


def silent(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)
    over.wait()


def greets_slowly(connection: socket.socket, over: threading.Event) -> None:
    """Begin a TLS record of 16 KiB and never end it."""
    connection.recv(65_536)
    connection.sendall(b"\x16\x03\x03\x40\x00")
    while not over.wait(0.01):
        connection.sendall(b"\x02")


OK = b"HTTP/1.1 200 OK\r\n"
SLOW: dict[str, Behave] = {
    "headers": drip(OK + b"X-Long: "),
    "many headers": drip(OK, b"X-A: b\r\nX-B: "),
    "body with a length": drip(OK + b"Content-Length: 1000000\r\n\r\n"),
    "body without a length": drip(OK + b"\r\n"),
    "chunks": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 3, b"fffff\r\n"),
    "nothing": silent,
    "status": drip(b"HTTP/1.1 200 "),
}


class Server:
    def __init__(self, behave: Behave) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.over, self.closed = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(behave,), daemon=True)
        self.thread.start()

    def _serve(self, behave: Behave) -> None:
        with suppress(OSError):
            connection, _ = self.listener.accept()
            with connection:
                try:
                    behave(connection, self.over)
                except OSError:
                    self.closed.set()

    def end(self) -> None:
        self.over.set()
        self.listener.close()
        self.thread.join(5)


@pytest.fixture
def serve() -> Iterator[Callable[[Behave], Server]]:
    started: list[Server] = []

    def start(behave: Behave) -> Server:
        started.append(Server(behave))
        return started[-1]

    yield start
    for each in started:
        each.end()


def session(seconds: float, context: Any = None) -> GuardedSession:
    return GuardedSession(EgressPolicy(everything=True), context, seconds, 8 << 20)


@pytest.mark.parametrize("behave", SLOW.values(), ids=list(SLOW))
def test_a_slow_answer_and_its_connection_end_at_the_deadline(
    serve: Callable[[Behave], Server], behave: Behave
) -> None:
    server = serve(behave)

    with session(0.3) as asking, pytest.raises(ProviderUnavailable, match=r"no whole answer within 0\.3 s"):
        asking.get(f"http://127.0.0.1:{server.port}/", timeout=(5, 5))

    assert behave is silent or server.closed.wait(5)


def test_a_handshake_that_never_ends_ends_at_the_deadline(serve: Callable[[Behave], Server]) -> None:
    server = serve(greets_slowly)

    with session(0.3, ssl.create_default_context()) as asking, pytest.raises(ProviderUnavailable, match="no whole"):
        asking.get(f"https://127.0.0.1:{server.port}/", timeout=(5, 5))
    assert server.closed.wait(5)


def test_all_requests_of_a_thread_share_its_deadline(serve: Callable[[Behave], Server]) -> None:
    first, second = serve(SLOW["headers"]), serve(SLOW["chunks"])

    def work() -> list[str]:
        said = []
        for server in (first, second):
            with session(60) as asking, pytest.raises(ProviderUnavailable):
                asking.get(f"http://127.0.0.1:{server.port}/", timeout=(5, 5))
            said.append("given up")
        return said

    assert limited(0.5, work)() == ["given up"] * 2  # each would have a minute of its own


def test_a_connection_that_is_used_again_has_a_deadline_too(serve: Callable[[Behave], Server]) -> None:
    def once_quick(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")
        drip(OK + b"X: ")(connection, over)

    server = serve(once_quick)
    with session(0.5) as asking:
        assert asking.get(f"http://127.0.0.1:{server.port}/", timeout=(5, 5)).text == "ok"
        with pytest.raises(ProviderUnavailable, match="no whole answer"):
            asking.get(f"http://127.0.0.1:{server.port}/", timeout=(5, 5))


def test_a_call_in_time_leaves_its_connection_open(
    serve: Callable[[Behave], Server],
) -> None:
    def quick(connection: socket.socket, over: threading.Event) -> None:
        for _ in range(2):
            connection.recv(65_536)
            connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")
        over.wait()

    server = serve(quick)
    with session(0.2) as asking:
        assert asking.get(f"http://127.0.0.1:{server.port}/", timeout=(5, 5)).text == "ok"
        assert deadlines._CLOCK._calls == []
        assert asking.get(f"http://127.0.0.1:{server.port}/", timeout=(5, 5)).text == "ok"
    assert deadlines._CLOCK._calls == []


def test_an_error_in_time_is_its_own() -> None:
    with within(60), session(60) as asking, pytest.raises(requests.ConnectionError):
        asking.get("http://127.0.0.1:1/", timeout=(5, 5))
