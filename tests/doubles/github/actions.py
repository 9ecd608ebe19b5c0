"""GitHub's REST API: secrets of Actions.

Written from "REST API endpoints for GitHub Actions Secrets": organizations, repositories and environments; lists with
`total_count` and at most 100 a page; public keys; PUT with `encrypted_value` and `key_id`, for an organization with
`visibility` and `selected_repository_ids`; 201 for a new secret and 204 for another, 404 for what is not there or not
to be seen, 401 for a token that is not accepted, 403 with `x-ratelimit-remaining: 0` beyond the limit, 422 for a wrong
key or name. Names are kept in upper case, and no answer holds a value.
"""

import base64
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from nacl.public import PrivateKey, SealedBox

from tests.doubles.faults import Faults
from tests.doubles.github import GitHub

NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*")
PAGE, MAX_PAGE = 30, 100
MAX_BYTES = 48 << 10


@dataclass
class Kept:
    """A secret as GitHub keeps it."""

    value: bytes
    changed: int
    visibility: str = ""
    repositories: list[int] = field(default_factory=list)

    def shown(self, name: str) -> dict[str, Any]:
        """Return the secret as the API shows it."""
        shown = {"name": name, "created_at": "2026-01-01T00:00:00Z", "updated_at": _time(self.changed)}
        return shown | ({"visibility": self.visibility} if self.visibility else {})


class Actions(GitHub):
    """One organization with one repository and one environment; use it as a context manager."""

    organization, environment = "acme", "live"

    def __init__(self) -> None:
        super().__init__()
        self.boxes = PrivateKey.generate()
        self.places: dict[str, dict[str, Kept]] = {
            f"orgs/{self.organization}/actions/secrets": {},
            f"repos/{self.organization}/{self.repository}/actions/secrets": {},
            f"repos/{self.organization}/{self.repository}/environments/{self.environment}/secrets": {},
        }
        """Path -> name -> secret."""
        self.visible = True
        """Whether the App may see the secrets."""
        self.calls: Counter[str] = Counter()
        self.faults = Faults()
        self.revoked: set[str] = set()
        self._clock = 0

    @property
    def of_organization(self) -> dict[str, Kept]:
        """The secrets of the organization."""
        return self.places[f"orgs/{self.organization}/actions/secrets"]

    @property
    def of_repository(self) -> dict[str, Kept]:
        """The secrets of the repository."""
        return self.places[f"repos/{self.organization}/{self.repository}/actions/secrets"]

    def put(self, place: dict[str, Kept], name: str, value: bytes, **more: Any) -> Kept:
        """Store a secret past the API, at a second of its own."""
        self._clock += 1
        place[name] = Kept(value, self._clock, **more)
        return place[name]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        if fault is not None:
            return fault
        path = request.path.removeprefix("/api/v3/")
        if path.startswith("app/"):
            self.calls["login"] += 1
            return await super()._handle(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token in self.revoked or token not in {f"ghs_{number + 1}" for number in range(len(self.issued))}:
            return _error(401, "Bad credentials")
        base = next((each for each in self.places if path == each or path.startswith(f"{each}/")), None)
        if base is None or not self.visible:
            return _error(404, "Not Found")
        rest = path.removeprefix(base).strip("/").split("/")
        self.calls[request.method] += 1
        body = await request.json() if request.can_read_body else {}
        return self._answer(request, base, rest, body)

    def _answer(self, request: web.Request, base: str, rest: list[str], body: dict[str, Any]) -> web.Response:
        place, name = self.places[base], rest[0].upper()
        if name == "PUBLIC-KEY":
            key = base64.b64encode(bytes(self.boxes.public_key)).decode()
            return web.json_response({"key_id": "568250167242549743", "key": key})
        if not name:
            return _page(request, "secrets", [each.shown(own) for own, each in sorted(place.items())])
        if request.method == "PUT":
            return self._written(base.startswith("orgs/"), place, name, body)
        if name not in place:
            return _error(404, "Not Found")
        if request.method == "DELETE":
            del place[name]
            return web.Response(status=204)
        if rest[1:] == ["repositories"]:
            return _page(request, "repositories", [{"id": each} for each in place[name].repositories])
        return web.json_response(place[name].shown(name))

    def _written(self, shared: bool, place: dict[str, Kept], name: str, body: dict[str, Any]) -> web.Response:
        seen = body.get("visibility", "")
        if NAME.fullmatch(name) is None or body.get("key_id") != "568250167242549743" or shared is not bool(seen):
            return _error(422, "Validation failed")
        try:
            value = SealedBox(self.boxes).decrypt(base64.b64decode(body["encrypted_value"]))
        except Exception:  # whatever the sender did wrong
            return _error(422, "Bad request - the encrypted value is invalid")
        if len(value) > MAX_BYTES:
            return _error(422, "Value is too large")
        new = name not in place
        self.put(place, name, value, visibility=seen, repositories=body.get("selected_repository_ids", []))
        return web.json_response({}, status=201) if new else web.Response(status=204)


def _page(request: web.Request, member: str, items: list[Any]) -> web.Response:
    size, number = int(request.query.get("per_page", PAGE)), int(request.query.get("page", 1))
    shown = items[(number - 1) * size : number * size] if 1 <= size <= MAX_PAGE else []
    return web.json_response({"total_count": len(items), member: shown})


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"message": message, "documentation_url": "https://docs.github.com/rest"}, status=status)


def _time(second: int) -> str:
    return f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
