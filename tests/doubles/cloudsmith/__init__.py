"""Cloudsmith: a token of a service account for a token of an OpenID Connect provider.

Written from "OpenID Connect (OIDC)": POST /openid/{organization}/ with `oidc_token` and `service_slug`; 201 with
`token`, 401 for a token that no provider setting of the service accepts.
"""

import time
from collections.abc import Callable

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.tokens import issued

LIFE_SECONDS = 7200


class Cloudsmith:
    """One organization with one service account; use it as a context manager."""

    organization, service = "acme", "builder-ab12"

    def __init__(self, accepts: Callable[[str], bool] = lambda token: token == "token-of-builder") -> None:
        self.accepts = accepts
        """Decides whether a provider setting of the service accepts a token of the OpenID Connect provider."""

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
        known = given.keys() == {"oidc_token", "service_slug"} and given["service_slug"] == self.service
        if not known or not self.accepts(given["oidc_token"]):
            return web.json_response({"detail": "Invalid token."}, status=401)
        return web.json_response({"token": self.token}, status=201)
