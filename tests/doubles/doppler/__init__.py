"""Doppler: one config of one project, its download, and the login by OIDC.

Written from Doppler's OpenAPI description: GET /v3/configs/config/secrets/download with the parameters project, config,
format, name_transformer and secrets, an ETag and 304; GET /v3/me; POST /v3/auth/oidc; errors as {"messages": [...],
"success": false}: 401 for another token, 404 for another config, 400 for an unknown format.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.faults import Faults
from tests.doubles.tokens import claims_of

TRANSFORMERS = {
    "upper-camel": lambda name: "".join(step.title() for step in name.split("_")),
    "lower-snake": str.lower,
    "lower-kebab": lambda name: name.lower().replace("_", "-"),
    "tf-var": lambda name: f"TF_VAR_{name.lower()}",
}
FORMATS = {
    "json": lambda values: json.dumps(values),
    "env": lambda values: "\n".join(f'{name}="{each}"' for name, each in values.items()) + "\n",
    "yaml": lambda values: "".join(f"{name}: {json.dumps(each)}\n" for name, each in values.items()),
}


class Doppler:
    """One config; use it as a context manager."""

    token, project, config, identity = "dp.st.dev.hunter2", "app", "dev", "7f1c"

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        """Path of requests that were let in, and `304`."""
        self.faults = Faults()
        self.tokens = {self.token}
        self.audiences: list[str] = []
        """Of the last token that logged in."""

    def __enter__(self) -> "Doppler":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        if fault is not None:
            return fault
        if (request.method, request.path) == ("POST", "/v3/auth/oidc"):
            return self._login(await request.json())
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return _error(401, "Invalid Service token")
        self.calls[request.path] += 1
        if request.path == "/v3/me":
            return web.json_response({"type": "service_token", "workplace": {"name": "w"}})
        if request.path != "/v3/configs/config/secrets/download":
            return _error(404, "Not found")
        return self._download(request, request.query)

    def _download(self, request: web.Request, query: Mapping[str, str]) -> web.Response:
        if query.get("project", self.project) != self.project or query.get("config", self.config) != self.config:
            return _error(404, "Could not find requested config")
        form, transformer = query.get("format", "json"), query.get("name_transformer")
        if form not in FORMATS or (transformer and transformer not in TRANSFORMERS):
            return _error(400, "Invalid format")
        names = {"DOPPLER_PROJECT": self.project, "DOPPLER_CONFIG": self.config, "DOPPLER_ENVIRONMENT": self.config}
        values = {**self.secrets, **names}
        wanted = query.get("secrets")
        if wanted:
            values = {name: each for name, each in values.items() if name in wanted.split(",")}
        if transformer:
            values = {TRANSFORMERS[transformer](name): each for name, each in values.items()}
        text = FORMATS[form](values)
        etag = f'W/"{hashlib.sha256(text.encode()).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            self.calls["304"] += 1
            return web.Response(status=304, headers={"ETag": etag})
        kind = "application/json" if form == "json" else "text/plain"
        return web.Response(text=text, content_type=kind, headers={"ETag": etag})

    def _login(self, said: Mapping[str, str]) -> web.Response:
        if said.get("identity") != self.identity:
            return _error(401, "Identity not found")
        token = said.get("token", "")
        self.audiences = claims_of(token)["aud"] if token.count(".") == 2 else [token]
        made = f"dp.said.{len(self.tokens)}"
        self.tokens.add(made)
        ends = (datetime.now(UTC) + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
        return web.json_response({"success": True, "token": made, "expires_at": ends})


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"messages": [message], "success": False}, status=status)
