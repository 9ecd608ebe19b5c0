"""Scaleway Secret Manager v1beta1: the secrets of one project in one region.

Written from "Secret Manager API": X-Auth-Token; secrets in pages with total_count and filters by name, path and tags;
versions by number, latest and latest_enabled, by id and by path, with data in base64 and its CRC-32; POST, PATCH,
DELETE; errors as {"type", "message", "resource"}: 401 denied_authentication, 403 permissions_denied, 404 not_found.
"""

import base64
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.faults import Faults


class Scaleway:
    """One project; use it as a context manager."""

    access_key, secret_key, project, region = "SCW1234", "hunter2-hunter2", str(uuid4()), "fr-par"

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        """Id -> secret with its versions."""
        self.calls: Counter[str] = Counter()
        self.faults = Faults()

    def __enter__(self) -> "Scaleway":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    def put(self, name: str, value: bytes | None, folder: str = "/", tags: tuple[str, ...] = ()) -> dict[str, Any]:
        """Store a secret, or another version of it, past the API; None makes no version."""
        found = self.named(name, folder)
        if found is None:
            found = {"id": str(uuid4()), "name": name, "path": folder, "tags": [], "versions": []}
            self.secrets[found["id"]] = found
        found["tags"] = list(tags) or found["tags"]
        if value is not None:
            found["versions"].append({"data": value, "enabled": True})
        return found

    def named(self, name: str, folder: str = "/") -> dict[str, Any] | None:
        """Return the secret of a name in a folder."""
        return next((e for e in self.secrets.values() if (e["name"], e["path"]) == (name, folder)), None)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        if fault is not None:
            return fault
        if request.headers.get("X-Auth-Token") != self.secret_key:
            return _error(401, "denied_authentication", "authentication is denied")
        steps = request.path.strip("/").split("/")
        if steps[:4] != ["secret-manager", "v1beta1", "regions", self.region]:
            return _error(404, "unknown_resource", "unknown service")
        self.calls[f"{request.method} {steps[-1] if steps[-1] in ('access', 'secrets', 'versions') else 'one'}"] += 1
        said = await request.json() if request.can_read_body else {}
        return self._answer(request.method, steps[4:], dict(request.query), said)

    def _answer(self, method: str, steps: list[str], query: Mapping[str, str], said: Mapping[str, Any]) -> web.Response:
        if steps == ["secrets"]:
            return self._page(query) if method == "GET" else self._created(said)
        if steps[0] == "secrets-by-path":
            found = self.named(query["secret_name"], query["secret_path"])
            steps = ["secrets", "", *steps[1:]]
        else:
            found = self.secrets.get(steps[1])
        if found is None:
            return _error(404, "not_found", "resource is not found")
        if steps[2:3] == ["versions"]:
            return self._version(found, steps[3:], said)
        if method == "DELETE":
            del self.secrets[found["id"]]
            return web.Response(status=204)
        if method == "PATCH":
            found["tags"] = said["tags"]
        return web.json_response(_shown(found))

    def _version(self, found: dict[str, Any], steps: list[str], said: Mapping[str, Any]) -> web.Response:
        versions = found["versions"]
        if not steps:
            if said.get("disable_previous") and versions:
                versions[-1]["enabled"] = False
            versions.append({"data": base64.b64decode(said["data"]), "enabled": True})
            return web.json_response({"revision": len(versions), "secret_id": found["id"], "status": "enabled"})
        chosen = [n for n, each in enumerate(versions) if each["enabled"]] if steps[0] == "latest_enabled" else []
        number = int(steps[0]) - 1 if steps[0].isdigit() else len(versions) - 1 if steps[0] == "latest" else None
        number = chosen[-1] if chosen else number
        if number is None or not 0 <= number < len(versions):
            return _error(404, "not_found", "resource is not found")
        if not versions[number]["enabled"]:
            return _error(400, "precondition_failed", "the version is disabled")
        data = versions[number]["data"]
        body = {"secret_id": found["id"], "revision": number + 1, "data": base64.b64encode(data).decode()}
        return web.json_response({**body, "data_crc32": zlib.crc32(data)})

    def _page(self, query: Mapping[str, str]) -> web.Response:
        if query.get("project_id") != self.project:
            return _error(403, "permissions_denied", "insufficient permissions")
        found = [
            each
            for each in self.secrets.values()
            if query.get("name", each["name"]) == each["name"] and query.get("path", each["path"]) == each["path"]
        ]
        size, page = int(query.get("page_size", "20")), int(query.get("page", "1"))
        shown = [_shown(each) for each in found[size * (page - 1) : size * page]]
        return web.json_response({"secrets": shown, "total_count": len(found)})

    def _created(self, said: Mapping[str, Any]) -> web.Response:
        if self.named(said["name"], said["path"]) is not None:
            return _error(409, "already_exists", "cannot have same secret name in same path")
        return web.json_response(_shown(self.put(said["name"], None, said["path"], tuple(said["tags"]))))


def _shown(secret: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: each for name, each in secret.items() if name != "versions"}
    return {**shown, "version_count": len(secret["versions"])}


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"type": kind, "message": message, "resource": "secret"}, status=status)
