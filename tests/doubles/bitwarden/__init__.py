"""Bitwarden's SDK server: five routes in front of Secrets Manager.

Written from the README of bitwarden-sdk-server and the SDK's models: Warden-Access-Token, Warden-Api-Url and
Warden-Identity-Url; GET /rest/api/1/secrets and GET, POST, PUT, DELETE /rest/api/1/secret with a JSON body; lists show
id and key only; errors are a text with 400, among them the SDK's own for a token and for a secret that is not there.
"""

from collections import Counter
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.faults import Faults


class Bitwarden:
    """One organization; use it as a context manager."""

    token, organization, project = "0.hunter2.token", str(uuid4()), str(uuid4())

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.faults = Faults()

    def __enter__(self) -> "Bitwarden":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    def put(self, key: str, value: str, note: str = "", project: str | None = None) -> dict[str, Any]:
        """Store a secret past the API."""
        secret = {"id": str(uuid4()), "organizationId": self.organization, "projectId": project or self.project}
        secret |= {"key": key, "value": value, "note": note}
        self.secrets[secret["id"]] = secret
        return secret

    def of_key(self, key: str) -> dict[str, Any] | None:
        """Return the secret with a key."""
        return next((each for each in self.secrets.values() if each["key"] == key), None)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        if fault is not None:
            return fault
        if request.headers.get("Warden-Access-Token") != self.token or "Warden-Api-Url" not in request.headers:
            return web.Response(status=400, text="failed to login: API error: access token is invalid: invalid_client")
        said = await request.json()
        self.calls[f"{request.method} {request.path.rpartition('/')[2]}"] += 1
        if request.path == "/rest/api/1/secrets":
            shown = [{name: each[name] for name in ("id", "key", "organizationId")} for each in self.secrets.values()]
            return web.json_response({"data": shown if said == {"organizationId": self.organization} else []})
        return self._one(request.method, said)

    def _one(self, method: str, said: dict[str, Any]) -> web.Response:
        if method == "POST":
            return web.json_response(self.put(said["key"], said["value"], said["note"], said["projectIds"][0]))
        if method == "DELETE":
            for each in said["ids"]:
                self.secrets.pop(each, None)
            return web.json_response({"data": [{"id": each, "error": None} for each in said["ids"]]})
        found = self.secrets.get(said.get("id", ""))
        if found is None:
            return web.Response(status=400, text="failed to get secret: API error: [404 Not Found] Resource not found.")
        if method == "PUT":
            found |= {name: said[name] for name in ("key", "value", "note")}
        return web.json_response(found)
