"""The addresses of the API servers of this cluster, from the EndpointSlice that they publish."""

import asyncio

import structlog

from manager.core.clock import Clock
from manager.core.errors import ApiError
from manager.kube.client import KubeClient
from manager.kube.resources import Body, Key, Resource

ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
API_SERVERS = Key(ENDPOINT_SLICES, "default", "kubernetes")  # every API server maintains its own address in it
REFRESH_SECONDS = 60.0  # between two reads: an address may move to another owner
RETRY_SECONDS = 5.0  # until the next read after a failure

log = structlog.get_logger(__name__)


def published_in(scope: frozenset[str] | None) -> bool:
    """Return True if an installation that is limited to these namespaces (None: not limited) may read the addresses."""
    return scope is None or API_SERVERS.namespace in scope


class ApiServers:
    """The addresses, read on demand and at most once a minute.

    Args:
        client: the API server.
        clock: counts the minute.
        readable: whether they may be read; otherwise they stay unknown.
    """

    def __init__(self, client: KubeClient, clock: Clock, *, readable: bool = True) -> None:
        self._readable = readable
        self._client = client
        self._clock = clock
        self._next = float("-inf")
        self._lock = asyncio.Lock()
        self.known: frozenset[str] = frozenset()
        """The addresses that were read last; empty if we may not read them."""

    async def include(self, peer: str) -> bool:
        """Return True if an API server has this address; False if that is unknown."""
        await self.look()
        return peer in self.known

    async def look(self) -> None:
        """Read the addresses if the last read is too old."""
        async with self._lock:
            if self._readable and self._clock.monotonic() >= self._next:
                pause = REFRESH_SECONDS if await self._read() else RETRY_SECONDS
                self._next = self._clock.monotonic() + pause

    async def _read(self) -> bool:
        try:
            self.known = _addresses(await self._client.get(API_SERVERS))
        except ApiError as error:
            log.warning("the API server's addresses cannot be read", status=error.status)
            return False
        return True


def _addresses(slice_of: Body) -> frozenset[str]:
    endpoints = slice_of.get("endpoints") or []
    return frozenset(address for each in endpoints for address in each.get("addresses") or [])
