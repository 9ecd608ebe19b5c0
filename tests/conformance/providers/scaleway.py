"""The subject of Scaleway Secret Manager, on a double."""

from collections.abc import Mapping
from typing import Any, ClassVar

from external.providers.scaleway.connection import LABEL
from tests.conformance.providers.on_a_double import DoubleSubject
from tests.doubles.scaleway import Scaleway, Secret


class ScalewaySubject(DoubleSubject):
    """One project; keys are names, or paths where they have a folder."""

    NAME = "Scaleway"
    DOUBLE = Scaleway
    KIND = "scaleway"
    LABEL = LABEL
    SERVER = "a double; never run against Scaleway"
    WRITES = frozenset({"CreateSecret", "CreateSecretVersion", "UpdateSecret", "DeleteSecret"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_disabled_version_is_not_absent": "the newest version that is enabled is read, as in the original",
        "test_tags_are_read_as_metadata": "its tags have no values",
        "test_a_search_by_tags": "its tags have no values, so each is asked for by its name",
        "test_a_value_of_one_mebibyte_is_read": "it takes 64 KiB",
        "test_an_unknown_authority_is_not_trusted": "a store names no authority",
        "test_versions_tell_whether_a_secret_changed": "no list of it tells which version is enabled",
    }
    max_bytes = 64 << 10
    page = 100
    denied = (403, {"type": "permissions_denied", "message": "insufficient permissions"})
    throttled = (429, {"type": "too_many_requests", "message": "quota exceeded"})
    other_forms = ('{"secrets":[{"id":5}],"total_count":1}', '{"secrets":[],"total_count":"x"}', '{"revision":1}')
    taken_over_if_recorded = True

    def spec(self, url: str = "") -> Mapping[str, Any]:
        return {
            "apiUrl": url or self.double.url,
            "region": self.double.region,
            "projectId": self.double.project,
            "accessKey": {"secretRef": {"name": "login", "key": "access"}},
            "secretKey": {"secretRef": {"name": "login", "key": "secret"}},
        }

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        given = {"access": self.double.access_key.encode(), "secret": self.double.secret_key.encode()}
        return {"login": given}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"access": b"SCWWRONG", "secret": b"wrong-secret-key"}}

    def remote_key(self, key: str) -> str:
        return f"path:/{key}" if "/" in key else f"name:{key}"

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        folder, _, name = key.rpartition("/")
        tags = None if marks is None else [f"{each}={value}" for each, value in marks.items()]
        self.double.put(name, content, f"/{folder}", tags)

    def put_tagged(self, key: str, content: bytes, tags: Mapping[str, str]) -> None:
        self.double.put(key, content, "/", list(tags))

    def put_second(self, key: str, content: bytes) -> str:
        self.put(key, content, None)
        return "1"

    def find_path(self, start: str) -> str:
        return f"/{start}".rstrip("/")

    def remove(self, key: str) -> None:
        found = self._secret(key)
        assert found is not None
        found.gone = True

    def content(self, key: str) -> bytes | None:
        found = self._secret(key)
        return None if found is None or not found.versions else found.versions[-1]

    def found_marks(self, key: str) -> Mapping[str, str]:
        found = self._secret(key)
        return dict(each.split("=", 1) for each in found.tags if "=" in each) if found else {}

    def _secret(self, key: str) -> Secret | None:
        return next((each for each in self.double.found if each.name == key and not each.gone), None)
