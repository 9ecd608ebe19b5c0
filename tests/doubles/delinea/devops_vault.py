"""Delinea DevOps Secrets Vault, one tenant.

Written from "DevOps Secrets Vault API" v1: POST /token with client_credentials (`accessToken`, `expiresIn`; 401 for
wrong ones); GET /secrets/PATH with id, path, attributes, description, data, version; 404, 403 and 401 with `code` and
`message`.
"""

from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

from tests.doubles.double import Double


class DevOpsVault(Double):
    """One tenant with one client; use it as a context manager."""

    tenant, tld, client, secret = "acme", "eu", "client-of-robot", "hunter2-hunter2"

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, Any] = {}
        """Path -> data."""
        self.denied: set[str] = set()
        """Paths that the client may not read."""
        self.tokens: set[str] = set()
        self._logins = 0

    def __enter__(self) -> Self:
        super().__enter__()
        self.template = f"{self.url}/%s/%s/v1/%s%s"
        return self

    async def answer(self, request: web.Request) -> web.StreamResponse:
        base = f"/{self.tenant}/{self.tld}/v1/"
        path = request.raw_path.removeprefix(base)
        if not request.raw_path.startswith(base):
            return _error(404, "no such tenant")
        if path == "token":
            return self._login(await request.json())
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error(401, "unable to authenticate")
        self.calls[f"{request.method} {path.partition('/')[0]}"] += 1
        named = "/".join(unquote(step) for step in path.removeprefix("secrets/").split("/"))
        if named in self.denied:
            return _error(403, "Invalid permissions")
        if named not in self.secrets:
            return _error(404, "unable to find item with specified identifier")
        about = {"id": "1", "path": named.replace("/", ":"), "attributes": {}, "description": "", "version": "0"}
        return web.json_response({**about, "data": self.secrets[named]})

    def _login(self, body: dict[str, str]) -> web.Response:
        wanted = {"grant_type": "client_credentials", "client_id": self.client, "client_secret": self.secret}
        if body != wanted:
            return _error(401, "unable to authenticate")
        self._logins += 1
        token = f"issued-{self._logins}"
        self.tokens.add(token)
        return web.json_response({"accessToken": token, "tokenType": "bearer", "expiresIn": 3600})


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"code": status, "message": message}, status=status)
