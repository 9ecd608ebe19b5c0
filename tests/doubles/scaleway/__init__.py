"""Scaleway Secret Manager, one project in one region.

Written from "Secret Manager API" v1beta1: X-Auth-Token; secrets with name, path and tags, unique by path and name;
versions numbered from 1 with the states enabled and disabled, `latest` and `latest_enabled`; lists with `total_count`,
`page` and `page_size` up to 100; access by id and by path; deletion that is scheduled for seven days; errors with
`type` and `message` (denied_authentication, permissions_denied, not_found, invalid_arguments, already_exists,
precondition_failed).
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.doubles.double import Double

PAGE = 20
MAX_PAGE = 100


@dataclass
class Secret:
    """One secret with its versions, the first one first."""

    name: str
    path: str
    tags: list[str]
    id: str = field(default_factory=lambda: str(uuid4()))
    versions: list[bytes] = field(default_factory=list)
    disabled: set[int] = field(default_factory=set)
    gone: bool = False

    def shown(self, project: str) -> dict[str, Any]:
        """Return the secret as the API shows it."""
        return {
            "id": self.id,
            "project_id": project,
            "name": self.name,
            "status": "ready",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            "tags": self.tags,
            "version_count": len(self.versions),
            "description": None,
            "managed": False,
            "protected": False,
            "type": "opaque",
            "path": self.path,
            "ephemeral_policy": None,
            "used_by": [],
            "deletion_requested_at": "2026-01-02T00:00:00Z" if self.gone else None,
            "key_id": None,
            "region": "fr-par",
        }

    def revision(self, wanted: str) -> int:
        """Return the number of a version, 0 if there is none."""
        numbers = range(len(self.versions), 0, -1)
        if wanted == "latest":
            return len(self.versions)
        if wanted == "latest_enabled":
            return next((each for each in numbers if each not in self.disabled), 0)
        return int(wanted) if int(wanted) in numbers else 0


class Scaleway(Double):
    """One project; use it as a context manager."""

    access_key, secret_key = "SCWHUNTER2HUNTER2HUN", "33333333-aaaa-4bbb-8ccc-000000000000"
    project, region = "44444444-aaaa-4bbb-8ccc-000000000000", "fr-par"

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Secret] = []

    def put(self, name: str, value: bytes, path: str = "/", tags: list[str] | None = None) -> Secret:
        """Store a version past the API."""
        made = next((each for each in self.found if (each.name, each.path) == (name, path)), None)
        if made is None:
            made = Secret(name, path, [])
            self.found.append(made)
        made.tags = made.tags if tags is None else tags
        made.versions.append(value)
        return made

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-Auth-Token") != self.secret_key:
            body = {"type": "denied_authentication", "method": "api_key", "reason": "not_found"}
            return web.json_response(body | {"message": "denied authentication"}, status=401)
        base = f"/secret-manager/v1beta1/regions/{self.region}/"
        steps = request.path.removeprefix(base).split("/")
        if not request.path.startswith(base):
            return _error(404, "unknown_resource", "resource is not found")
        self.calls[f"{request.method} {steps[0]}"] += 1
        body = await request.json() if request.can_read_body else {}
        project = request.query.get("project_id") or body.get("project_id") or self.project
        if project != self.project:
            return _error(403, "permissions_denied", "insufficient permissions")
        if steps[0] == "secrets-by-path":
            named = (request.query["secret_name"], request.query["secret_path"])
            return self._accessed([each for each in self.found if (each.name, each.path) == named], steps[2])
        if len(steps) == 1:
            return self._created(body) if request.method == "POST" else self._page(request)
        return self._one(request.method, [each for each in self.found if each.id == steps[1]], steps[2:], body)

    def _page(self, request: web.Request) -> web.Response:
        size, number = int(request.query.get("page_size", PAGE)), int(request.query.get("page", 1))
        if not 1 <= size <= MAX_PAGE:
            return _error(400, "invalid_arguments", "invalid argument(s)")
        wanted = {each: request.query[each] for each in ("name", "path") if each in request.query}
        tags = set(request.query.getall("tags", []))
        matching = [
            each
            for each in sorted(self.found, key=lambda one: one.name)
            if not each.gone and tags <= set(each.tags) and all(getattr(each, k) == v for k, v in wanted.items())
        ]
        shown = [each.shown(self.project) for each in matching[(number - 1) * size : number * size]]
        return web.json_response({"secrets": shown, "total_count": len(matching)})

    def _created(self, body: dict[str, Any]) -> web.Response:
        name, path = body.get("name", ""), body.get("path") or "/"
        if not name or "/" in name or not path.startswith("/"):
            return _error(400, "invalid_arguments", "invalid argument(s): name does not respect constraint")
        if any((each.name, each.path) == (name, path) and not each.gone for each in self.found):
            return _error(409, "already_exists", "cannot have same secret name in same path")
        made = Secret(name, path, list(body.get("tags") or ()))
        self.found.append(made)
        return web.json_response(made.shown(self.project))

    def _one(self, method: str, found: list[Secret], steps: list[str], body: dict[str, Any]) -> web.Response:
        if not found:
            return _absent("secret")
        [secret] = found
        if not steps:
            if method == "DELETE":
                secret.gone = True
                return web.Response(status=204)
            if method == "PATCH":
                secret.tags = list(body["tags"]) if "tags" in body else secret.tags
            return web.json_response(secret.shown(self.project))
        if method == "POST" and steps == ["versions"]:
            return self._added(secret, body)
        if method == "GET" and steps[-1] == "access":
            return self._accessed(found, steps[1])
        return _error(404, "unknown_resource", "resource is not found")

    def _added(self, secret: Secret, body: dict[str, Any]) -> web.Response:
        try:
            value = base64.b64decode(body["data"], validate=True)
        except binascii.Error:
            return _error(400, "invalid_arguments", "invalid argument(s): data is not base64")
        if len(value) > 64 << 10 or secret.gone:
            return _error(400, "invalid_arguments", "invalid argument(s): data is too long")
        if body.get("disable_previous") and secret.versions:
            secret.disabled.add(len(secret.versions))
        secret.versions.append(value)
        answer = {"revision": len(secret.versions), "secret_id": secret.id, "status": "enabled", "latest": True}
        return web.json_response(answer)

    def _accessed(self, found: list[Secret], wanted: str) -> web.Response:
        alive = [each for each in found if not each.gone]
        if not alive:
            return _absent("secret")
        secret = alive[0]
        number = secret.revision(wanted)
        if not number:
            return _absent("secret_version")
        if number in secret.disabled:
            return _error(412, "precondition_failed", "precondition failed: resource is not usable")
        data = base64.b64encode(secret.versions[number - 1]).decode()
        return web.json_response({"secret_id": secret.id, "revision": number, "data": data, "type": "opaque"})


def _absent(resource: str) -> web.Response:
    body = {"type": "not_found", "resource": resource, "resource_id": "x", "message": "resource is not found"}
    return web.json_response(body, status=404)


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"type": kind, "message": message}, status=status)
