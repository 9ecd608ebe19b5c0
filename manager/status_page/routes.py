"""The endpoints of the page: its files for everyone, what it tells for viewers with the rights to it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from types import MappingProxyType

import structlog
from aiohttp import web

from manager import VERSION
from manager.core.clock import Clock
from manager.core.errors import ApiError, Forbidden
from manager.kube.client import KubeClient
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Resource
from manager.kube.token_check import FORBIDDEN, UNAVAILABLE
from manager.settings.model import Settings
from manager.status_page.explaining import NAMESPACE, PageExplainer
from manager.status_page.observed import Observer, shown_in
from manager.status_page.overview import KindOverview, Overview
from manager.status_page.viewers import Refused, Viewer, Viewers

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
)
Answer = Callable[[web.Request, Viewer], Awaitable[str]]
"""Returns JSON."""

log = structlog.get_logger(__name__)


class StatusPage:
    """Serves the page on every replica; reads only, and names only.

    Args:
        client: Coffer's.
        clock: the process's.
        settings: the process's.
        own: Coffer's namespace.
    """

    def __init__(self, client: KubeClient, clock: Clock, settings: Settings, own: str) -> None:
        self._viewers = Viewers(client, clock)
        self._observer = Observer(client, clock)
        self._clock = clock
        self._explainer = PageExplainer(client.connection, self._viewers, settings, own)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            *(web.get(path, _file(name)) for path, name in _files()),
            web.get("/v1/status", self._for_viewers(self._status)),
            web.get("/v1/explain", self._for_viewers(self._explainer.answer)),
        ]

    def _for_viewers(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answered(request: web.Request) -> web.Response:
            try:
                viewer = await self._viewers.admitted(request.headers.get("Authorization", ""))
                return web.json_response(text=await answer(request, viewer), headers=HEADERS)
            except Refused as refused:
                return web.Response(status=refused.status, headers=HEADERS)
            except ApiError as error:
                log.warning("status page could not read", error=type(error).__name__)
                return web.Response(status=UNAVAILABLE, headers=HEADERS)

        return answered

    async def _status(self, request: web.Request, viewer: Viewer) -> str:
        namespace = request.query.get("namespace", "")
        if namespace and NAMESPACE.fullmatch(namespace) is None:
            raise Refused(400)
        kinds: dict[Resource, KindOverview] = {}
        hidden: list[Resource] = []
        for resource in shown_in(namespace):
            if not await self._viewers.may(viewer, "list", resource, namespace):
                hidden.append(resource)
                continue
            try:
                found = await self._observer.kind(resource, namespace)
            except Forbidden:  # a confined installation may not either
                hidden.append(resource)
                continue
            if found is not None:
                kinds[resource] = found
        if not kinds and hidden:
            raise Refused(FORBIDDEN)
        about = {"version": VERSION, "viewer": viewer.name, "namespace": namespace}
        overview = Overview(kinds, hidden, await self._stores(viewer, namespace))
        return json.dumps(about | overview.record(self._clock.now().timestamp()))

    async def _stores(self, viewer: Viewer, namespace: str) -> list[Resource]:
        """Return the kinds of stores that a viewer may list: what a namespace spends is known by cluster stores too."""
        places = {SECRET_STORES: namespace, CLUSTER_SECRET_STORES: ""}
        return [each for each, place in places.items() if await self._viewers.may(viewer, "list", each, place)]


def _files() -> list[tuple[str, str]]:
    """Return path and name of the page's files."""
    names = sorted(each.name for each in resources.files(__package__).joinpath("assets").iterdir())
    return [("/", "index.html"), *((f"/assets/{name}", name) for name in names if name != "index.html")]


def _file(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    suffix = name[name.rindex(".") :]
    content = resources.files(__package__).joinpath("assets", name).read_bytes()

    async def sent(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=TYPES[suffix], charset="utf-8", headers=HEADERS)

    return sent
