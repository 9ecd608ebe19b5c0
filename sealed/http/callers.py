"""Identify the callers of /v1/verify and /v1/rotate, and check their rights."""

import ipaddress
from collections.abc import Iterable

import structlog
from aiohttp import web

from manager.kube.api_servers import ApiServers
from manager.kube.client import KubeClient
from manager.kube.token_check import TokenCheck

log = structlog.get_logger(__name__)


class Callers:
    """Names callers by their address, and checks their tokens if the settings require it.

    Args:
        published: the addresses of the API servers.
        client: asks about tokens.
        proxies: networks of the API server's proxy, if they are not the addresses that it publishes. X-Forwarded-For
            counts from there only, and only its last hop, which the API server adds itself.
        require_token: a caller needs the right to `post` the path, a nonResourceURL. The API server's service proxy
            removes tokens, so callers through it are refused then.
    """

    def __init__(
        self, published: ApiServers, client: KubeClient, proxies: Iterable[str], *, require_token: bool
    ) -> None:
        self._tokens = TokenCheck(client, "post")
        self._published = published
        self._require_token = require_token
        self._proxies = [ipaddress.ip_network(each, strict=False) for each in proxies]

    async def name(self, request: web.Request) -> str:
        """Return the caller for whom a request counts."""
        peer = request.remote or ""
        hops = ",".join(request.headers.getall("X-Forwarded-For", []))
        last = hops.rpartition(",")[2].strip()
        return f"{peer} for {last}" if _address(last) is not None and await self._trusted(peer) else peer

    async def refusal(self, request: web.Request) -> int:
        """Return 401 or 403 for a caller without rights, 503 if they cannot be checked, otherwise 0."""
        if not self._require_token:
            return 0
        return await self._tokens.refusal(request.headers.get("Authorization", ""), request.path)

    async def _trusted(self, peer: str) -> bool:
        if not self._proxies:
            return await self._published.include(peer)
        address = _address(peer)
        return address is not None and any(address in network for network in self._proxies)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an address; return None for other text, which callers could make megabytes long."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
