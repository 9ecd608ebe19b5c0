"""Secrets of one namespace of a cluster: values, labels and annotations, lists (providers 4.2)."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from external.properties import take
from external.providers.kubernetes.connection import Connection
from external.providers.naming import compiled
from external.providers.protocol import Find, ProviderDenied, ProviderError, ProviderUnavailable, SecretAbsent, Want
from manager.plain import Plain

PAGE = 100  # Secrets in one answer: of a megabyte each at most, and an answer may have eight
REVIEWS = "/apis/authorization.k8s.io/v1"


class Cluster:
    """Reads Secrets of one namespace."""

    capabilities = "ReadWrite"
    natural = False
    batch = 1

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace

    def validate(self) -> None:
        """Find out whether the identity may read Secrets; none is read. Raises ProviderError."""
        body: dict[str, Any] = {"spec": {"namespace": self._namespace}}
        rules = self._review("CreateSelfSubjectRulesReview", "selfsubjectrulesreviews", body).get("resourceRules") or ()
        if any(_allows(rule) for rule in rules):
            return
        body = {"spec": {"resourceAttributes": {"namespace": self._namespace, "verb": "get", "resource": "secrets"}}}
        if not self._review("CreateSelfSubjectAccessReview", "selfsubjectaccessreviews", body).get("allowed"):
            raise ProviderDenied("client is not allowed to get secrets")

    def close(self) -> None:
        """Give the connections back; a token ends by itself."""
        self._connection.close()

    def read(self, wants: Sequence[Want]) -> Mapping[Want, Plain | ProviderError]:
        """Return whole Secrets, as `pick` and `members` take them apart."""
        found: dict[Want, Plain | ProviderError] = {}
        for want in wants:
            try:
                found[want] = self._whole(want)
            except ProviderUnavailable:
                raise
            except ProviderError as error:
                found[want] = error
        return found

    def find(self, find: Find) -> Mapping[str, Plain]:
        """Return the Secrets whose name matches and which have all labels, each as a JSON object of texts."""
        if not find.name and not find.tags:
            raise ProviderDenied("unexpected find operator: name or tags is missing")
        pattern, found = compiled(find.name), dict[str, Plain]()
        for secret in self._listed(find.tags):
            name = str(secret["metadata"]["name"])
            if pattern.search(name):
                found[name] = _texts(_decoded(secret.get("data")))
        return found

    def pick(self, whole: Plain, path: str) -> Plain | None:
        """Return a value by its key, or by a path below one; without a path all, as a JSON object of texts."""
        kind, members = _opened(whole)
        if not path:
            return _texts(members) if kind == "data" else Plain(_json(members).encode())
        if path in members:
            return _value(members[path])
        head, dot, rest = path.partition(".")
        if not (head and dot and rest) or head not in members:
            return None
        inner = members[head]
        if isinstance(inner, dict):
            return Plain(inner[rest].encode()) if rest in inner else None
        return take(inner, rest)

    def members(self, whole: Plain, path: str) -> Mapping[str, Plain] | None:
        """Return all values; with a path the members of the JSON object that it leads to, strings in quotes (4.2).

        None where it leads to none.
        """
        _, members = _opened(whole)
        if not path:
            return {name: _value(value) for name, value in members.items()}
        found = self.pick(whole, path)
        try:
            parsed = json.loads(found.reveal()) if found is not None else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(parsed, dict):
            return None
        return {name: Plain(_json(value).encode()) for name, value in parsed.items()}

    def _whole(self, want: Want) -> Plain:
        if not want.key or "/" in want.key or want.key in (".", ".."):
            raise ProviderDenied("the key is no name of a Secret")
        path = f"{self._path()}/{quote(want.key, safe='')}"
        secret = self._connection.ask("GetSecret", "GET", path)
        if secret.get("kind") != "Secret":
            raise ProviderUnavailable("GetSecret: the answer is no Secret")
        if not want.metadata:
            return Plain(json.dumps({"data": secret.get("data") or {}}).encode())
        meta = secret.get("metadata") or {}
        told = {"annotations": meta.get("annotations") or {}, "labels": meta.get("labels") or {}}
        return Plain(json.dumps({"told": told}).encode())

    def _listed(self, tags: Sequence[tuple[str, str]]) -> Iterator[Any]:
        params = {"limit": str(PAGE)}
        if tags:
            params["labelSelector"] = ",".join(f"{key}={value}" for key, value in tags)
        while True:
            page = self._connection.ask("ListSecrets", "GET", self._path(), params=params)
            yield from page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            params["continue"] = token

    def _path(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/secrets"

    def _review(self, name: str, plural: str, body: dict[str, Any]) -> Mapping[str, Any]:
        kind = name.removeprefix("Create")
        whole = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, **body}
        try:
            answer = self._connection.ask(name, "POST", f"{REVIEWS}/{plural}", json=whole)
        except SecretAbsent:
            raise ProviderUnavailable(f"{name}: there is no such API") from None
        return answer.get("status") or {}


def _allows(rule: Mapping[str, Any]) -> bool:
    def has(field: str, *wanted: str) -> bool:
        return bool({"*", *wanted} & set(rule.get(field) or ()))

    return has("verbs", "get") and has("resources", "secrets") and bool({"", "*"} & set(rule.get("apiGroups") or ()))


def _opened(whole: Plain) -> tuple[str, dict[str, Any]]:
    ((kind, members),) = json.loads(whole.reveal()).items()
    return kind, _decoded(members) if kind == "data" else members


def _decoded(data: Mapping[str, str] | None) -> dict[str, bytes]:
    return {name: base64.b64decode(value) for name, value in (data or {}).items()}


def _texts(data: Mapping[str, bytes]) -> Plain:
    return Plain(_json({name: value.decode(errors="replace") for name, value in data.items()}).encode())


def _value(value: bytes | Mapping[str, str]) -> Plain:
    return Plain(value if isinstance(value, bytes) else _json(value).encode())


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
