"""Microsoft Entra ID and one Azure Container Registry.

Written from "Microsoft identity platform and the OAuth 2.0 client credentials flow" (secret, and federated assertion),
"How to use managed identities to get an access token" (metadata service), and "AAD OAuth" of Azure Container Registry:
POST /oauth2/exchange makes a refresh token of an Entra token, POST /oauth2/token an access token of that.
"""

import time
from collections.abc import Mapping

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.tokens import issued

REFRESH_SECONDS, ACCESS_SECONDS = 10_800, 4_500
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Azure:
    """One tenant, one application and one registry; use it as a context manager."""

    tenant, client, secret, assertion = "11111111-aaaa", "22222222-bbbb", "hunter2", "token-of-builder"
    audience = "https://management.azure.com"

    def __enter__(self) -> "Azure":
        self._served = Served(self._handle)
        self.host = self._served.start().removeprefix("http://")
        now = int(time.time())
        self.entra_token = issued(exp=now + 3600, aud=self.audience)
        self.refresh_token = issued(exp=now + REFRESH_SECONDS, grant_type="refresh_token")
        self.access_token = issued(exp=now + ACCESS_SECONDS, grant_type="access_token")
        self.refresh_ends, self.access_ends = now + REFRESH_SECONDS, now + ACCESS_SECONDS
        self.scopes: list[str] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        if request.method == "GET" and request.path == "/metadata/identity/oauth2/token":
            return self._metadata(request)
        if request.method != "POST" or request.content_type != "application/x-www-form-urlencoded":
            return web.Response(status=405)
        form = {name: str(value) for name, value in (await request.post()).items()}
        if request.path == f"/{self.tenant}/oauth2/v2.0/token":
            return self._login(form)
        if request.path == "/oauth2/exchange":
            return self._exchange(form)
        if request.path == "/oauth2/token":
            return self._access(form)
        return web.json_response({"error": "invalid_request"}, status=400)

    def _metadata(self, request: web.Request) -> web.Response:
        query = request.query
        known = query.get("client_id") in (None, self.client) and query.get("api-version") == "2018-02-01"
        if request.headers.get("Metadata") != "true" or query.get("resource") != self.audience or not known:
            return web.json_response({"error": "invalid_request"}, status=400)
        return web.json_response({"access_token": self.entra_token, "expires_in": "86399", "token_type": "Bearer"})

    def _login(self, form: Mapping[str, str]) -> web.Response:
        asked = (form.get("grant_type"), form.get("scope"), form.get("client_id"))
        if asked != ("client_credentials", f"{self.audience}/.default", self.client):
            return web.json_response({"error": "invalid_scope"}, status=400)
        by_assertion = (form.get("client_assertion_type"), form.get("client_assertion")) == (ASSERTION, self.assertion)
        if form.get("client_secret") != self.secret and not by_assertion:
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"access_token": self.entra_token, "expires_in": 3599, "token_type": "Bearer"})

    def _exchange(self, form: Mapping[str, str]) -> web.Response:
        asked = (form.get("grant_type"), form.get("service"), form.get("access_token"))
        if asked != ("access_token", self.host, self.entra_token):
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        return web.json_response({"refresh_token": self.refresh_token})

    def _access(self, form: Mapping[str, str]) -> web.Response:
        asked = (form.get("grant_type"), form.get("service"), form.get("refresh_token"))
        if asked != ("refresh_token", self.host, self.refresh_token) or not form.get("scope"):
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        self.scopes.append(form["scope"])
        return web.json_response({"access_token": self.access_token})
