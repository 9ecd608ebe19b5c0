"""/healthz, /readyz and /metrics: red when something is stuck, and only then."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

import structlog
from aiohttp import web

from manager.core.errors import SettingsError

log = structlog.get_logger(__name__)

Check = Callable[[], str]
"""Returns what is wrong, empty when nothing is."""

MOST_CONNECTIONS = 256  # of one port; any Pod may open them, and without file descriptors nothing else goes on
MOST_FILES = 65_536  # what a flood opens between two looks must fit
LOOK = 1.0  # seconds between two looks at their number
BODY_LIMIT = 1024 * 1024  # bytes; sealed's /v1 endpoints take one SealedSecret (DESIGN.md 4a)


class Health:
    """Answers from checks that cost nothing; a blocked event loop cannot answer and is red by that.

    Args:
        live: name -> check; what a restart would mend.
        ready: name -> check; DESIGN.md 4a, 11.
    """

    def __init__(self, live: Mapping[str, Check], ready: Mapping[str, Check]) -> None:
        self._live = dict(live)
        self._ready = dict(ready)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints, with the paths of the replaced systems beside our own."""
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
    """Let the process open more files than a shell may, where the system permits: callers have a part of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


async def serve(address: str, routes: Iterable[web.RouteDef]) -> web.AppRunner:
    """Listen on `host:port` (an empty host: all); of too many connections the oldest are closed.

    Raises SettingsError when the address cannot be had.
    """
    host, _, port = address.rpartition(":")
    application = web.Application(client_max_size=BODY_LIMIT)
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    async def bounded(_application: web.Application) -> AsyncIterator[None]:
        bounding = asyncio.create_task(_bound(runner), name="connections")
        yield
        bounding.cancel()

    application.cleanup_ctx.append(bounded)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
    except (OSError, ValueError, OverflowError) as error:
        await runner.cleanup()
        raise SettingsError(f"cannot listen on {address}: {type(error).__name__}") from error
    return runner


async def _bound(runner: web.AppRunner) -> None:
    while True:
        await asyncio.sleep(LOOK)
        for connection in runner.server.connections[:-MOST_CONNECTIONS] if runner.server else ():
            connection.force_close()
