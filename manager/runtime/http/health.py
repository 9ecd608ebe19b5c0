"""Serve /healthz and /readyz, and bound what callers of our ports can use."""

import asyncio
import errno
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

import structlog
from aiohttp import web

from manager.core.errors import SettingsError
from manager.settings.forms import listen_address

log = structlog.get_logger(__name__)

Check = Callable[[], str]
"""Returns what is wrong, empty if nothing is."""

MAX_CONNECTIONS = 256  # of one port: any Pod may open them, and without file descriptors all other work stops
MAX_OPEN_FILES = 65_536  # enough for the connections that a flood opens between two checks
CONNECTION_CHECK_SECONDS = 1.0  # between two checks of their number
MAX_BODY_BYTES = 1024 * 1024  # sealed's /v1 endpoints take one SealedSecret, which has at most as many


class Health:
    """Answers probes from checks that cost nothing; a blocked event loop fails them by not answering.

    Args:
        live: name -> check; of faults that a restart mends.
        ready: name -> check; of what a replica needs to serve. A standby is ready too, or a rolling update never ends.
    """

    def __init__(self, live: Mapping[str, Check], ready: Mapping[str, Check]) -> None:
        self._live = dict(live)
        self._ready = dict(ready)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints: our own paths and those of the replaced systems."""
        return [
            web.get("/healthz", self._healthz),
            web.get("/livez", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/health/live", self._healthz),
            web.get("/health/ready", self._readyz),
        ]

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _answer(self._live)

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _answer(self._ready)


def _answer(checks: Mapping[str, Check]) -> web.Response:
    wrong = {name: text for name, text in ((name, check()) for name, check in checks.items()) if text}
    if not wrong:
        return web.Response(text="ok\n")
    return web.Response(status=503, text="".join(f"{name}: {text}\n" for name, text in wrong.items()))


def allow_files() -> None:
    """Raise the limit of open files as far as the system permits, because connections of callers use some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


async def serve(address: str, routes: Iterable[web.RouteDef], tls: ssl.SSLContext | None = None) -> web.AppRunner:
    """Listen on `host:port` (an empty host: all addresses); close the oldest connections if there are too many.

    With `tls` the port speaks HTTPS.

    Raises SettingsError if the address cannot be used.
    """
    try:
        host, port = listen_address(address)
    except ValueError as error:
        raise SettingsError(f"cannot listen: {error}") from None
    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    async def bounded(_application: web.Application) -> AsyncIterator[None]:
        bounding = asyncio.create_task(_bound(runner), name="connections")
        yield
        bounding.cancel()

    application.cleanup_ctx.append(bounded)
    await runner.setup()
    try:
        await web.TCPSite(runner, host or None, port, ssl_context=tls).start()
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(f"cannot listen on {address}: {_why(error)}") from None
    return runner


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "this machine knows no such host; write :PORT to listen on all addresses"
    if error.errno in (errno.EADDRNOTAVAIL, None):  # newer versions of asyncio give no number for it
        return "this machine has no such address"
    # asyncio puts its own text, with the address, in place of the system's.
    return os.strerror(error.errno or 0).lower() if error.errno in errno.errorcode else "the address cannot be used"


async def _bound(runner: web.AppRunner) -> None:
    while True:
        await asyncio.sleep(CONNECTION_CHECK_SECONDS)
        for connection in runner.server.connections[:-MAX_CONNECTIONS] if runner.server else ():
            connection.force_close()
