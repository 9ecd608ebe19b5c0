"""The subject of 1Password Connect, on a double."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.conformance.providers.subject import Subject
from tests.doubles.onepassword import OnePassword

FIELDS = "its properties are fields of an item, not members of a document"
SEARCH = "a search finds fields of items, by their labels"
TAGS = "its tags have no values"


class OnePasswordSubject(Subject):
    """A Connect server with one vault."""

    NAME = "1Password Connect"
    KIND = "onepassword"
    LABEL = "1Password/Connect"
    SERVER = "a double; never run against 1Password"
    WRITES = frozenset({"CreateItem", "UpdateItem", "DeleteItem"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_nested_property_is_read": FIELDS,
        "test_an_escaped_dot_belongs_to_the_name": FIELDS,
        "test_an_item_of_a_list_is_read": FIELDS,
        "test_a_version_is_read": "its versions are not kept",
        "test_a_disabled_version_is_not_absent": "its versions are not kept",
        "test_tags_are_read_as_metadata": TAGS,
        "test_a_search_by_tags": TAGS,
        "test_a_search_by_name": SEARCH,
        "test_a_search_below_a_path": SEARCH,
        "test_a_search_goes_through_all_pages": "its lists are whole",
        "test_an_unknown_authority_is_not_trusted": "a store names no authority",
        "test_bytes_that_are_no_text_are_read": "its fields are text; files are bytes",
        "test_versions_tell_whether_a_secret_changed": "its lists have no versions of fields",
        "test_the_whole_source_is_one_document": FIELDS,
        "test_a_property_joins_a_document_and_keeps_the_rest": FIELDS,
    }
    denied = (403, {"status": 403, "message": "vault is not in scope"})
    throttled = (429, {"status": 429, "message": "later"})
    other_forms = ('[{"id":1}]', '[{"id":"a","name":null}]')
    binary = False
    taken_over_if_recorded = True
    documents = False
    some_metadata: ClassVar[Mapping[str, Any]] = {"tags": ["team"], "vault": "v"}

    def __init__(self) -> None:
        super().__init__()
        self.server = OnePassword()
        self.server.__enter__()
        self.server.vault("v")

    def stop(self) -> None:
        self.server.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        auth = {"secretRef": {"connectTokenSecretRef": {"name": "op", "key": "token"}}}
        return {"connectHost": url or self.server.url, "vaults": {"v": 1}, "auth": auth}

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"op": {"token": self.server.token.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"op": {"token": b"wrong-token"}}

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        self._set(key, {"password": content.decode()}, marks)

    def put_document(self, key: str, content: bytes) -> None:
        self._set(key, {name: _text(each) for name, each in json.loads(content).items()}, None)

    def put_value(self, key: str, content: bytes) -> None:
        self.put(key, content, None)

    def remove(self, key: str) -> None:
        items = self.server.items[self.server.vaults["v"]]
        for each in [name for name, item in items.items() if item["title"] == key]:
            del items[each]

    def content(self, key: str) -> bytes | None:
        item = self._item(key)
        if item is None:
            return None
        fields = {each["label"]: each["value"] for each in item["fields"]}
        return fields["password"].encode() if set(fields) == {"password"} else json.dumps(fields).encode()

    def found_marks(self, key: str) -> Mapping[str, str]:
        tags = (self._item(key) or {}).get("tags") or []
        return {name: text for name, mark, text in (each.partition("=") for each in tags) if mark}

    def _item(self, key: str) -> dict[str, Any] | None:
        items = self.server.items[self.server.vaults["v"]].values()
        return next((each for each in items if each["title"] == key), None)

    def _set(self, key: str, fields: Mapping[str, str], marks: Mapping[str, str] | None) -> None:
        version = (self._item(key) or {"version": 0})["version"] + 1
        self.remove(key)
        tags = [f"{name}={text}" for name, text in (marks or {}).items()]
        self.server.put("v", key, dict(fields), tags=tags, version=version)


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
