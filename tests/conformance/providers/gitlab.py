"""The subject of GitLab's CI/CD variables, on a double."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.conformance.providers.subject import Subject
from tests.doubles.gitlab.variables import GitLabVariables

NO_DASH = "its names hold no dash, and those of this test do"


class GitLabSubject(Subject):
    """One project."""

    NAME = LABEL = "GitLab"
    KIND = "gitlab"
    SERVER = "a double; never run against GitLab"
    NO_PUSHES = "it takes no secrets"
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_version_is_read": "a variable has one version",
        "test_a_disabled_version_is_not_absent": "a variable has one version",
        "test_tags_are_read_as_metadata": "its only tag is the environment",
        "test_a_search_by_tags": "its only tag is the environment",
        "test_a_search_by_name": NO_DASH,
        "test_a_search_goes_through_all_pages": NO_DASH,
        "test_a_search_below_a_path": "its variables have no path",
        "test_an_unknown_authority_is_not_trusted": "the double speaks plain HTTP",
        "test_bytes_that_are_no_text_are_read": "its values are text",
    }
    denied = (403, {"message": "403 Forbidden"})
    throttled = (429, {"message": "429 Too Many Requests"})
    other_forms = ('[{"key":"app"}]', '[{"key":"app","value":{}}]')

    def __init__(self) -> None:
        super().__init__()
        self.server = GitLabVariables()
        self.server.__enter__()
        self.server.variables["projects/7"] = []

    def stop(self) -> None:
        self.server.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        auth = {"SecretRef": {"accessToken": {"name": "gitlab", "key": "token"}}}
        return {"url": url or self.server.url, "projectID": "7", "auth": auth}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"gitlab": {"token": self.server.token.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"gitlab": {"token": b"wrong-token"}}

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        del marks
        self.server.put("projects/7", key.replace("-", "_"), content.decode())

    def remove(self, key: str) -> None:
        found = self.server.variables["projects/7"]
        self.server.variables["projects/7"] = [each for each in found if each["key"] != key.replace("-", "_")]

    def content(self, key: str) -> bytes | None:
        found = self.server.variables["projects/7"]
        return next((each["value"].encode() for each in found if each["key"] == key.replace("-", "_")), None)
