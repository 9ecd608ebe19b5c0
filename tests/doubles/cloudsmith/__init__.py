"""Cloudsmith: a token of a service account for a token of an OpenID Connect provider.

Written from "OpenID Connect (OIDC)": POST /openid/{organization}/ with `oidc_token` and `service_slug`; 201 with
`token`, 401 for a token that no provider setting of the service accepts.
"""

import time

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.tokens import issued

LIFE_SECONDS = 7200


class Cloudsmith:
    """One organization with one service account; use it as a context manager."""

    organization, service, trusted = "acme", "builder-ab12", "token-of-builder"

    def __enter__(self) -> "Cloudsmith":
        self._served = Served(self._handle)
        self.url = self._served.start()
        self.ends = int(time.time()) + LIFE_SECONDS
        self.token = issued(exp=self.ends)
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        if (request.method, request.path) != ("POST", f"/openid/{self.organization}/"):
            return web.json_response({"detail": "Not found."}, status=404)
        given = await request.json()
        if given != {"oidc_token": self.trusted, "service_slug": self.service}:
            return web.json_response({"detail": "Invalid token."}, status=401)
        return web.json_response({"token": self.token}, status=201)
