"""Reads the namespaces of a process that is limited to some: a Role gives no right to list or to watch them."""

import structlog

from manager.core.errors import ApiError, Forbidden
from manager.kube.client import KubeClient
from manager.kube.resources import NAMESPACES, Body, Key
from manager.runtime.informer import Informer

log = structlog.get_logger(__name__)


class NamespacesByName:
    """Tells the informer of its namespaces; each is read whenever they are looked at."""

    def __init__(self, client: KubeClient, informer: Informer) -> None:
        self._client = client
        self._informer = informer
        self._known: dict[str, Body] = {}
        self._refused: set[str] = set()
        """Those whose refusal is logged already."""

    @property
    def needed(self) -> bool:
        """True if a module wants to know namespaces that cannot be watched."""
        return self._informer.confined and NAMESPACES in self._informer.resources

    async def look(self) -> None:
        """Read all of them; what has no answer now is read the next time."""
        try:
            await self.read()
        except ApiError as error:
            log.warning("namespaces not read", status=error.status)

    async def read(self) -> None:
        """Read all of them. Raises ApiError if one cannot be read; one that may not be read counts as absent.

        The API server refuses a namespace that does not exist: no Role in it gives the right.
        """
        for name in self._informer.namespaces:
            body = await self._find(name)
            if body is not None:
                self._known[name] = body
                self._informer.observe(NAMESPACES, None, body)
            elif name in self._known:
                self._informer.observe(NAMESPACES, "DELETED", self._known.pop(name))

    async def _find(self, name: str) -> Body | None:
        try:
            body = await self._client.find(Key(NAMESPACES, "", name))
        except Forbidden:
            if name not in self._refused:
                log.error("namespace may not be read; nothing is mirrored into it", namespace=name)
            self._refused.add(name)
            return None
        self._refused.discard(name)
        return body
