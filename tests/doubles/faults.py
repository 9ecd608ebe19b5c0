"""Faults that a double shows instead of its answers: statuses, pages, halves, silence."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from tests.cluster.serving import abort

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Faults:
    """What the next requests get; used from the test's thread while the server runs."""

    waiting: list[tuple[str, Fault]] = field(default_factory=list)
    """Text that must be in the path, and the fault; each serves one request."""
    always: list[tuple[str, Fault]] = field(default_factory=list)
    """The same for every request."""

    def next(self, fault: Fault, path: str = "", times: int = 1) -> None:
        """Show a fault to the next requests whose path has a text."""
        self.waiting += [(path, fault)] * times

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """Return what to answer instead, None where no fault is due."""
        for number, (path, fault) in enumerate(self.waiting):
            if path in request.path:
                del self.waiting[number]
                return await fault(request)
        for path, fault in self.always:
            if path in request.path:
                return await fault(request)
        return None

    def clear(self) -> None:
        """End all faults."""
        self.waiting.clear()
        self.always.clear()


def status(code: int, body: str = "", content_type: str = "application/json", **headers: str) -> Fault:
    """Answer with a status and a body; in names of headers `_` is a dash."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=body, content_type=content_type, headers=named)

    return answer


def page() -> Fault:
    """Answer with the page of a proxy that logs people in: it is a success."""
    return status(200, "<html><body>Please sign in: canary-page</body></html>", "text/html")


async def cut(request: web.Request) -> web.StreamResponse:
    """End the connection before the answer."""
    return abort(request)


async def half(request: web.Request) -> web.StreamResponse:
    """Send half of a body and end the connection."""
    answer = web.StreamResponse(headers={"Content-Length": "400", "Content-Type": "application/json"})
    await answer.prepare(request)
    await answer.write(b'{"value": "canary-ha')
    abort(request)
    return answer


async def silent(request: web.Request) -> web.StreamResponse:
    """Answer after the client has gone."""
    del request
    await asyncio.Event().wait()
    raise AssertionError("nobody waits for ever")
