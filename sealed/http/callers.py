"""Identify the callers of /v1/verify and /v1/rotate, and check their rights."""

import ipaddress
from collections.abc import Iterable
from typing import Any

import structlog
from aiohttp import web

from manager.core.errors import ApiError, SettingsError
from manager.kube.api_servers import ApiServers
from manager.kube.client import KubeClient
from manager.kube.resources import SUBJECT_ACCESS_REVIEWS, Resource

TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)

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

    Raises:
        SettingsError: an entry of `proxies` is no network.

    """

    def __init__(
        self, published: ApiServers, client: KubeClient, proxies: Iterable[str], *, require_token: bool
    ) -> None:
        self._client = client
        self._published = published
        self._require_token = require_token
        try:
            self._proxies = [ipaddress.ip_network(each, strict=False) for each in proxies]
        except ValueError as error:
            raise SettingsError("sealed.proxies: not a network like 10.0.0.0/24") from error

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
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return 401
        try:
            user = await self._user(token.strip())
            return 401 if user is None else 0 if await self._may(user, request.path) else 403
        except ApiError:
            return 503

    async def _trusted(self, peer: str) -> bool:
        if not self._proxies:
            return await self._published.include(peer)
        address = _address(peer)
        return address is not None and any(address in network for network in self._proxies)

    async def _user(self, token: str) -> dict[str, Any] | None:
        review = {"apiVersion": TOKEN_REVIEWS.api_version, "kind": TOKEN_REVIEWS.kind, "spec": {"token": token}}
        status = (await self._client.post(TOKEN_REVIEWS, TOKEN_REVIEWS.path(), review)).get("status") or {}
        return status.get("user") or {} if status.get("authenticated") else None

    async def _may(self, user: dict[str, Any], path: str) -> bool:
        spec = {
            "user": user.get("username", ""),
            "uid": user.get("uid", ""),
            "groups": user.get("groups") or [],
            "extra": user.get("extra") or {},
            "nonResourceAttributes": {"path": path, "verb": "post"},
        }
        review = {"apiVersion": SUBJECT_ACCESS_REVIEWS.api_version, "kind": SUBJECT_ACCESS_REVIEWS.kind, "spec": spec}
        answer = await self._client.post(SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS.path(), review)
        return bool((answer.get("status") or {}).get("allowed"))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an address; return None for other text, which callers could make megabytes long."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
