"""The subject of Infisical, on a double."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.conformance.providers.subject import Subject
from tests.doubles.infisical import Infisical


class InfisicalSubject(Subject):
    """One environment of a project."""

    NAME = LABEL = "Infisical"
    KIND = "infisical"
    SERVER = "a double; never run against Infisical"
    WRITES = frozenset({"CreateSecret", "UpdateSecret", "DeleteSecret"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_version_is_read": "only the current version is read",
        "test_a_disabled_version_is_not_absent": "a secret cannot be disabled",
        "test_tags_are_read_as_metadata": "its tags have no values",
        "test_a_search_by_tags": "its tags have no values",
        "test_a_search_goes_through_all_pages": "its lists are whole",
        "test_an_unknown_authority_is_not_trusted": "the double speaks plain HTTP",
        "test_bytes_that_are_no_text_are_read": "its values are text",
        "test_versions_tell_whether_a_secret_changed": "its lists hold values, and cost as much as reads",
    }
    denied = (403, {"statusCode": 403, "message": "You are not allowed to read"})
    throttled = (429, {"statusCode": 429, "message": "Rate limit exceeded"})
    binary = False
    taken_over_if_recorded = True

    def __init__(self) -> None:
        super().__init__()
        self.server = Infisical()
        self.server.__enter__()

    def stop(self) -> None:
        self.server.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        login = {"clientId": {"name": "login", "key": "id"}, "clientSecret": {"name": "login", "key": "secret"}}
        scope = {"projectSlug": self.server.project, "environmentSlug": self.server.environment, "recursive": True}
        auth = {"universalAuthCredentials": login}
        return {"hostAPI": url or self.server.url, "secretsScope": scope, "auth": auth}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"id": b"client", "secret": b"hunter2"}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"id": b"client", "secret": b"wrong-secret"}}

    def find_path(self, start: str) -> str:
        return f"/{start}"

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        folder, _, name = f"/{key}".rpartition("/")
        told = [{"key": each, "value": text} for each, text in (marks or {}).items()]
        self.server.put(name, content.decode(), folder or "/", secretMetadata=told)

    def remove(self, key: str) -> None:
        del self.server.folders["/"][key]

    def content(self, key: str) -> bytes | None:
        found = self.server.folders["/"].get(key)
        return None if found is None else found["secretValue"].encode()

    def found_marks(self, key: str) -> Mapping[str, str]:
        return {each["key"]: each["value"] for each in self.server.folders["/"][key]["secretMetadata"]}
