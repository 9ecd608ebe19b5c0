"""What a push writes, what it leaves alone, and what it refuses."""

import json
from typing import Any

import pytest

from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged, proves_pushes, pushes
from external.providers.registry import KINDS
from tests.conformance.providers.bench import OTHER, OWNER, Bench, metadata, request

MARKED = {"managed-by": "external-secrets"}
MINE = MARKED | {"coffer.dev/push-secret": OWNER}
FOREIGN = "a PushSecret of another namespace has written it"
"""Its name is nobody else's business."""
THEIRS = MARKED | {"coffer.dev/push-secret": OTHER}
BINARY = bytes(range(256))
CANARY = b"canary-7f3a"


def names(content: bytes | None) -> dict[str, object]:
    """Return a document, without what marks it inside."""
    found = json.loads(content or b"{}")
    return {name: value for name, value in found.items() if name != "custom_metadata"}


def refuses_property(bench: Bench, key: str) -> bool:
    """Return True for a provider without properties, after a look at whether it says so."""
    if not bench.takes_property:
        client, ref = bench.client(), bench.ref(key, "p")
        for refused in (
            lambda: client.push(request(ref)),
            lambda: client.exists(ref),
            lambda: client.delete(ref, OWNER),
        ):
            with pytest.raises(PushRefused, match=r"data\[\].match.remoteRef.property"):
                refused()
        assert not client.deletes_property
    return not bench.takes_property


def test_a_new_secret_is_written_and_marked(bench: Bench, key: str) -> None:
    client = bench.client()

    assert pushes(client)
    assert client.push(request(bench.ref(key), b"first")).written
    assert bench.content(key) == b"first"
    assert client.exists(bench.ref(key))
    if bench.marks:
        assert bench.found_marks(key)["coffer.dev/push-secret"] == OWNER


def test_an_unchanged_secret_is_not_written(bench: Bench, key: str) -> None:
    client = bench.client()
    client.push(request(bench.ref(key), b"first"))
    bench.calls.clear()

    again = [client.push(request(bench.ref(key), b"first")) for _ in range(2)]

    assert [each.written for each in again] == [False, False]
    assert bench.written() == 0


def test_a_changed_value_is_written_once(bench: Bench, key: str) -> None:
    client = bench.client()
    client.push(request(bench.ref(key), b"first"))
    bench.calls.clear()

    assert client.push(request(bench.ref(key), b"second")).written
    assert bench.content(key) == b"second"
    assert bench.written() <= 1


def test_a_value_that_was_changed_remotely_is_written_back(bench: Bench, key: str) -> None:
    bench.put(key, b"edited", MINE)

    assert bench.client().push(request(bench.ref(key), b"first")).written
    assert bench.content(key) == b"first"


def test_a_property_joins_a_document_and_keeps_the_rest(bench: Bench, key: str) -> None:
    if refuses_property(bench, key):
        return
    bench.put(key, b'{"z":"1", "n": 12345678901234567890}', MINE)
    before, client, ref = names(bench.content(key)), bench.client(), bench.ref(key, "p")

    assert client.push(request(ref, b"v")).written
    assert not client.push(request(ref, b"v")).written
    assert names(bench.content(key)) == {**before, "p": "v"}
    assert before["z"] == "1"
    assert client.exists(ref)
    assert client.exists(bench.ref(key, "z"))
    assert not client.exists(bench.ref(key, "none"))


@pytest.mark.parametrize("name", ["", "p"])
def test_what_is_not_marked_is_not_written(bench: Bench, key: str, name: str) -> None:
    if name and refuses_property(bench, key):
        return
    bench.put(key, b'{"a":"b"}', None)
    before, client = bench.content(key), bench.client()

    with pytest.raises(RemoteUnmanaged) as told:
        client.push(request(bench.ref(key, name), CANARY))
    with pytest.raises(RemoteUnmanaged):
        client.delete(bench.ref(key, name), OWNER)

    assert bench.content(key) == before
    assert bench.written() == 0
    assert str(told.value).startswith("secret not managed by external-secrets")
    assert CANARY.decode() not in str(told.value)


def test_what_another_push_secret_has_written_is_not_written(bench: Bench, key: str) -> None:
    bench.put(key, b'{"a":"b"}', THEIRS)
    before, client = bench.content(key), bench.client()

    for recorded in (True, False):
        with pytest.raises(RemoteUnmanaged, match=FOREIGN):
            client.push(request(bench.ref(key), recorded=recorded))
    with pytest.raises(RemoteUnmanaged, match=FOREIGN):
        client.delete(bench.ref(key), OWNER)

    assert bench.content(key) == before
    assert bench.written() == 0


def test_what_external_secrets_has_pushed_is_taken_over(bench: Bench, key: str) -> None:
    bench.put(key, b"first", None if bench.taken_over_if_recorded else MARKED)
    client, recorded = bench.client(), bench.taken_over_if_recorded

    client.push(request(bench.ref(key), b"first", recorded=recorded))

    assert bench.content(key) == b"first"
    assert bench.found_marks(key)["coffer.dev/push-secret"] == OWNER
    assert not client.push(request(bench.ref(key), b"first")).written
    with pytest.raises(RemoteUnmanaged, match=FOREIGN):
        client.push(request(bench.ref(key), b"second", owner=OTHER))
    assert client.delete(bench.ref(key), OWNER)


def test_a_user_hands_a_secret_from_one_push_secret_to_another(bench: Bench, key: str) -> None:
    bench.put(key, b"first", THEIRS)
    client = bench.client()

    assert client.push(request(bench.ref(key), b"first", adopts=OTHER)).written
    assert bench.found_marks(key)["coffer.dev/push-secret"] == OWNER
    assert not client.push(request(bench.ref(key), b"first", adopts=OTHER)).written
    with pytest.raises(RemoteUnmanaged, match=FOREIGN):
        client.push(request(bench.ref(key), owner=OTHER))


def test_the_whole_source_is_one_document(bench: Bench, key: str) -> None:
    client, ref, whole = bench.client(), RemoteRef(key), {"b": "é<".encode(), "a": b"1"}
    assert client.push(request(ref, None, values=whole)).written
    assert not client.push(request(ref, None, values=whole)).written
    assert names(bench.content(key)) == {name: bench.in_whole(value) for name, value in whole.items()}

    assert client.push(request(ref, None, values={"a": b"1"})).written
    assert names(bench.content(key)) == {"a": bench.in_whole(b"1")}
    if bench.whole_is_text:
        with pytest.raises(PushRefused, match="secret key a is not UTF-8"):
            client.push(request(ref, None, values={"a": BINARY}))
        assert names(bench.content(key)) == {"a": bench.in_whole(b"1")}


def test_a_property_of_a_new_secret_makes_a_document(bench: Bench, key: str) -> None:
    if refuses_property(bench, key):
        return
    client = bench.client()
    client.push(request(bench.ref(key, "a"), b"1"))
    client.push(request(bench.ref(key, "b"), b"2"))

    assert names(bench.content(key)) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("value", ["grüße ☃ 𝄞", 'line\nquote" back\\ <&> \u2028', '{"a":1}'])
def test_text_comes_back_as_it_was(bench: Bench, key: str, value: str) -> None:
    client = bench.client()
    client.push(request(bench.ref(key), value.encode()))
    assert bench.content(key) == value.encode()
    if refuses_property(bench, key):
        return
    client.push(request(bench.ref(f"{key}-p", "p"), value.encode()))

    assert names(bench.content(f"{key}-p")) == {"p": value}
    assert not client.push(request(bench.ref(f"{key}-p", "p"), value.encode())).written


def test_bytes_that_are_no_text_are_kept_or_refused(bench: Bench, key: str) -> None:
    client = bench.client()
    if bench.binary:
        assert client.push(request(bench.ref(key), BINARY)).written
        assert not client.push(request(bench.ref(key), BINARY)).written
        assert bench.content(key) == BINARY
    else:
        with pytest.raises(PushRefused, match="UTF-8"):
            client.push(request(bench.ref(key), BINARY))
        assert bench.content(key) is None
    if bench.documents:
        with pytest.raises(PushRefused, match="secret key k is not UTF-8"):
            client.push(request(bench.ref(f"{key}-p", "p"), BINARY))
        assert bench.content(f"{key}-p") is None


def test_an_empty_value(bench: Bench, key: str) -> None:
    client = bench.client()
    if bench.empty:
        assert client.push(request(bench.ref(key), b"")).written
        assert bench.content(key) == b""
        assert not client.push(request(bench.ref(key), b"")).written
    else:
        with pytest.raises(PushRefused, match="empty"):
            client.push(request(bench.ref(key), b""))
        assert bench.content(key) is None


def test_a_value_of_64_kib(bench: Bench, key: str) -> None:
    client, value = bench.client(), b"x" * 65_536
    if bench.max_bytes >= len(value):
        assert client.push(request(bench.ref(key), value)).written
        assert bench.content(key) == value
    else:
        with pytest.raises(PushRefused, match="65536 bytes"):
            client.push(request(bench.ref(key), value))
        assert bench.content(key) is None


def test_a_key_that_the_source_has_not_is_never_pushed(bench: Bench, key: str) -> None:
    asked = request(bench.ref(key), None, values={"other": b"x"})
    object.__setattr__(asked, "secret_key", "k")

    with pytest.raises(PushRefused, match="secret key k does not exist"):
        bench.client().push(asked)
    assert bench.content(key) is None


def test_deleting(bench: Bench, key: str) -> None:
    client = bench.client()
    client.push(request(bench.ref(key)))

    assert client.delete(bench.ref(key), OWNER)
    assert bench.content(key) is None
    assert not client.exists(bench.ref(key))
    assert not client.delete(bench.ref(key), OWNER)


def test_deleting_properties_leaves_the_others(bench: Bench, key: str) -> None:
    if refuses_property(bench, key):
        return
    client = bench.client()
    assert client.deletes_property
    for name in ("a", "b"):
        client.push(request(bench.ref(key, name), b"1"))

    assert client.delete(bench.ref(key, "a"), OWNER)
    assert names(bench.content(key)) == {"b": "1"}
    assert not client.delete(bench.ref(key, "a"), OWNER)
    assert client.delete(bench.ref(key, "b"), OWNER)
    assert bench.content(key) is None


def test_versions_tell_whether_a_secret_changed(bench: Bench, key: str) -> None:
    client: Any = bench.client()
    listed = proves_pushes(client)
    if not listed:
        pytest.skip("the provider lists no versions")
    client.push(request(bench.ref(key), b"first"))
    version = client.push(request(bench.ref(key), b"first")).version

    assert client.current_versions(frozenset({key, f"{key}-none"})) == {key: version}
    assert version
    bench.put(key, b"edited", MINE)
    assert client.current_versions(frozenset({key})).get(key) != version


def test_metadata_of_a_wrong_form_is_refused(bench: Bench, key: str) -> None:
    client = bench.client()
    if not bench.some_metadata:
        client.push(request(bench.ref(key), metadata=metadata(tags={"a": "b"})))
        assert client.references(metadata(tags={})) == ()
        return
    name = min(bench.some_metadata)
    wrong = [
        (metadata(**{f"{name}x": {}}), rf'data\[\].metadata.spec.{name}x: unknown field.*"?{name}'),
        ({**metadata(), "apiVersion": "v1"}, r"data\[\].metadata.apiVersion"),
        ({"spec": {}}, r"data\[\].metadata.kind"),
        ("text", r"data\[\].metadata"),
        (metadata(**{name: 5}), rf"data\[\].metadata.spec.{name}"),
    ]
    for given, text in wrong:
        with pytest.raises(PushRefused, match=text):
            client.push(request(bench.ref(key), CANARY, metadata=given))
        with pytest.raises(PushRefused, match=text):
            client.references(given)
    assert bench.content(key) is None


def test_metadata_of_all_fields_is_applied_once(bench: Bench, key: str) -> None:
    client, given = bench.client(), metadata(**bench.some_metadata)
    assert client.push(request(bench.ref(key), metadata=given)).written
    bench.calls.clear()

    assert not client.push(request(bench.ref(key), metadata=given)).written
    assert bench.written() == 0


def test_the_declaration_says_what_the_client_does(bench: Bench, key: str) -> None:
    service = next(each for kind in KINDS for each in kind.services.values() if each.label == bench.LABEL)
    client, declared = bench.client(), service.push
    assert declared is not None
    client.push(request(bench.ref(key)))
    bench.calls.clear()
    client.push(request(bench.ref(key)))

    assert sum(bench.calls.values()) == declared.calls
    assert client.deletes_property is declared.deletes_property
    assert proves_pushes(client) is declared.lists_versions
    assert bool(declared.mark) is bench.marks
    fields = declared.metadata.model_fields if declared.metadata is not None else {}
    assert set(bench.some_metadata) <= {field.alias or name for name, field in fields.items()}
    assert bool(fields) is bool(bench.some_metadata)
