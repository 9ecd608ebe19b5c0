"""The subject of Akeyless, on a double."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.conformance.providers.subject import Subject
from tests.doubles.akeyless import Akeyless

TAGS = "its tags have no keys"


class AkeylessSubject(Subject):
    """One account, by an access key."""

    NAME = "Akeyless"
    KIND = "akeyless"
    LABEL = "AKEYLESSLESS/SecretsManager"
    SERVER = "a double; never run against Akeyless"
    WRITES = frozenset({"CreateSecret", "UpdateSecretVal", "UpdateItem", "DeleteItem"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_disabled_version_is_not_absent": "its versions cannot be disabled",
        "test_tags_are_read_as_metadata": TAGS,
        "test_an_unknown_authority_is_not_trusted": "the double speaks plain HTTP",
        "test_bytes_that_are_no_text_are_read": "its values are text",
        "test_versions_tell_whether_a_secret_changed": "each item is described by itself",
    }
    denied = (403, {"error": "access denied"})
    throttled = (429, {"error": "too many requests"})
    other_forms = ('{"token":7}',)
    binary = False
    empty = False
    page = 50

    def __init__(self) -> None:
        super().__init__()
        self.server = Akeyless()
        self.server.__enter__()

    def stop(self) -> None:
        self.server.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        named = {"accessID": "id", "accessType": "type", "accessTypeParam": "key"}
        references = {name: {"name": "akeyless", "key": key} for name, key in named.items()}
        return {"akeylessGWApiURL": url or self.server.url, "authSecretRef": {"secretRef": references}}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return self._held(self.server.access_key)

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return self._held("wrong-key")

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        tags = tuple(f"{name}={text}" for name, text in (marks or {}).items())
        self.server.put(f"/{key}", content.decode(), tags=tags)

    def put_tagged(self, key: str, content: bytes, tags: Mapping[str, str]) -> None:
        self.server.put(f"/{key}", content.decode(), tags=tuple(tags.values()))

    def remove(self, key: str) -> None:
        del self.server.items[f"/{key}"]

    def put_second(self, key: str, content: bytes) -> str:
        self.put(key, content, None)
        return "1"

    def content(self, key: str) -> bytes | None:
        found = self.server.items.get(f"/{key}")
        return None if found is None else found["versions"][-1].encode()

    def found_marks(self, key: str) -> Mapping[str, str]:
        tags = self.server.items[f"/{key}"]["item_tags"]
        return {name: text for name, mark, text in (each.partition("=") for each in tags) if mark}

    def _held(self, key: str) -> Mapping[str, Mapping[str, bytes]]:
        return {"akeyless": {"id": self.server.access_id.encode(), "type": b"access_key", "key": key.encode()}}
