"""Secrets of one namespace of a cluster: values, labels and annotations, search."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from external.providers.kubernetes.connection import Connection
from external.providers.kubernetes.lists import Listing, listed, reviewed
from external.providers.kubernetes.push import ClusterPush
from external.providers.protocol import (
    DocumentPath,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretRequest,
    one_by_one,
)
from external.providers.support.naming import compiled
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.support.search import SearchResults
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.secret_value import SecretValue

MAX_SECRET_BYTES = 1 << 20  # an API server accepts no larger Secret


class ParsedSecret(SecretValue):
    """A parsed Secret, or its labels and annotations: parsing happens once, in a thread."""

    __slots__ = ("kind", "members", "size")

    def __init__(self, kind: str, members: Mapping[str, Any], size: int) -> None:
        super().__init__(b"")
        self.kind, self.members, self.size = kind, members, size

    def __len__(self) -> int:
        return self.size

    def parts(self) -> Iterator[bytes]:
        """Yield kind, names and values."""
        yield self.kind.encode()
        for name, value in sorted(self.members.items()):
            yield name.encode()
            yield value if isinstance(value, bytes) else _json(value).encode()


class Cluster(DelegatesPushes):
    """Reads and pushes Secrets of one namespace.

    Args:
        seconds: maximum duration of a search.
        cluster: name of the cluster in condition texts.
        chooses_namespace: whether pushed entries may name another namespace.
        closed: namespaces that nothing is pushed to.
    """

    natural = False
    batch = 1

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        seconds: float,
        cluster: str,
        *,
        chooses_namespace: bool = False,
        closed: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(ClusterPush(connection, namespace, chooses_namespace=chooses_namespace, closed=closed))
        self._connection = connection
        self._cluster = cluster
        self._namespace = namespace
        self._seconds = seconds

    def validate(self) -> None:
        """Check that the identity may read Secrets; none is read. Raises ProviderError."""
        body: dict[str, Any] = {"spec": {"namespace": self._namespace}}
        rules = reviewed(self._connection, "SelfSubjectRulesReview", body).get("resourceRules") or ()
        if any(_allows(rule) for rule in rules):
            return
        body = {"spec": {"resourceAttributes": {"namespace": self._namespace, "verb": "get", "resource": "secrets"}}}
        if not reviewed(self._connection, "SelfSubjectAccessReview", body).get("allowed"):
            raise ProviderDenied("client is not allowed to get secrets")

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._connection.close()

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return whole Secrets, for `pick` and `members`."""
        return one_by_one(requests, self._whole)

    def location(self, request: SecretRequest) -> str:
        """Return namespace and cluster."""
        del request
        return f"namespace {self._namespace} of {self._cluster}"

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the Secrets whose name matches and which have all labels, each as a JSON object of texts."""
        if find.name is None and find.tags is None:
            raise ProviderDenied("unexpected find operator: name or tags is missing")
        pattern, found = compiled(find.name), SearchResults()
        for secret in self._listed(find.tags or ()):
            name = _mapping("ListSecrets", secret, "metadata").get("name")
            if isinstance(name, str) and _sound(name) and pattern.search(name):
                found[name] = _texts(_decoded("ListSecrets", secret))
        return found

    def property_value(self, whole: SecretValue, path: str) -> SecretValue | DocumentPath | None:
        """Return a value by its key, or the value that a path leads into; all of them as JSON for an empty path."""
        kind, members = _opened(whole)
        if not path:
            return _texts(members) if kind == "data" else SecretValue(_json(members).encode())
        if path in members:
            return _value(members[path])
        head, dot, rest = path.partition(".")
        if not (head and dot and rest) or head not in members:
            return None
        inner = members[head]
        if isinstance(inner, dict):
            return SecretValue(inner[rest].encode()) if rest in inner else None
        return DocumentPath(SecretValue(inner), rest)

    def missing(self, key: str, path: str, *, metadata: bool, extract: bool) -> str:
        """Return external-secrets' text for a property that does not exist."""
        if extract:
            return f"property {path} does not exist in key {key}"
        return f'property {path} does not exist in {"metadata" if metadata else "data"} of secret "{key}"'

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | None:
        """Return all values of a Secret, or the members of a JSON object; strings keep their quotes."""
        if isinstance(found, ParsedSecret):
            return {name: _value(value) for name, value in found.members.items()}
        try:
            parsed = read_json(found.reveal(), ANSWER)
            if isinstance(parsed, dict):
                return {name: SecretValue(_json(value).encode("utf-8", "replace")) for name, value in parsed.items()}
        except Unreadable:
            pass
        return None

    def _whole(self, request: SecretRequest) -> SecretValue:
        if not request.key or "/" in request.key or request.key in (".", ".."):
            raise ProviderDenied("the key is no name of a Secret")
        path = f"{self._path()}/{quote(request.key, safe='')}"
        secret = self._connection.request("GetSecret", "GET", path)
        if secret.get("kind") != "Secret":
            raise ProviderUnavailable("GetSecret: the answer is no Secret")
        if request.metadata:
            meta = _mapping("GetSecret", secret, "metadata")
            told = {name: _checked("GetSecret", meta, name) for name in ("annotations", "labels")}
            return _whole("told", told, sum(map(_size, told.values())))
        data = _decoded("GetSecret", secret)
        return _whole("data", data, _size(data))

    def _listed(self, tags: Sequence[tuple[str, str]]) -> Iterator[Any]:
        yield from listed(
            self._connection, Listing("ListSecrets", "Secrets", self._path(), "SecretList"), tags, self._seconds
        )

    def _path(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/secrets"


def _allows(rule: Mapping[str, Any]) -> bool:
    def has(field: str, *wanted: str) -> bool:
        return bool({"*", *wanted} & set(rule.get(field) or ()))

    return has("verbs", "get") and has("resources", "secrets") and bool({"", "*"} & set(rule.get("apiGroups") or ()))


def _opened(whole: SecretValue) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(whole, ParsedSecret):
        raise ProviderDenied("a list of Secrets is no Secret")
    return whole.kind, whole.members


def _whole(kind: str, members: Mapping[str, Any], size: int) -> ParsedSecret:
    if size > MAX_SECRET_BYTES:
        raise ProviderDenied(f"GetSecret: the answer holds more than {MAX_SECRET_BYTES} bytes, and no Secret does")
    return ParsedSecret(kind, members, size)


def _mapping(name: str, body: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return a member that is an object, or nothing. Raises ProviderUnavailable for another type."""
    found = body.get(field) or {}
    if not isinstance(found, dict):
        raise ProviderUnavailable(f"{name}: {field} is no object")
    return found


def _checked(name: str, body: Mapping[str, Any], field: str) -> Mapping[str, str]:
    """Return a member whose own members are texts, or nothing. Raises ProviderUnavailable."""
    found = _mapping(name, body, field)
    if not all(isinstance(each, str) and _sound(key) and _sound(each) for key, each in found.items()):
        raise ProviderUnavailable(f"{name}: what is in {field} is no text")
    return found


def _sound(text: str) -> bool:
    """Return True if a text can be encoded as UTF-8: JSON may hold half a surrogate pair, which cannot."""
    return text.isascii() or text == text.encode(errors="replace").decode()


def _size(members: Mapping[str, str | bytes]) -> int:
    return sum(len(key) + len(each) for key, each in members.items())


def _decoded(name: str, secret: Mapping[str, Any]) -> dict[str, bytes]:
    try:
        return {key: base64.b64decode(value) for key, value in _checked(name, secret, "data").items()}
    except ValueError:
        raise ProviderUnavailable(f"{name}: what is in data is no base64") from None


def _texts(data: Mapping[str, bytes]) -> SecretValue:
    return SecretValue(_json({name: value.decode(errors="replace") for name, value in data.items()}).encode())


def _value(value: bytes | Mapping[str, str]) -> SecretValue:
    return SecretValue(value if isinstance(value, bytes) else _json(value).encode())


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
