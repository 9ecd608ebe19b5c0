"""The bench of the fake provider."""

from collections.abc import Mapping
from typing import Any

from external.api.providers.fake import FakeProvider
from external.providers.fake import FakeClient
from external.providers.fake_push import PushedValues
from manager.core.secret_value import SecretValue
from tests.conformance.providers.bench import Bench

MARK = {"managed-by": "external-secrets"}


class FakeBench(Bench):
    """Values in memory; the store's own list has what nobody may overwrite."""

    LABEL = "fake"

    def __init__(self) -> None:
        super().__init__()
        self._pushed = PushedValues()
        self._data: list[dict[str, str]] = []

    def client(self) -> Any:
        return FakeClient(FakeProvider.model_validate({"data": self._data}), self._pushed)

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        if marks is None:
            self._data.append({"key": key, "value": content.decode()})
        else:
            self._pushed.put(key, SecretValue(content), marks.get("coffer.dev/push-secret", ""))

    def content(self, key: str) -> bytes | None:
        pushed = self._pushed.get(key)
        given = next((each["value"].encode() for each in self._data if each["key"] == key), None)
        return pushed.value.reveal() if pushed else given

    def found_marks(self, key: str) -> Mapping[str, str]:
        pushed = self._pushed.get(key)
        return {"coffer.dev/push-secret": pushed.owner if pushed else "", **MARK}
