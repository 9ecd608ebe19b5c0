"""Delinea Secret Server.

Written from "Secret Server REST API" v1: /oauth2/token with a form (200 with `expires_in`, 400 with `error`); secrets
by id and by `secretPath`, their `items` with slugs; search with `filter.searchText`, `filter.searchField`,
`filter.isExactMatch`, `filter.folderId` and `filter.includeInactive`, `skip`, `take` and `hasNext`; one field by its
slug; templates; a deleted secret that stays, inactive. A secret that is not there and one that the user may not see
have the same answer: 400 with API_AccessDenied. An expired token is refused with 401.
"""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import unquote

from aiohttp import web

from tests.doubles.double import Double

TEMPLATE = 6098
SLUGS = ("data", "user", "password", "p")
MAX_TAKE = 100


@dataclass
class Secret:
    """One secret of the template."""

    id: int
    name: str
    folder: int
    values: dict[str, str]
    active: bool = True
    visible: bool = True
    files: dict[str, bytes] = field(default_factory=dict)
    """Content by the slug of a field."""

    def shown(self) -> dict[str, Any]:
        """Return the secret as the API shows it."""
        items = [
            {
                "itemId": self.id * 10 + number,
                "fieldId": 400 + number,
                "fileAttachmentId": 7 if slug in self.files else None,
                "fieldName": slug.capitalize(),
                "slug": slug,
                "fieldDescription": "",
                "filename": None,
                "itemValue": "*** Not Valid For Display ***" if slug in self.files else self.values.get(slug, ""),
                "isFile": slug in self.files,
                "isNotes": False,
                "isPassword": slug == "password",
            }
            for number, slug in enumerate(SLUGS)
        ]
        about = {"id": self.id, "name": self.name, "folderId": self.folder, "siteId": 1, "secretTemplateId": TEMPLATE}
        return {**about, "secretPolicyId": -1, "active": self.active, "checkedOut": False, "items": items}


class SecretServer(Double):
    """One server with the folders `/app` and `/other`; use it as a context manager."""

    user, password, domain = "robot", "hunter2-hunter2", "acme"
    folders: ClassVar[dict[int, str]] = {73: "\\app", 74: "\\other"}

    def __init__(self) -> None:
        super().__init__()
        self.secrets: list[Secret] = []
        self.tokens: set[str] = {"token-of-a-user"}
        self._logins = 0

    def put(self, name: str, folder: int = 73, **values: str) -> Secret:
        """Store a secret past the API, in the place of an active one."""
        made = Secret(len(self.secrets) + 100, name, folder, values)
        found = next(
            (each for each in self.secrets if (each.name, each.folder) == (name, folder) and each.active), None
        )
        if found is not None:
            found.values = values
            return found
        self.secrets.append(made)
        return made

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/oauth2/token":
            return self._login({name: str(each) for name, each in (await request.post()).items()})
        if request.path == "/api/v1/healthcheck":
            return web.json_response({"Healthy": True})
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return web.json_response({"message": "Authorization has been denied for this request."}, status=401)
        steps = request.path.removeprefix("/api/v1/").split("/")
        self.calls[f"{request.method} {steps[0]}"] += 1
        body = await request.json() if request.can_read_body else {}
        if steps == ["secrets"]:
            return self._created(body) if request.method == "POST" else self._page(request)
        if steps == ["secret-templates", str(TEMPLATE)]:
            fields = [
                {
                    "secretTemplateFieldId": 400 + number,
                    "fieldSlugName": slug,
                    "name": slug.capitalize(),
                    "isFile": False,
                }
                for number, slug in enumerate(SLUGS)
            ]
            return web.json_response({"id": TEMPLATE, "name": "Keys", "fields": fields})
        return self._one(request, steps, body)

    def _login(self, form: dict[str, str]) -> web.Response:
        wanted = {"grant_type": "password", "username": self.user, "password": self.password, "domain": self.domain}
        if form != wanted:
            return web.json_response({"error": "Login failed."}, status=400)
        self._logins += 1
        token = f"issued-{self._logins}"
        self.tokens.add(token)
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": 1200})

    def _page(self, request: web.Request) -> web.Response:
        asked = request.query
        take, skip = min(int(asked.get("take", 10)), MAX_TAKE), int(asked.get("skip", 0))
        text, folder = asked.get("filter.searchText", "").lower(), asked.get("filter.folderId")
        exact = asked.get("filter.isExactMatch") == "true"
        found = [
            each
            for each in self.secrets
            if each.visible
            and (each.active or asked.get("filter.includeInactive") == "true")
            and (each.name.lower() == text if exact and text else text in each.name.lower())
            and folder in (None, str(each.folder))
        ]
        shown = [
            {"id": each.id, "name": each.name, "folderId": each.folder, "active": each.active}
            for each in found[skip : skip + take]
        ]
        return web.json_response({"records": shown, "total": len(found), "hasNext": len(found) > skip + take})

    def _created(self, body: dict[str, Any]) -> web.Response:
        if body.get("secretTemplateId") != TEMPLATE or body.get("folderId") not in self.folders or not body.get("name"):
            return web.json_response({"message": "The request is invalid.", "modelState": {}}, status=400)
        values = {SLUGS[each["fieldId"] - 400]: each["itemValue"] for each in body["items"]}
        made = Secret(len(self.secrets) + 100, body["name"], body["folderId"], values)
        self.secrets.append(made)
        return web.json_response(made.shown())

    def _one(self, request: web.Request, steps: list[str], body: dict[str, Any]) -> web.Response:
        path = request.query.get("secretPath")
        found = next(
            (
                each
                for each in self.secrets
                if each.visible
                and (f"{self.folders[each.folder]}\\{each.name}" == path if path else str(each.id) == steps[1])
            ),
            None,
        )
        if found is None:
            return web.json_response({"errorCode": "API_AccessDenied", "message": "Access Denied"}, status=400)
        if len(steps) == 4 and request.method == "PUT":
            found.values[unquote(steps[3])] = body["value"]
            return web.Response(text=json.dumps(body["value"]), content_type="application/json")
        if len(steps) == 4:
            return web.Response(body=found.files[unquote(steps[3])])
        if request.method == "DELETE":
            found.active = False
            return web.json_response({"id": found.id, "objectType": "Secret", "responseCodes": []})
        return web.json_response(found.shown())
