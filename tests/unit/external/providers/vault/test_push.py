"""What a push decides, on an engine in memory; the calls are tested on a real Vault (tests/conformance/providers)."""

import json
from typing import Any, cast

import pytest

from external.providers.protocol import ProviderUnavailable
from external.providers.push import PushRefused, PushRequest, RemoteRef, RemoteUnmanaged, canonical
from external.providers.support.pushing.json_text import JsonText
from external.providers.vault.connection import Changed
from external.providers.vault.engines import Stored
from external.providers.vault.push import KeyValuePush, VaultKeyValue
from manager.core.secret_value import SecretValue

MINE = {"managed-by": "external-secrets", "coffer.dev/push-secret": "ns/a"}


class Memory:
    """An engine with one secret, that notes what it is asked for."""

    def __init__(self, document: str | None = None, custom: Any = None, *, digits: bool = True) -> None:
        self.keeps_digits = digits
        held = JsonText(document) if document is not None else None
        self.stored = Stored() if custom is None else Stored(held, custom, 3, exists=True)
        self.asked: list[str] = []
        self.written: list[str] = []
        self.fails: Exception | None = None

    def read(self, key: str) -> Stored:
        return self.stored

    def marked(self, document: str, owner: str) -> str:
        return document

    def mark(self, key: str, stored: Stored, owner: str) -> bool:
        self.asked.append("mark")
        return not MINE.items() <= stored.custom.items()

    def unmark(self, key: str, owner: str) -> None:
        self.asked.append("unmark")

    def write(self, key: str, document: str, stored: Stored) -> None:
        self.asked.append("write")
        if self.fails is not None:
            raise self.fails
        self.written.append(document)

    def is_empty(self, document: str) -> bool:
        return not JsonText(document)

    def delete(self, key: str) -> None:
        self.asked.append("delete")


def request(value: bytes = b"v", name: str = "p", **more: Any) -> PushRequest:
    return PushRequest(RemoteRef("app", name), "k", {"k": SecretValue(value)}, "ns/a", recorded=False, **more)


@pytest.mark.parametrize(
    ("before", "after", "digits", "written"),
    [
        ('{"a":1, "b":"x"}', '{"b":"x","a":1.0}', True, False),
        ('{"a":1}', '{"a":true}', True, True),
        ('{"a":[1,2]}', '{"a":[2,1]}', True, True),
        ('{"a":12345678901234567890}', '{"a":12345678901234567891}', True, True),
        ('{"a":1.2345678901234567e+19}', '{"a":12345678901234567890}', False, False),
        ('{"a":1e999999999999999999999}', '{"a":1e999999999999999999999}', True, False),
        ('{"a":null}', "{}", True, True),
    ],
)
def test_only_another_document_is_written(before: str, after: str, digits: bool, written: bool) -> None:
    engine = Memory(before, MINE, digits=digits)

    assert KeyValuePush(engine).push(request(after.encode(), "")).written is written
    assert engine.written == ([after] if written else [])


def test_the_mark_is_written_before_the_value() -> None:
    engine = Memory()
    KeyValuePush(engine).push(request())

    assert engine.asked == ["mark", "write"]
    assert json.loads(engine.written[0]) == {"p": "v"}


@pytest.mark.parametrize(("custom", "undone"), [(None, True), (MINE, False)])
def test_a_mark_on_what_somebody_else_created_is_removed(custom: Any, undone: bool) -> None:
    engine = Memory('{"a":"b"}', custom)
    engine.fails = Changed("changed")
    with pytest.raises(ProviderUnavailable):
        KeyValuePush(engine).push(request())

    assert ("unmark" in engine.asked) is undone


def test_a_refused_push_has_marked_nothing() -> None:
    for engine, asked, error in (
        (Memory('{"a":"b"}', {}), request(), RemoteUnmanaged),
        (Memory('{"p":{"x":1}}', MINE), request(), PushRefused),
        (Memory(), request(b"\xff"), PushRefused),
        (Memory(), request(b"text", ""), PushRefused),
    ):
        with pytest.raises(error):
            KeyValuePush(engine).push(asked)
        assert engine.asked == []


@pytest.mark.parametrize(
    ("document", "name", "deleted", "asked"),
    [
        ('{"a":1,"p":2}', "p", True, ["write"]),
        ('{"p":2}', "p", True, ["delete"]),
        ('{"a":1}', "p", False, []),
        (None, "p", False, []),
        (None, "", True, ["delete"]),
        ('{"a":1}', "", True, ["delete"]),
    ],
)
def test_the_last_property_takes_the_secret_with_it(
    document: str | None, name: str, deleted: bool, asked: list[str]
) -> None:
    engine = Memory(document, MINE)

    assert KeyValuePush(engine).delete(RemoteRef("app", name), "ns/a") is deleted
    assert engine.asked == asked


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_spellings_of_a_key_are_one_place(version: str) -> None:
    client = VaultKeyValue(cast("Any", None), "secret", version, 0.0)
    keys = ["app", "/app", "app/", "secret/app"] + (["secret/data/app"] if version == "v2" else [])

    assert len({canonical(client, RemoteRef(key, "p")) for key in keys}) == 1
    assert canonical(client, RemoteRef("app", "q")) != canonical(client, RemoteRef("app", "p"))
    assert canonical(object(), RemoteRef("/app")) == RemoteRef("/app")


@pytest.mark.parametrize("ref", [RemoteRef(""), RemoteRef("/"), RemoteRef("app", "custom_metadata")])
def test_a_key_that_leads_nowhere_is_refused(ref: RemoteRef) -> None:
    with pytest.raises(PushRefused):
        KeyValuePush(Memory()).exists(ref)
