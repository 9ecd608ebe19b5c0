"""The subject of the fake provider."""

from collections.abc import Mapping
from typing import Any, ClassVar

from external.providers.fake_push import values_of
from manager.core.secret_value import SecretValue
from tests.conformance.providers.subject import STORE, Subject

MARK = {"managed-by": "external-secrets"}
NO_SERVER = "it has no server"
NO_CREDENTIALS = "it has no credentials"


class FakeSubject(Subject):
    """Values in memory; the store's own list has what nobody may overwrite."""

    NAME = KIND = LABEL = "fake"
    SERVER = "none: its values are in the store and in the process"
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_denied_call_says_which_right_it_needs": NO_SERVER,
        "test_a_throttled_call_is_tried_again_later": NO_SERVER,
        "test_a_call_without_an_answer_ends": NO_SERVER,
        "test_half_an_answer_is_no_answer": NO_SERVER,
        "test_garbage_is_no_answer": NO_SERVER,
        "test_an_answer_of_another_form_is_no_answer": NO_SERVER,
        "test_an_answer_that_drips_ends": NO_SERVER,
        "test_an_answer_without_end_is_cut": NO_SERVER,
        "test_redirects_end": NO_SERVER,
        "test_another_host_gets_no_credential": NO_SERVER,
        "test_an_unknown_authority_is_not_trusted": NO_SERVER,
        "test_a_disabled_version_is_not_absent": "its versions cannot be disabled",
        "test_a_deleted_secret_is_absent": "what the store lists is deleted by an edit of the store",
        "test_a_search_goes_through_all_pages": "its lists are whole",
        "test_tags_are_read_as_metadata": "it has no tags",
        "test_a_search_by_tags": "it has no tags",
        "test_a_credential_that_is_gone_is_named": NO_CREDENTIALS,
        "test_a_refused_credential_is_denied_until_it_is_rotated": NO_CREDENTIALS,
        "test_identities_share_nothing": NO_CREDENTIALS,
        "test_bytes_that_are_no_text_are_read": "a value in a store is text",
        "test_askers_share_a_read": "its reads cost nothing and are not counted",
    }

    def __init__(self) -> None:
        super().__init__()
        self._data: list[dict[str, str]] = []

    def spec(self, url: str = "") -> Mapping[str, Any]:
        del url
        return {"data": self._data}

    @property
    def _pushed(self) -> Any:
        return values_of(self.api, STORE)[0]

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        if marks is None:
            self._data.append({"key": key, "value": content.decode()})
        else:
            self._pushed.put(key, SecretValue(content), marks.get("coffer.dev/push-secret", ""))

    def put_second(self, key: str, content: bytes) -> str:
        first = next(each for each in self._data if each["key"] == key)
        self._data.append({**first, "version": "v1"})
        first["value"] = content.decode()
        return "v1"

    def content(self, key: str) -> bytes | None:
        pushed = self._pushed.get(key)
        given = next((each["value"].encode() for each in self._data if each["key"] == key), None)
        return pushed.value.reveal() if pushed else given

    def found_marks(self, key: str) -> Mapping[str, str]:
        pushed = self._pushed.get(key)
        return {"coffer.dev/push-secret": pushed.owner if pushed else "", **MARK}
