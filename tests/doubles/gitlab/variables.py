"""GitLab's REST API: CI/CD variables of projects and groups.

Written from "Project-level CI/CD variables API", "Group-level variables API" and "List a project's groups":
PRIVATE-TOKEN; GET in pages with X-Next-Page and X-Total, GET of a key with filter[environment_scope];
`environment_scope`, `hidden` with a value of null; 401 and 404 ("404 Project Not Found", "404 Variable Not Found") for
another token and for what it does not see.
"""

from collections import Counter
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.faults import Faults

NO_VARIABLE = "404 Variable Not Found"


class GitLabVariables:
    """Some projects and groups; use it as a context manager."""

    token = "glpat-hunter2"

    def __init__(self) -> None:
        self.variables: dict[str, list[dict[str, Any]]] = {}
        """`projects/ID` or `groups/ID` -> variables."""
        self.above: dict[str, list[tuple[int, str]]] = {}
        """Project -> id and full path of the groups above it."""
        self.calls: Counter[str] = Counter()
        self.faults = Faults()

    def __enter__(self) -> "GitLabVariables":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    def put(self, place: str, key: str, value: str | None, scope: str = "*", **more: Any) -> None:
        """Set a variable of a project or group."""
        found = [
            each
            for each in self.variables.setdefault(place, [])
            if (each["key"], each["environment_scope"]) != (key, scope)
        ]
        variable = {"key": key, "value": value, "environment_scope": scope, "variable_type": "env_var", "masked": False}
        self.variables[place] = [*found, {**variable, **more}]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        if fault is not None:
            return fault
        if request.headers.get("PRIVATE-TOKEN") != self.token:
            return web.json_response({"message": "401 Unauthorized"}, status=401)
        steps = request.raw_path.partition("?")[0].removeprefix("/api/v4/").split("/")
        place, what = f"{steps[0]}/{unquote(steps[1])}", steps[2] if len(steps) in (3, 4) else ""
        self.calls[f"{place} {what}"] += 1
        if place not in self.variables or what not in ("variables", "groups"):
            noun = "Project" if steps[0] == "projects" else "Group"
            return web.json_response({"message": f"404 {noun} Not Found"}, status=404)
        found: list[Any] = self.variables[place]
        if len(steps) == 4:
            return _one(found, unquote(steps[3]), request.query.get("filter[environment_scope]"))
        if what == "groups":
            found = [{"id": number, "full_path": path} for number, path in self.above.get(unquote(steps[1]), [])]
        return page_of(request, found)


def _one(found: list[Any], key: str, scope: str | None) -> web.Response:
    known = [each for each in found if each["key"] == key and scope in (None, each["environment_scope"])]
    if len(known) > 1:
        return web.json_response({"message": "There are multiple variables with provided parameters."}, status=409)
    return web.json_response(known[0]) if known else web.json_response({"message": NO_VARIABLE}, status=404)


def page_of(request: web.Request, found: list[Any]) -> web.Response:
    size, page = int(request.query.get("per_page", "20")), int(request.query.get("page", "1"))
    more = str(page + 1) if len(found) > size * page else ""
    shown = found[size * (page - 1) : size * page]
    return web.json_response(shown, headers={"X-Next-Page": more, "X-Total": str(len(found))})
