"""GitLab's REST API: deploy tokens of projects and groups.

Written from "Deploy tokens API": POST, GET and DELETE under /api/v4/projects/:id/deploy_tokens and
/api/v4/groups/:id/deploy_tokens with PRIVATE-TOKEN; 201 with `id`, `username` and `token`, which no list shows again;
lists in pages; 204 for a deletion, 404 for what is not there, 401 for another access token, 400 for a missing or
unknown field.
"""

from typing import Any

from aiohttp import web

from tests.cluster.serving import Served

SCOPES = {
    *("read_repository", "read_registry", "write_registry", "read_package_registry", "write_package_registry"),
    *("read_virtual_registry", "write_virtual_registry"),
}
FIELDS = {"name", "scopes", "username", "expires_at"}


class GitLab:
    """One project and one group; use it as a context manager."""

    access_token, project, group = "glpat-hunter2", "group/app", "7"

    def __init__(self) -> None:
        self.tokens: dict[int, dict[str, Any]] = {}
        self.vanishing = False
        """Delete the first token before each second page of a list."""
        self.silent = False
        """Create a token and answer with an error of a proxy."""
        self.made = 0
        """How many tokens were created."""

    def __enter__(self) -> "GitLab":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        if request.headers.get("PRIVATE-TOKEN") != self.access_token:
            return web.json_response({"message": "401 Unauthorized"}, status=401)
        step = request.raw_path.partition("?")[0].removeprefix("/api/v4/").split("/")
        places = {("projects", self.project.replace("/", "%2F")), ("groups", self.group)}
        if len(step) < 3 or (step[0], step[1]) not in places or step[2] != "deploy_tokens":
            return web.json_response({"message": "404 Not Found"}, status=404)
        if request.method == "POST" and len(step) == 3:
            return self._created(f"{step[0]}/{step[1]}", await request.json())
        if request.method == "GET" and len(step) == 3:
            return self._listed(f"{step[0]}/{step[1]}", request)
        if request.method == "DELETE" and len(step) == 4:
            found = self.tokens.pop(int(step[3]), None)
            return web.Response(status=204) if found else web.json_response({"message": "404 Not found"}, status=404)
        return web.json_response({"error": "405 Not Allowed"}, status=405)

    def _created(self, place: str, wanted: dict[str, Any]) -> web.Response:
        odd = wanted.keys() - FIELDS or not wanted.get("name") or not wanted.get("scopes")
        if odd or set(wanted["scopes"]) - SCOPES:
            return web.json_response({"error": "scopes does not have a valid value"}, status=400)
        self.made += 1
        username = wanted.get("username") or f"gitlab+deploy-token-{self.made}"
        token = {"id": self.made, "name": wanted["name"], "username": username, "scopes": wanted["scopes"]}
        token |= {"expires_at": wanted.get("expires_at"), "revoked": False, "expired": False}
        self.tokens[self.made] = token | {"place": place}
        if self.silent:
            return web.Response(status=502)
        return web.json_response(token | {"token": f"gldt-{self.made}"}, status=201)

    def _listed(self, place: str, request: web.Request) -> web.Response:
        size, page = int(request.query.get("per_page", "20")), int(request.query.get("page", "1"))
        if self.vanishing and page == 2:
            del self.tokens[next(iter(self.tokens))]
        found = [each for each in self.tokens.values() if each["place"] == place]
        return web.json_response(found[size * (page - 1) : size * page], headers={"X-Total": str(len(found))})
