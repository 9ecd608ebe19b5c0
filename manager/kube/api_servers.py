"""The addresses of the API servers of this cluster, as each of them publishes its own."""

import asyncio

import structlog

from manager.core.clock import Clock
from manager.core.errors import ApiError
from manager.kube.client import KubeClient
from manager.kube.resources import Body, Key, Resource

ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
API_SERVERS = Key(ENDPOINT_SLICES, "default", "kubernetes")  # every API server keeps its own address in it
ASK_AGAIN = 60.0  # seconds between two looks at it, whoever comes: an address may have a new owner
AFTER_FAILURE = 5.0  # seconds until the next look when it could not be read

log = structlog.get_logger(__name__)


class ApiServers:
    """The addresses, asked for when somebody wants to know, now and then."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._next = float("-inf")
        self._lock = asyncio.Lock()
        self.known: frozenset[str] = frozenset()
        """Those that were read last; empty where they may not be read."""

    async def include(self, peer: str) -> bool:
        """Tell whether an API server has this address; where that cannot be found out, it has not."""
        await self.look()
        return peer in self.known

    async def look(self) -> None:
        """Read them, unless that was done lately."""
        async with self._lock:
            if self._clock.monotonic() >= self._next:
                pause = ASK_AGAIN if await self._read() else AFTER_FAILURE
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
