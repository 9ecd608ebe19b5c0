"""An HTTP server in a thread with its own event loop, for synchronous tests and other processes."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from tests.cluster.certificates import Pair

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 16 << 20  # ten times what etcd accepts


class Served:
    """Serves one handler on a free loopback port until stopped."""

    def __init__(self, handler: Handler, *, tls: Pair | None = None) -> None:
        self._handler, self._tls = handler, tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"serves {handler.__qualname__}", daemon=True
        )
        self._runner: web.AppRunner | None = None

    def start(self) -> str:
        """Start, and return the URL."""
        self._thread.start()
        return self.call(self._listen())

    def stop(self) -> None:
        """End open connections and the thread."""
        if self._runner:
            self.call(self._runner.cleanup())
        self.call(_closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> str:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        context = None
        if self._tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._tls.certificate, self._tls.key)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        host, port = self._runner.addresses[0][:2]
        return f"{'https' if self._tls else 'http'}://{host}:{port}"


async def _closed() -> None:
    """Let the loop close the sockets of what was cut: a socket that is closed by the collector fails another test."""
    for _ in range(20):
        await asyncio.sleep(0)


def passed_on(headers: Any) -> dict[str, str]:
    """Return the headers that a proxy passes on: all but those of the connection itself."""
    hop = {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te", "trailer"}
    return {name: value for name, value in headers.items() if name.lower() not in hop}


def abort(request: web.Request) -> web.Response:
    """Cut the connection, as a dying server does."""
    if request.transport:
        request.transport.abort()
    return web.Response()
