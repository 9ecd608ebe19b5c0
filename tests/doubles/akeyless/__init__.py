"""Akeyless' API: items of every type that is read, pushes, and two logins.

Written from "Akeyless API" v2 as its Python client describes it: POST everywhere, the token in the body (`token`, or
`uid-token` for universal identity); auth, describe-item, list-items in pages with next_page, get-secret-value for
several names, get-rotated-secret-value, get-dynamic-secret-value, get-certificate-value, create-secret,
update-secret-val, update-item, delete-item; errors as {"error": "..."}: 401 for a token, 403, 404 for an item.
"""

import secrets
from typing import Any

from aiohttp import web

from tests.doubles.double import Double

PAGE = 50


class Akeyless(Double):
    """One account; use it as a context manager."""

    access_id, access_key, universal = "p-1234", "hunter2-key", "u-hunter2"

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[str, dict[str, Any]] = {}
        """Name -> type, tags and versions."""
        self.tokens: set[str] = set()
        self.accepts_account = lambda token: token == "dG9rZW4tb2YtYnVpbGRlcg=="
        """Whether the Kubernetes config trusts a token, which comes in base64."""

    def put(self, name: str, value: Any, kind: str = "STATIC_SECRET", tags: tuple[str, ...] = ()) -> None:
        """Store another version of an item past the API."""
        versions = self.items.get(name, {}).get("versions", [])
        self.items[name] = {
            "item_name": name,
            "item_type": kind,
            "item_tags": list(tags),
            "versions": [*versions, value],
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "POST":
            return _error(405, "method not allowed")
        said = await request.json()
        if request.path == "/auth":
            return self._login(said)
        if said.get("token") not in self.tokens and said.get("uid-token") != self.universal:
            return _error(401, "failed to authenticate: token is expired or invalid")
        self.calls[request.path] += 1
        found = getattr(self, "_" + request.path.strip("/").replace("-", "_"), None)
        return found(said) if found is not None else _error(404, "no such command")

    def _login(self, said: dict[str, Any]) -> web.Response:
        by_key = said == {"access-id": self.access_id, "access-type": "access_key", "access-key": self.access_key}
        config = (said.get("access-type"), said.get("k8s-auth-config-name")) == ("k8s", "config")
        if not by_key and not (config and self.accepts_account(said.get("k8s-service-account-token"))):
            return _error(401, "Unauthorized: access key is not valid")
        token = f"t-{secrets.token_hex(8)}"
        self.tokens.add(token)
        return web.json_response({"token": token})

    def _describe_item(self, said: dict[str, Any]) -> web.Response:
        item = self.items.get(said["name"])
        return web.json_response(_shown(item)) if item else _missing(said["name"])

    def _list_items(self, said: dict[str, Any]) -> web.Response:
        found = [each for name, each in sorted(self.items.items()) if name.startswith(said.get("path") or "/")]
        start = int(said.get("pagination-token") or 0)
        more = {"next_page": str(start + PAGE)} if len(found) > start + PAGE else {}
        return web.json_response({"items": [_shown(each) for each in found[start : start + PAGE]], **more})

    def _get_secret_value(self, said: dict[str, Any]) -> web.Response:
        values = {}
        for name in said["names"]:
            if name not in self.items:
                return _missing(name)
            versions = self.items[name]["versions"]
            version = said.get("version") or len(versions)
            if version > len(versions):
                return _missing(f"{name} version {version}")
            values[name] = versions[version - 1]
        return web.json_response(values)

    def _get_rotated_secret_value(self, said: dict[str, Any]) -> web.Response:
        return web.json_response({"value": self.items[said["names"]]["versions"][-1]})

    def _get_dynamic_secret_value(self, said: dict[str, Any]) -> web.Response:
        return web.json_response(self.items[said["name"]]["versions"][-1])

    _get_certificate_value = _get_dynamic_secret_value

    def _create_secret(self, said: dict[str, Any]) -> web.Response:
        if said["name"] in self.items:
            return _error(409, "item already exists")
        self.put(said["name"], said["value"], tags=tuple(said.get("tags") or ()))
        return web.json_response({"name": said["name"]})

    def _update_secret_val(self, said: dict[str, Any]) -> web.Response:
        self.items[said["name"]]["versions"].append(said["value"])
        return web.json_response({"name": said["name"]})

    def _update_item(self, said: dict[str, Any]) -> web.Response:
        tags = [each for each in self.items[said["name"]]["item_tags"] if each not in said.get("rm-tag", [])]
        self.items[said["name"]]["item_tags"] = [*tags, *said.get("add-tag", [])]
        return web.json_response({"updated": True})

    def _delete_item(self, said: dict[str, Any]) -> web.Response:
        return web.json_response({"item_name": self.items.pop(said["name"])["item_name"]})


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in item.items() if name != "versions"} | {"last_version": len(item["versions"])}


def _missing(name: str) -> web.Response:
    return _error(404, f"failed to get item: item not found: {name}")


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
