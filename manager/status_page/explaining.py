"""Explains one object to a viewer: what this viewer may read of its chain."""

import asyncio
import json
import re
from collections.abc import Mapping
from functools import partial

from aiohttp import web

from manager import VERSION
from manager.chain.explained import explained
from manager.chain.record import record
from manager.chain.subjects import subject
from manager.core.background import for_viewers
from manager.core.errors import Forbidden, SettingsError
from manager.core.fair_share import FairSemaphore
from manager.kube.connection import Connection
from manager.kube.resources import Key
from manager.kube.token_check import FORBIDDEN, UNAVAILABLE
from manager.settings.model import Settings
from manager.status_page.viewer_client import ViewerClient
from manager.status_page.viewers import TOO_MANY, Refused, Viewer, Viewers

NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME = re.compile(r"[a-z0-9][-.a-z0-9]{0,252}")
EXPLANATIONS, EXPLANATIONS_OF_VIEWER = 2, 1  # at a time: each holds the workloads of a namespace
MAX_BYTES = 8 << 20  # of the objects that an explanation looks at; parsed they take a few times as much
MAX_SECONDS = 20.0  # of an explanation


class PageExplainer:
    """Answers /v1/explain.

    Args:
        connection: Coffer's.
        viewers: tells what a viewer may read.
        settings: the process's.
        own: Coffer's namespace.
    """

    def __init__(self, connection: Connection, viewers: Viewers, settings: Settings, own: str) -> None:
        self._connection = connection
        self._viewers = viewers
        self._settings = settings
        self._own = own
        self._places = FairSemaphore(EXPLANATIONS, EXPLANATIONS_OF_VIEWER)

    async def answer(self, request: web.Request, viewer: Viewer) -> str:
        """Explain the object that a request names, as JSON. Raises Refused and ApiError."""
        asked = named(request.query)
        if not await self._viewers.may(viewer, "get", asked[1].resource, asked[1].namespace):
            raise Refused(FORBIDDEN)  # before a place is taken: those without a right would keep others waiting
        if not self._places.take_now(viewer.name):
            raise Refused(TOO_MANY)
        try:
            async with asyncio.timeout(MAX_SECONDS):
                return await self._explained(asked, viewer)
        except TimeoutError:
            raise Refused(UNAVAILABLE) from None
        except Forbidden:
            raise Refused(FORBIDDEN) from None
        finally:
            self._places.release(viewer.name)

    async def _explained(self, asked: tuple[str, Key], viewer: Viewer) -> str:
        client = ViewerClient(self._connection, f"coffer/{VERSION}", partial(self._viewers.may, viewer))
        try:
            found = await explained(client, self._settings, self._own, asked, budget=MAX_BYTES)
            return await for_viewers(lambda: json.dumps(record(found)))
        finally:
            await client.close()


def named(query: Mapping[str, str]) -> tuple[str, Key]:
    """Return the object that a query names. Raises Refused: 400."""
    kind, namespace, name = (query.get(each, "") for each in ("kind", "namespace", "name"))
    if (namespace and NAMESPACE.fullmatch(namespace) is None) or NAME.fullmatch(name) is None:
        raise Refused(400)
    try:
        return subject(kind, name, namespace)
    except SettingsError:
        raise Refused(400) from None
