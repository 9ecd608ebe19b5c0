"""Quay: the token of a robot account for a token of an identity provider that it trusts.

Written from "Keyless authentication with robot accounts": GET /oauth2/federation/robot/token with Basic authorization,
the robot's name and the provider's token; 200 with `token`, 401 for others.
"""

import base64
import time

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.tokens import issued

LIFE_SECONDS = 3600


class Quay:
    """One robot account that trusts one token; use it as a context manager."""

    robot, trusted = "team+robot", "token-of-builder"

    def __enter__(self) -> "Quay":
        self._served = Served(self._handle)
        self.host = self._served.start().removeprefix("http://")
        self.ends = int(time.time()) + LIFE_SECONDS
        self.token = issued(exp=self.ends, sub=self.robot)
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        if (request.method, request.path) != ("GET", "/oauth2/federation/robot/token"):
            return web.Response(status=404)
        login = base64.b64encode(f"{self.robot}:{self.trusted}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return web.json_response({"error": "unauthorized"}, status=401)
        return web.json_response({"token": self.token})
