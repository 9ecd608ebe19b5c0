"""Google Cloud Secret Manager, version 1, over REST.

Written from the API reference of projects.secrets and projects.secrets.versions, global and regional: routes, filters,
pages, etags, states of versions, and the errors of google.rpc.Status. Google's own client asks it too
(tests/unit/doubles). It has one project; IAM is a set of permissions that are taken away.
"""

import base64
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
STATUS |= {409: "ALREADY_EXISTS", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
SECRET = re.compile(r"/v1/(?P<parent>projects/[^/]+(?:/locations/[^/]+)?)/secrets(?:/(?P<name>[^/:]+))?(?P<rest>.*)")
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
ANNOTATION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
MAX_BYTES = 65_536


class Refused(Exception):
    """An error of the API."""

    def __init__(self, code: int, message: str, status: str = "") -> None:
        super().__init__(message)
        self.code, self.status = code, status or STATUS[code]


class SecretManagerApi:
    """The secrets of one project.

    Args:
        tokens: that are accepted; None accepts requests without one.
    """

    def __init__(self, tokens: set[str] | None = None) -> None:
        self.tokens = tokens
        self.secrets: dict[tuple[str, str], dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.denied: set[str] = set()
        self._etags = 0

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        try:
            return web.json_response(await self._answer(request))
        except Refused as error:
            told = {"code": error.code, "message": str(error), "status": error.status}
            return web.json_response({"error": told}, status=error.code)

    async def _answer(self, request: web.Request) -> Any:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens is not None and token not in self.tokens:
            raise Refused(401, "Request had invalid authentication credentials.")
        found = SECRET.fullmatch(request.path)
        if found is None:
            raise Refused(404, "Requested entity was not found.")
        parent, name, rest = found["parent"], found["name"], found["rest"]
        body = await request.json() if request.can_read_body else {}
        if name is None:
            return self._collection(request, parent, body)
        if rest.startswith("/versions"):
            return self._versions(request, (parent, name), rest.removeprefix("/versions"))
        return self._secret(request, (parent, name), rest, body)

    def _collection(self, request: web.Request, parent: str, body: Any) -> Any:
        if request.method == "POST":
            self._called("CreateSecret")
            return self._create(parent, request.query.get("secretId", ""), body)
        self._called("ListSecrets")
        size, start = int(request.query.get("pageSize") or 25_000), int(request.query.get("pageToken") or 0)
        names = [each for each in sorted(self.secrets) if each[0] == parent and self._matches(each, request)]
        page = names[start : start + size]
        more = {"nextPageToken": str(start + size)} if start + size < len(names) else {}
        return ({"secrets": [self._shown(each) for each in page], "totalSize": len(names)} if page else {}) | more

    def _matches(self, key: tuple[str, str], request: web.Request) -> bool:
        given = request.query.get("filter", "")
        for term in filter(None, given.split(" AND ")):
            field, sign, value = term.partition("=") if term.startswith("labels.") else term.partition(":")
            if not sign:
                raise Refused(400, "Invalid filter.")
            labels = self.secrets[key].get("labels") or {}
            held = labels.get(field.removeprefix("labels.")) == value if sign == "=" else value in key[1]
            if not held:
                return False
        return True

    def _create(self, parent: str, name: str, body: Any) -> Any:
        if not NAME.fullmatch(name):
            raise Refused(400, "The provided Secret ID does not match the expected format.")
        if (parent, name) in self.secrets:
            raise Refused(409, f"Secret [{parent}/secrets/{name}] already exists.")
        if "locations" not in parent and "replication" not in body:
            raise Refused(400, "The replication field is required.")
        _check(body)
        kept = {each: body[each] for each in ("labels", "annotations", "topics", "replication") if each in body}
        self.secrets[parent, name] = {**kept, "versions": [], "etag": self._etag()}
        return self._shown((parent, name))

    def _secret(self, request: web.Request, key: tuple[str, str], rest: str, body: Any) -> Any:
        if request.method == "POST" and rest == ":addVersion":
            self._called("AddSecretVersion")
            return self._add(key, body)
        calls = {"GET": "GetSecret", "PATCH": "UpdateSecret", "DELETE": "DeleteSecret"}
        self._called(calls[request.method])
        secret = self._found(key)
        given = body.get("etag") or request.query.get("etag")
        if given and given != secret["etag"]:
            raise Refused(400, "The etag does not match.", "FAILED_PRECONDITION")
        if request.method == "DELETE":
            del self.secrets[key]
            return {}
        if request.method == "PATCH":
            _check(body)
            mask = request.query.get("updateMask", "")
            if not mask:
                raise Refused(400, "The update mask is required.")
            secret.update({each: body.get(each) for each in mask.split(",")} | {"etag": self._etag()})
        return self._shown(key)

    def _versions(self, request: web.Request, key: tuple[str, str], rest: str) -> Any:
        secret = self._found(key)
        if not rest:
            self._called("ListSecretVersions")
            wanted = request.query.get("filter", "").removeprefix("state:")
            found = [each for each in secret["versions"] if wanted in ("", each["state"])]
            return {"versions": [_told(each) for each in reversed(found)], "totalSize": len(found)} if found else {}
        name, _, verb = rest.removeprefix("/").partition(":")
        version = self._version(key, name)
        if verb == "access":
            self._called("AccessSecretVersion")
            if version["state"] != "ENABLED":
                text = f"Secret Version [{version['name']}] is in {version['state']} state."
                raise Refused(400, text, "FAILED_PRECONDITION")
            return {"name": version["name"], "payload": {"data": version["data"]}}
        if verb in ("disable", "enable", "destroy"):
            version["state"] = {"disable": "DISABLED", "enable": "ENABLED", "destroy": "DESTROYED"}[verb]
        return _told(version)

    def _add(self, key: tuple[str, str], body: Any) -> Any:
        secret, data = self._found(key), (body.get("payload") or {}).get("data", "")
        if not data:
            raise Refused(400, "Secret Payload cannot be empty.")
        if len(base64.b64decode(data)) > MAX_BYTES:
            raise Refused(400, "The payload is larger than 64 KiB.")
        number = len(secret["versions"]) + 1
        made = f"{datetime.now(UTC).isoformat()}Z".replace("+00:00", "")
        name = f"{key[0]}/secrets/{key[1]}/versions/{number}"
        secret["versions"].append({"name": name, "data": data, "state": "ENABLED", "createTime": made})
        return _told(secret["versions"][-1])

    def _version(self, key: tuple[str, str], name: str) -> Any:
        versions = self.secrets[key]["versions"]
        number = len(versions) if name == "latest" else int(name) if name.isdecimal() else 0
        if not 1 <= number <= len(versions):
            raise Refused(404, f"Secret Version [{key[0]}/secrets/{key[1]}/versions/{name}] not found.")
        return versions[number - 1]

    def _found(self, key: tuple[str, str]) -> Any:
        if key not in self.secrets:
            raise Refused(404, f"Secret [{key[0]}/secrets/{key[1]}] not found or has no versions.")
        return self.secrets[key]

    def _shown(self, key: tuple[str, str]) -> Any:
        secret = self.secrets[key]
        told = {name: each for name, each in secret.items() if name != "versions" and each}
        return {"name": f"{key[0]}/secrets/{key[1]}", **told}

    def _called(self, call: str) -> None:
        self.calls[call] += 1
        if call in self.denied:
            raise Refused(403, "Permission denied on resource (or it may not exist).")

    def _etag(self) -> str:
        self._etags += 1
        return f'"{self._etags:x}"'


def _told(version: Any) -> Any:
    return {name: each for name, each in version.items() if name != "data"}


def _check(body: Any) -> None:
    for name, value in (body.get("labels") or {}).items():
        if not LABEL.fullmatch(name) or not LABEL_VALUE.fullmatch(value):
            raise Refused(400, "The label does not match the expected format.")
    if not all(ANNOTATION.fullmatch(each) for each in body.get("annotations") or {}):
        raise Refused(400, "The annotation key does not match the expected format.")
