"""RabbitMQ's management API, as far as Vault's secrets engine uses it.

Written from "RabbitMQ Management HTTP API": PUT and DELETE /api/users/NAME, PUT /api/permissions/VHOST/NAME, with basic
authentication.
"""

from aiohttp import web

from tests.cluster.serving import Served


class RabbitMQ:
    """A broker without messages; use it as a context manager."""

    user, password = "root", "swordfish"

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.broken = False
        """Answer each deletion with an error."""

    def __enter__(self) -> "RabbitMQ":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        if not request.headers.get("Authorization", "").startswith("Basic "):
            return web.Response(status=401)
        step = request.path.strip("/").split("/")
        if request.method == "PUT" and step[:2] == ["api", "users"]:
            self.users.add(step[2])
            return web.Response(status=201)
        if request.method == "DELETE" and step[:2] == ["api", "users"]:
            if self.broken:
                return web.Response(status=500)
            self.users.discard(step[2])
            return web.Response(status=204)
        return web.Response(status=201 if step[:2] == ["api", "permissions"] else 404)
