"""A fault proxy in front of the real API server: it causes network and server faults at a chosen moment.

The program under test gets the proxy's URL in its kubeconfig; its bearer token is passed through.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
from aiohttp import web
from yarl import URL

from tests.cluster.calls import Call
from tests.cluster.certificates import Pair
from tests.cluster.faults import ANY, Faults, error_line
from tests.cluster.serving import Served, abort, passed_on

T = TypeVar("T")

GRACE_SECONDS = 0.05  # seconds for the loop to notice that a killed client is gone, before the next write passes
READ_BUFFER_BYTES = 1 << 21  # a line of a watch contains a whole object


@dataclass(eq=False)
class OpenWatch:
    """An open watch."""

    call: Call
    """The request that opened it."""
    orders: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    """A last line to send before the stream ends, or None: cut the connection."""


class FaultProxy(Faults):
    """The proxy. Use it as a context manager, or call `start` and `stop`; methods may be called from any thread."""

    def __init__(self, upstream: str, ca_file: Path, *, tls: Pair | None = None) -> None:
        super().__init__()
        self.url = ""
        self.calls: list[Call] = []
        self._upstream, self._trusted = upstream, ssl.create_default_context(cafile=str(ca_file))
        self._served = Served(self._handle, tls=tls)
        self._watches: list[OpenWatch] = []
        self._passing, self._writing = asyncio.Event(), asyncio.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port; `url` says where."""
        self.url = self._served.start()
        self._served.call(self._open())

    def stop(self) -> None:
        """End all connections."""
        self._served.call(self._close())
        self._served.stop()

    def writes(self, *plurals: str) -> list[Call]:
        """Return the writes so far, to the given plurals or to all."""
        return [call for call in self.calls if call.is_write and (not plurals or call.plural in plurals)]

    def open_watches(self, plural: str = ANY) -> int:
        """Return how many watches are open."""
        return len(self._open_of(plural))

    def cut_watches(self, plural: str = ANY) -> int:
        """Break the connection of every open watch of a plural; return how many there were."""
        return self._served.call(self._run(lambda: self._order(plural, None)))

    def watch_error(self, code: int, plural: str = ANY) -> int:
        """Send an ERROR event (410: expired) into every open watch of a plural and end it; return how many.

        If none is open, the next one gets it.
        """
        hit = self._served.call(self._run(lambda: self._order(plural, error_line(code))))
        if not hit:
            self.error_on_next_watch(code, plural)
        return hit

    @contextmanager
    def blackhole(self) -> Iterator[None]:
        """Let nothing through in either direction; afterwards waiting requests continue, like retransmitted packets."""
        self._served.call(self._run(self._passing.clear))
        try:
            yield
        finally:
            self._served.call(self._run(self._passing.set))

    async def _run(self, action: Callable[[], T]) -> T:
        return action()

    async def _open(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._trusted, limit=0)
        endless = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=endless, auto_decompress=False, read_bufsize=READ_BUFFER_BYTES
        )
        self._passing.set()

    async def _close(self) -> None:
        self._order(ANY, None)
        await self._session.close()

    def _open_of(self, plural: str) -> list[OpenWatch]:
        return [watch for watch in self._watches if plural in (ANY, watch.call.plural)]

    def _order(self, plural: str, line: bytes | None) -> int:
        watches = self._open_of(plural)
        for watch in watches:
            watch.orders.put_nowait(line)
        return len(watches)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        agent, accept = (request.headers.get(name, "") for name in ("User-Agent", "Accept"))
        call = Call.read(request.method, request.path, request.query_string, agent, body, accept)
        self.calls.append(call)
        await self._passing.wait()
        answer = self.due_answer(call)
        if answer:
            call.status = answer.code
            return web.Response(
                status=answer.code, text=answer.text(), content_type="application/json", headers=answer.headers
            )
        try:
            return await (self._watch if call.verb == "watch" else self._exchange)(request, call, body)
        except aiohttp.ClientError:
            return abort(request)  # the server is down: the client sees what it would see without the proxy

    async def _exchange(self, request: web.Request, call: Call, body: bytes) -> web.StreamResponse:
        if call.is_write:
            response = await self._write(request, call, body)
        else:
            response = await self._pass_on(request, call, body)
        await self._passing.wait()
        return response

    async def _write(self, request: web.Request, call: Call, body: bytes) -> web.StreamResponse:
        """Let one write through at a time; the next writes of a client that is killed meanwhile do not pass."""
        await self._writing.acquire()
        work = asyncio.ensure_future(self._write_alone(request, call, body))
        # The kill cancels this task but not the write that caused it: the server has accepted it.
        return await asyncio.shield(work)

    async def _write_alone(self, request: web.Request, call: Call, body: bytes) -> web.StreamResponse:
        try:
            response = await self._pass_on(request, call, body)
            callbacks = self.due_callbacks(call) if response.status < 400 else []
            for callback in callbacks:
                await asyncio.get_running_loop().run_in_executor(None, callback)
                await asyncio.sleep(GRACE_SECONDS)
            return response
        finally:
            self._writing.release()

    async def _pass_on(self, request: web.Request, call: Call, body: bytes) -> web.StreamResponse:
        async with self._ask(request, body) as answer:
            content = await answer.read()
        call.status = answer.status
        return web.Response(status=answer.status, body=content, headers=passed_on(answer.headers))

    async def _watch(self, request: web.Request, call: Call, body: bytes) -> web.StreamResponse:
        async with self._ask(request, body) as answer:
            call.status = answer.status
            if answer.status != 200:
                content = await answer.read()
                return web.Response(status=answer.status, body=content, headers=passed_on(answer.headers))
            response = web.StreamResponse(status=200, headers=passed_on(answer.headers))
            await response.prepare(request)
            watch = OpenWatch(call)
            first = self.due_watch_error(call)
            if first:
                watch.orders.put_nowait(first)
            self._watches.append(watch)
            try:
                with suppress(ConnectionResetError):  # the client has closed the connection
                    return await self._stream(request, response, watch, answer.content)
            finally:
                self._watches.remove(watch)
            return response

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, watch: OpenWatch, source: aiohttp.StreamReader
    ) -> web.StreamResponse:
        """Pass lines on until the server or a fault ends the watch."""
        ordered = asyncio.ensure_future(watch.orders.get())
        reading = asyncio.ensure_future(source.readline())
        try:
            while True:
                await asyncio.wait({ordered, reading}, return_when=asyncio.FIRST_COMPLETED)
                await self._passing.wait()
                if ordered.done():
                    line = ordered.result()
                    if line is None:
                        return abort(request)
                    await response.write(line)
                    return response
                line = reading.result()
                if not line:
                    return response
                if not self.drops(watch.call, line):
                    await response.write(line)
                reading = asyncio.ensure_future(source.readline())
        finally:
            ordered.cancel()
            reading.cancel()

    def _ask(self, request: web.Request, body: bytes) -> "aiohttp.client._RequestContextManager":
        url = URL(self._upstream + request.raw_path, encoded=True)
        headers = passed_on(request.headers)
        return self._session.request(request.method, url, data=body or None, headers=headers, allow_redirects=False)
