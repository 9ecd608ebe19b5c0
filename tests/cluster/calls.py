"""What the fault proxy records of a request: the fields of the audit log, and the preconditions."""

import json
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl

MUTATING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass
class Call:
    """One request through the proxy."""

    method: str
    """HTTP method."""
    path: str
    """Path without query."""
    query: dict[str, str]
    """Parsed query."""
    verb: str
    """get, list, watch, create, update, patch, delete or deletecollection."""
    plural: str
    """Resource in the path; empty for /healthz, discovery and the like."""
    namespace: str
    """Namespace in the path."""
    name: str
    """Object in the path; for a create, the name in the body (empty if the body is protobuf, as kubectl sends it)."""
    subresource: str
    """status, token, …"""
    user_agent: str
    """The client program."""
    preconditions: dict[str, str]
    """uid and resourceVersion that the write requires; empty: it would change any object of that name."""
    accept: str = ""
    """The Accept header, which may ask for metadata alone."""
    status: int | None = None
    """Status of the answer; None before the answer, or if the connection was cut first."""
    body: Any = field(default=None, repr=False)
    """Parsed body; left out of the repr because it may contain a secret."""

    @classmethod
    def read(cls, method: str, path: str, query: str, user_agent: str, body: bytes, accept: str = "") -> Self:
        """Parse a request."""
        parsed = _json(body)
        asked = dict(parse_qsl(query, keep_blank_values=True))
        namespace, plural, name, subresource = _parts(path)
        return cls(
            method=method,
            path=path,
            query=asked,
            verb=_verb(method, asked, name),
            plural=plural,
            namespace=namespace,
            name=name or str(_metadata(parsed).get("name", "")),
            subresource=subresource,
            user_agent=user_agent,
            preconditions=_preconditions(parsed),
            accept=accept,
            body=parsed,
        )

    @property
    def is_write(self) -> bool:
        """Whether it is a write."""
        return bool(self.plural) and self.verb in MUTATING


def _verb(method: str, query: dict[str, str], name: str) -> str:
    if method == "GET":
        return "watch" if query.get("watch", "0") not in {"0", "false"} else "get" if name else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(method, method.lower())


def _parts(path: str) -> tuple[str, str, str, str]:
    """Split into namespace, plural, name and subresource; a Namespace itself is an object without namespace."""
    words = path.strip("/").split("/")
    rest = words[2:] if words[0] == "api" else words[3:] if words[0] == "apis" else []
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = [*rest, "", "", ""][:3]
    return namespace, plural, name, subresource


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _metadata(body: Any) -> dict[str, Any]:
    return (body.get("metadata") or {}) if isinstance(body, dict) else {}


def _preconditions(body: Any) -> dict[str, str]:
    """Read them from DeleteOptions, the metadata of an update or merge patch, or the tests of a JSON patch."""
    if isinstance(body, list):
        tests = {
            each.get("path"): each.get("value") for each in body if isinstance(each, dict) and each.get("op") == "test"
        }
        found = {key: tests.get(f"/metadata/{key}") for key in ("uid", "resourceVersion")}
    else:
        stated = body.get("preconditions") if isinstance(body, dict) else None
        found = {key: (stated or _metadata(body)).get(key) for key in ("uid", "resourceVersion")}
    return {key: str(value) for key, value in found.items() if value}
