"""Reads for one viewer with Coffer's own rights, but only what the viewer may read too."""

import re
from collections.abc import Awaitable, Callable

from manager.core.errors import Forbidden
from manager.kube.client import KubeClient, Request
from manager.kube.connection import Connection
from manager.kube.resources import SUBJECT_ACCESS_REVIEWS, Body, Resource

Allowed = Callable[[str, Resource, str], Awaitable[bool]]
"""(verb, kind, namespace) -> whether the viewer may."""
NAMESPACED = re.compile(r"/namespaces/([^/]+)/")
READS = ("get", "list")


class ViewerClient(KubeClient):
    """A client whose every request needs the viewer's right to it; it changes nothing.

    Args:
        connection: Coffer's.
        agent: the User-Agent.
        allowed: asks what the viewer may.
    """

    def __init__(self, connection: Connection, agent: str, allowed: Allowed) -> None:
        super().__init__(connection, agent)
        self._allowed = allowed

    async def _call(self, request: Request) -> Body:
        """Send a request. Raises Forbidden if the viewer may not read that."""
        if request.resource is not SUBJECT_ACCESS_REVIEWS:  # by which an original is known; it tells the viewer nothing
            found = NAMESPACED.search(request.path) if request.resource.namespaced else None
            namespace = found.group(1) if found else ""
            if request.verb not in READS or not await self._allowed(request.verb, request.resource, namespace):
                raise Forbidden(403, "Forbidden", f"{request.verb} {request.place}")
        return await super()._call(request)
