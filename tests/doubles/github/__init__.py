"""GitHub's REST API: installation tokens of an App.

Written from "Create an installation access token for an app" and "Generating a JSON Web Token (JWT) for a GitHub App":
the JWT is RS256, its `iat` is not in the future, its `exp` at most ten minutes away, its `iss` is the App; 201 with
`token` and `expires_at` (one hour), 401 for a JWT that is not accepted, 404 for an installation that the App does not
have, 422 for a repository that the installation does not have.
"""

import time
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cluster.serving import Served
from tests.doubles.tokens import verified

LIFE_SECONDS = 3600
MAX_JWT_SECONDS = 600


class GitHub:
    """One App with one installation; use it as a context manager."""

    app, installation, repository = "12", "34", "site"

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private_key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        self.issued: list[dict[str, Any]] = []
        """The body of each request that was answered with a token."""
        self.token = "ghs_1"

    def __enter__(self) -> Self:
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v3")  # as on a server of one's own
        prefix, found = "/app/installations/", path.split("/")
        if not path.startswith(prefix) or len(found) != 5 or found[4] != "access_tokens":
            return web.json_response({"message": "Not Found"}, status=404)
        if request.method != "POST":
            return web.json_response({"message": "Method Not Allowed"}, status=405)
        if not self._accepts(request.headers.get("Authorization", "")):
            return web.json_response({"message": "A JSON web token could not be decoded"}, status=401)
        if "application/vnd.github+json" not in request.headers.get("Accept", ""):
            return web.json_response({"message": "Must accept application/vnd.github+json"}, status=415)
        if found[3] != self.installation:
            return web.json_response({"message": "Not Found"}, status=404)
        wanted = await request.json()
        if wanted.keys() - {"repositories", "repository_ids", "permissions"}:
            return web.json_response({"message": "Invalid request"}, status=422)
        if set(wanted.get("repositories", ())) - {self.repository}:
            return web.json_response({"message": "There is at least one repository that does not exist"}, status=422)
        self.issued.append(wanted)
        self.token = f"ghs_{len(self.issued)}"
        ends = datetime.fromtimestamp(int(time.time()) + LIFE_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.json_response({"token": self.token, "expires_at": ends}, status=201)

    def _accepts(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        claims = verified(token, self._key.public_key()) if scheme == "Bearer" else None
        now = time.time()
        return (
            claims is not None
            and claims["iss"] == self.app
            and claims["iat"] <= now < claims["exp"] <= now + MAX_JWT_SECONDS
        )
