"""1Password Connect: vaults, items and files.

Written from "1Password Connect Server API reference" 1.7: bearer token; GET /v1/vaults with a filter `name eq "…"`;
items of a vault with the filter `title eq "…"`, as summaries without fields; GET, POST, PUT and DELETE of an item whose
version grows by one; files by their content_path; errors with `status` and `message`: 400, 401 for another token, 403
for a vault that the token may not use, 404.
"""

import re
import secrets
from collections import Counter
from typing import Any

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.faults import Faults

FILTER = re.compile(r'(title|name) eq "((?:[^"\\]|\\.)*)"')
SUMMARY = {"id", "title", "vault", "category", "tags", "version", "state", "createdAt", "updatedAt", "lastEditedBy"}
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class OnePassword:
    """One Connect server; use it as a context manager."""

    token = "eyJ-connect-hunter2"

    def __init__(self) -> None:
        self.vaults: dict[str, str] = {}
        """Name -> id."""
        self.items: dict[str, dict[str, dict[str, Any]]] = {}
        """Vault id -> item id -> item."""
        self.files: dict[str, bytes] = {}
        """File id -> content."""
        self.calls: Counter[str] = Counter()
        self.faults = Faults()

    def __enter__(self) -> "OnePassword":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    def vault(self, name: str) -> str:
        """Add a vault and return its id."""
        self.vaults[name] = new_id()
        self.items[self.vaults[name]] = {}
        return self.vaults[name]

    def put(self, vault: str, title: str, fields: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
        """Store an item past the API; `files` is a mapping of names to contents."""
        files = []
        for name, content in body.pop("files", {}).items():
            file_id = new_id()
            self.files[file_id] = content
            files.append({"id": file_id, "name": name, "size": len(content)})
        given = [
            {"id": new_id(), "label": name, "type": "STRING", "value": each} for name, each in (fields or {}).items()
        ]
        item = {
            "id": new_id(),
            "title": title,
            "category": "LOGIN",
            "version": 1,
            "fields": given,
            "files": files,
            **body,
        }
        item |= {"vault": {"id": self.vaults[vault]}, "updatedAt": "2026-11-30T01:00:00Z"}
        self.items[self.vaults[vault]][item["id"]] = item
        return item

    def change(self, item: dict[str, Any], label: str, value: str) -> None:
        """Change a field past the API."""
        next(each for each in item["fields"] if each["label"] == label)["value"] = value
        item["version"] += 1

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        if fault is not None:
            return fault
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _error(401, "Invalid bearer token")
        steps = request.path.strip("/").split("/")
        if steps[:2] != ["v1", "vaults"]:
            return _error(404, "no such path")
        self.calls[f"{request.method} {len(steps)}"] += 1
        if len(steps) == 2:
            return web.json_response(
                _filtered(request, [{"id": key, "name": name} for name, key in self.vaults.items()])
            )
        if steps[2] not in self.items:
            return _error(403, "vault is not in scope")
        if len(steps) == 3:
            return web.json_response({"id": steps[2], "items": len(self.items[steps[2]])})
        return await self._of_vault(request, self.items[steps[2]], steps)

    async def _of_vault(self, request: web.Request, items: dict[str, Any], steps: list[str]) -> web.Response:
        if len(steps) == 4 and request.method == "GET":
            shown = [{name: each[name] for name in SUMMARY & each.keys()} for each in items.values()]
            return web.json_response(_filtered(request, shown))
        body = await request.json() if request.method in ("POST", "PUT") else {}
        if len(steps) == 4:
            if not body.get("title") or not body.get("category") or body.get("vault", {}).get("id") != steps[2]:
                return _error(400, "Invalid item")
            return web.json_response(self._saved(items, {**body, "id": new_id(), "version": 0}))
        item = items.get(steps[4])
        if item is None:
            return _error(404, f"Item {steps[4]} not found")
        if steps[5:6] == ["files"]:
            content = self.files.get(steps[6]) if any(each["id"] == steps[6] for each in item["files"]) else None
            return web.Response(body=content) if content is not None else _error(404, "file not found")
        if request.method == "DELETE":
            del items[steps[4]]
            return web.Response(status=204)
        if request.method == "PUT":
            if body.get("id") != steps[4]:
                return _error(400, "The item doesn't have a matching UUID")
            return web.json_response(self._saved(items, {**body, "version": item["version"]}))
        return web.json_response(item)

    def _saved(self, items: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        fields = [{"id": new_id(), "type": "STRING", **each} for each in body.get("fields") or []]
        version = body["version"] + 1
        items[body["id"]] = {
            **body,
            "fields": fields,
            "version": version,
            "updatedAt": f"2026-11-30T02:00:{version:02}Z",
        }
        items[body["id"]].setdefault("files", [])
        return items[body["id"]]


def new_id() -> str:
    """Return an id as 1Password makes them: 26 characters."""
    return "".join(secrets.choice(ALPHABET) for _ in range(26))


def _filtered(request: web.Request, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    asked = request.query.get("filter")
    if asked is None:
        return found
    match = FILTER.fullmatch(asked)
    if match is None:
        return []
    text = match.group(2).replace('\\"', '"').replace("\\\\", "\\")
    return [each for each in found if each[match.group(1)] == text]


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"status": status, "message": message}, status=status)
