"""The subject of Scaleway Secret Manager, on a double."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from external.providers.push import RemoteRef
from tests.conformance.providers.subject import Subject
from tests.doubles.scaleway import Scaleway

TAGS = "its tags have no values"


class ScalewaySubject(Subject):
    """One project."""

    NAME = "Scaleway"
    KIND = "scaleway"
    LABEL = "Scaleway/SecretManager"
    SERVER = "a double; never run against Scaleway"
    WRITES = frozenset({"CreateSecret", "CreateSecretVersion", "UpdateSecret", "DeleteSecret"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_tags_are_read_as_metadata": TAGS,
        "test_a_search_by_tags": TAGS,
        "test_an_unknown_authority_is_not_trusted": "a store names no authority",
        "test_a_value_of_one_mebibyte_is_read": "it takes 64 KiB",
        "test_versions_tell_whether_a_secret_changed": "its lists have no versions",
    }
    denied = (403, {"type": "permissions_denied", "message": "insufficient permissions"})
    throttled = (429, {"type": "too_many_requests", "message": "quota exceeded"})
    empty = False
    taken_over_if_recorded = True
    max_bytes = 64 << 10
    page = 100

    def __init__(self) -> None:
        super().__init__()
        self.server = Scaleway()
        self.server.__enter__()

    def stop(self) -> None:
        self.server.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        secret = {"secretRef": {"name": "scaleway", "key": "key"}}
        about = {"projectId": self.server.project, "region": self.server.region, "apiUrl": url or self.server.url}
        return {**about, "accessKey": {"value": self.server.access_key}, "secretKey": secret}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"scaleway": {"key": self.server.secret_key.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"scaleway": {"key": b"wrong-key"}}

    def client(self, **given: Any) -> Any:
        return NamedClient(super().client(**given))

    def path_of(self, key: str) -> str:
        return f"{key}/"

    def find_path(self, start: str) -> str:
        return f"/{start.strip('/')}"

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        folder, _, name = f"/{key}".rpartition("/")
        self.server.put(name, content, folder or "/", tuple(f"{each}={text}" for each, text in (marks or {}).items()))

    def remove(self, key: str) -> None:
        del self.server.secrets[self._secret(key)["id"]]

    def put_second(self, key: str, content: bytes) -> str:
        self.put(key, content, None)
        return "1"

    def disable(self, key: str) -> None:
        for each in self._secret(key)["versions"]:
            each["enabled"] = False

    def content(self, key: str) -> bytes | None:
        found = self.server.named(key)
        versions = [each["data"] for each in found["versions"] if each["enabled"]] if found else []
        return versions[-1] if versions else None

    def found_marks(self, key: str) -> Mapping[str, str]:
        return {name: text for name, mark, text in (each.partition("=") for each in self._secret(key)["tags"]) if mark}

    def _secret(self, key: str) -> dict[str, Any]:
        found = self.server.named(key)
        assert found is not None
        return found


class NamedClient:
    """A client to which a key of the table is the name of a secret."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def read(self, requests: Any) -> Any:
        asked = {replace(each, key=named(each.key)): each for each in requests}
        return {asked[each]: found for each, found in self._client.read(list(asked)).items()}

    def push(self, request: Any) -> Any:
        return self._client.push(replace(request, ref=_ref(request.ref)))

    def exists(self, ref: RemoteRef, metadata: object = None) -> Any:
        return self._client.exists(_ref(ref), metadata)

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> Any:
        return self._client.delete(_ref(ref), owner, metadata)


def named(key: str) -> str:
    """Return a key of the table as one of Scaleway."""
    return f"name:{key}"


def _ref(ref: RemoteRef) -> RemoteRef:
    return RemoteRef(named(ref.key), ref.property)
