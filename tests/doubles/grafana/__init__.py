"""Grafana's HTTP API: service accounts and their tokens.

Written from "Service account HTTP API": GET /api/serviceaccounts/search with `query`, `perpage` and `page`; POST
/api/serviceaccounts (201); POST, GET and DELETE under /api/serviceaccounts/:id/tokens, where the answer to a creation
alone has the `key`; a bearer token or basic authentication; 401 for others, 404 for what is not there, 400 for a token
whose name the account has already.
"""

import base64
from typing import Any

from aiohttp import web

from tests.cluster.serving import Served


class Grafana:
    """One organization; use it as a context manager."""

    token, user, password = "glsa_hunter2", "admin", "swordfish"

    def __init__(self) -> None:
        self.accounts: dict[int, dict[str, Any]] = {}
        self.tokens: dict[int, dict[str, Any]] = {}
        self.vanishing = False
        """Delete the first account before each second page of a search."""
        self.silent = False
        """Create a token and answer with an error of a proxy."""
        self._made = 0

    def __enter__(self) -> "Grafana":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    def alive(self, key: str) -> bool:
        """Return True if a token of this key is accepted."""
        return any(each["key"] == key for each in self.tokens.values())

    async def _handle(self, request: web.Request) -> web.Response:
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if request.headers.get("Authorization") not in (f"Bearer {self.token}", f"Basic {login}"):
            return web.json_response({"message": "Invalid API key"}, status=401)
        step = request.path.removeprefix("/api/serviceaccounts").strip("/").split("/")
        if not request.path.startswith("/api/serviceaccounts"):
            return web.json_response({"message": "Not found"}, status=404)
        if step == ["search"] and request.method == "GET":
            return self._search(request)
        if step == [""] and request.method == "POST":
            wanted = await request.json()
            if wanted.get("role") not in ("None", "Viewer", "Editor", "Admin"):
                return web.json_response({"message": "invalid role value"}, status=400)
            return web.json_response(self.account(wanted["name"], wanted["role"]), status=201)
        if len(step) >= 2 and step[1] == "tokens" and step[0].isdecimal() and int(step[0]) in self.accounts:
            return await self._tokens(request, int(step[0]), step[2:])
        return web.json_response({"message": "service account not found"}, status=404)

    def account(self, name: str, role: str = "Viewer") -> dict[str, Any]:
        """Create a service account."""
        self._made += 1
        made = {"id": self._made, "name": name, "login": f"sa-1-{name.lower()}", "role": role, "orgId": 1, "tokens": 0}
        self.accounts[self._made] = made
        return made

    def _search(self, request: web.Request) -> web.Response:
        size, page = int(request.query.get("perpage", "1000")), int(request.query.get("page", "1"))
        if self.vanishing and page == 2:
            del self.accounts[next(iter(self.accounts))]
        found = [each for each in self.accounts.values() if request.query.get("query", "") in each["name"]]
        shown = found[size * (page - 1) : size * page]
        return web.json_response({"totalCount": len(found), "serviceAccounts": shown, "page": page, "perPage": size})

    async def _tokens(self, request: web.Request, account: int, rest: list[str]) -> web.Response:
        if request.method == "GET" and not rest:
            found = [each for each in self.tokens.values() if each["account"] == account]
            return web.json_response([{"id": each["id"], "name": each["name"]} for each in found])
        if request.method == "DELETE" and len(rest) == 1:
            found_one = self.tokens.get(int(rest[0]))
            if found_one is None or found_one["account"] != account:
                return web.json_response({"message": "service account token not found"}, status=404)
            del self.tokens[int(rest[0])]
            return web.json_response({"message": "Service account token deleted"})
        wanted = await request.json()
        if any((each["account"], each["name"]) == (account, wanted["name"]) for each in self.tokens.values()):
            return web.json_response({"message": "service account token with given name already exists"}, status=400)
        self._made += 1
        made = {"id": self._made, "name": wanted["name"], "key": f"glsa_{self._made}"}
        self.tokens[self._made] = made | {"account": account, "seconds": wanted.get("secondsToLive")}
        return web.Response(status=502) if self.silent else web.json_response(made)
