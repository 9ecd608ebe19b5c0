"""Infisical: one project with environments and folders, and its logins.

Written from Infisical's API reference: logins below /api/v1/auth (universal, jwt, ldap, kubernetes), revocation, GET
/api/v3/secrets/raw with recursive, include_imports and expandSecretReferences, one secret by name, POST, PATCH and
DELETE with workspaceId, a project by its slug, GET /api/v1/folders; errors as {"statusCode", "message", "error"}: 400,
401, 403, 404 for a secret, a folder, an environment and a project alike. A missing folder or environment is listed as
an empty one.
"""

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.cluster.serving import Served
from tests.doubles.faults import Faults

REFERENCE = re.compile(r"\$\{([A-Z_]+)\}")
LOGINS = {
    "universal-auth": {"clientId": "client", "clientSecret": "hunter2"},
    "jwt-auth": {"identityId": "identity", "jwt": "token-of-issuer"},
    "ldap-auth": {"identityId": "identity", "username": "user", "password": "hunter2"},
    "kubernetes-auth": {"identityId": "identity", "jwt": "token-of-pod"},
}


class Infisical:
    """One project; use it as a context manager."""

    project, project_id, environment, fixed_token = "app", "6f1c", "dev", "st.fixed"

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, dict[str, Any]]] = {"/": {}}
        """Folder -> name -> secret."""
        self.imports: dict[str, list[dict[str, dict[str, Any]]]] = {}
        """Folder -> what it imports, the first import first."""
        self.tokens = {self.fixed_token}
        self.revoked: list[str] = []
        self.calls: Counter[str] = Counter()
        self.faults = Faults()
        self.denied: set[str] = set()
        """`list` and `read`."""

    def __enter__(self) -> "Infisical":
        self._served = Served(self._handle)
        self.url = f"{self._served.start()}/api"
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    def put(self, name: str, value: str, folder: str = "/", **body: Any) -> dict[str, Any]:
        """Store a secret past the API."""
        found = self.folders.setdefault(folder, {})
        version = found[name]["version"] + 1 if name in found else 1
        found[name] = {"secretKey": name, "secretValue": value, "secretPath": folder, "version": version, **body}
        return found[name]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        if fault is not None:
            return fault
        steps = request.raw_path.partition("?")[0].removeprefix("/api/").split("/")
        body = await request.json() if request.can_read_body else {}
        if steps[:2] == ["v1", "auth"] and steps[-1] == "login":
            return self._login(steps[2], body)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return _error(401, "Token missing or expired")
        if steps[:3] == ["v1", "auth", "token"]:
            self.tokens.discard(token)
            self.revoked.append(token)
            return web.json_response({"message": "Successfully revoked access token"})
        if steps[:3] == ["v1", "projects", "slug"]:
            known = steps[3] == self.project
            return web.json_response({"id": self.project_id}) if known else _error(404, "Project not found")
        if steps == ["v1", "folders"]:
            return self._folders(request.query)
        if steps[:3] != ["v3", "secrets", "raw"]:
            return _error(404, "Route not found")
        self.calls[f"{request.method} {'list' if len(steps) == 3 else 'one'}"] += 1
        return self._secrets(request, unquote(steps[3]) if len(steps) > 3 else "", {**request.query, **body})

    def _secrets(self, request: web.Request, name: str, said: Mapping[str, Any]) -> web.Response:
        if ("read" if name else "list") in self.denied:
            return _error(403, "You are not allowed to read on secrets")
        if (
            said.get("workspaceSlug", self.project) != self.project
            or said.get("workspaceId", self.project_id) != self.project_id
        ):
            return _error(404, "Project not found")
        folder = said.get("secretPath", "/")
        known = said.get("environment") == self.environment and self._exists(folder)
        if not name:
            return self._list(folder, said) if known else web.json_response({"secrets": [], "imports": []})
        if not known:
            environment = said.get("environment")
            return _error(404, f"Folder with path '{folder}' in environment with slug '{environment}' not found")
        if request.method == "GET":
            return self._read(folder, name, said)
        return self._change(request.method, folder, name, said)

    def _exists(self, folder: str) -> bool:
        return any(each == folder or each.startswith(f"{folder.rstrip('/')}/") for each in self.folders)

    def _folders(self, said: Mapping[str, str]) -> web.Response:
        if said["workspaceId"] != self.project_id or said["environment"] != self.environment:
            return _error(404, f"Environment with slug '{said['environment']}' not found")
        above = f"{said['path'].rstrip('/')}/"
        names = {each.removeprefix(above).split("/")[0] for each in self.folders if each.startswith(above)} - {""}
        return web.json_response({"folders": [{"id": each, "name": each} for each in sorted(names)]})

    def _list(self, folder: str, said: Mapping[str, Any]) -> web.Response:
        inside = [each for each in self.folders if each == folder or each.startswith(f"{folder.rstrip('/')}/")]
        wanted = inside if said.get("recursive") == "true" else [folder]
        found = [self._shown(each, said) for place in wanted for each in self.folders.get(place, {}).values()]
        imports = [
            {"secrets": [self._shown(each, said) for each in given.values()]} for given in self.imports.get(folder, [])
        ]
        told = {"imports": imports} if said.get("include_imports") == "true" else {}
        return web.json_response({"secrets": found, **told})

    def _read(self, folder: str, name: str, said: Mapping[str, Any]) -> web.Response:
        found = self.folders.get(folder, {}).get(name)
        if found is None and said.get("include_imports") == "true":
            found = next((given[name] for given in self.imports.get(folder, []) if name in given), None)
        if found is None:
            return _error(404, f"Secret with name '{name}' not found")
        return web.json_response({"secret": self._shown(found, said)})

    def _change(self, method: str, folder: str, name: str, said: Mapping[str, Any]) -> web.Response:
        known = name in self.folders.get(folder, {})
        if "workspaceId" not in said:
            return _error(400, "workspaceId is missing")
        if method == "POST" and known:
            return _error(400, "Secret already exist")
        if method != "POST" and not known:
            return _error(404, f"Secret with name '{name}' not found")
        if method == "DELETE":
            return web.json_response({"secret": self.folders[folder].pop(name)})
        metadata = {"secretMetadata": said["secretMetadata"]} if "secretMetadata" in said else {}
        return web.json_response({"secret": self.put(name, said["secretValue"], folder, **metadata)})

    def _shown(self, secret: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        if said.get("expandSecretReferences") != "true":
            return dict(secret)
        own = self.folders.get(secret["secretPath"], {})

        def resolved(match: "re.Match[str]") -> str:
            return own[match.group(1)]["secretValue"] if match.group(1) in own else match.group(0)

        return {**secret, "secretValue": REFERENCE.sub(resolved, secret["secretValue"])}

    def _login(self, kind: str, said: Mapping[str, str]) -> web.Response:
        if said != LOGINS.get(kind):
            return _error(401, "Invalid credentials")
        token = f"token-{secrets.token_hex(4)}"
        self.tokens.add(token)
        return web.json_response({"accessToken": token, "expiresIn": 7200, "tokenType": "Bearer"})


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"reqId": secrets.token_hex(4), "statusCode": status, "message": message}, status=status)
