"""The subject of Bitwarden Secrets Manager, on a double of its SDK server."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.conformance.providers.subject import Subject
from tests.doubles.bitwarden import Bitwarden

IDS = "a search names secrets by their ids"


class BitwardenSubject(Subject):
    """One project."""

    NAME = "Bitwarden"
    KIND = "bitwardensecretsmanager"
    LABEL = "Bitwarden/SecretsManager"
    SERVER = "a double of its SDK server; never run against Bitwarden"
    WRITES = frozenset({"CreateSecret", "UpdateSecret", "DeleteSecret"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_version_is_read": "a secret has one version",
        "test_a_disabled_version_is_not_absent": "a secret has one version",
        "test_tags_are_read_as_metadata": "it has no tags",
        "test_a_search_by_tags": "it has no tags",
        "test_a_search_by_name": IDS,
        "test_a_search_goes_through_all_pages": "its lists are whole",
        "test_an_unknown_authority_is_not_trusted": "the double speaks plain HTTP",
        "test_bytes_that_are_no_text_are_read": "its values are text",
        "test_versions_tell_whether_a_secret_changed": "its lists have no versions",
    }
    denied = (403, "access token has no right to this organization")
    throttled = (429, "too many requests")
    other_forms = ('{"data":[{"id":1}]}',)
    binary = False
    taken_over_if_recorded = True
    some_metadata: ClassVar[Mapping[str, Any]] = {"note": "by hand"}

    def __init__(self) -> None:
        super().__init__()
        self.server = Bitwarden()
        self.server.__enter__()

    def stop(self) -> None:
        self.server.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        return {
            "bitwardenServerSDKURL": url or self.server.url,
            "organizationID": self.server.organization,
            "projectID": self.server.project,
            "auth": {"secretRef": {"credentials": {"name": "bitwarden", "key": "token"}}},
        }

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"bitwarden": {"token": self.server.token.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"bitwarden": {"token": b"wrong-token"}}

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        if self.server.of_key(key) is not None:
            self.remove(key)
        self.server.put(key, content.decode(), " ".join(f"{name}={text}" for name, text in (marks or {}).items()))

    def remove(self, key: str) -> None:
        del self.server.secrets[(self.server.of_key(key) or {})["id"]]

    def content(self, key: str) -> bytes | None:
        found = self.server.of_key(key)
        return None if found is None else found["value"].encode()

    def found_marks(self, key: str) -> Mapping[str, str]:
        last = (self.server.of_key(key) or {})["note"].rpartition("\n")[2]
        return dict(each.split("=", 1) for each in last.split() if "=" in each)
