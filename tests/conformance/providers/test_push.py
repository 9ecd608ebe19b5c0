"""What a push writes, what it leaves alone, and what it refuses."""

import json
from typing import Any

import pytest

from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged, proves_pushes, pushes
from external.providers.registry import KINDS
from tests.conformance.providers.subject import OTHER, OWNER, Subject, metadata, request

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


def refuses_property(subject: Subject, key: str) -> bool:
    """Return True for a provider without properties, after a look at whether it says so."""
    if not subject.takes_property:
        client, ref = subject.client(), subject.ref(key, "p")
        for refused in (
            lambda: client.push(request(ref)),
            lambda: client.exists(ref),
            lambda: client.delete(ref, OWNER),
        ):
            with pytest.raises(PushRefused, match=r"data\[\].match.remoteRef.property"):
                refused()
        assert not client.deletes_property
    return not subject.takes_property


def test_a_new_secret_is_written_and_marked(subject: Subject, key: str) -> None:
    client = subject.client()

    assert pushes(client)
    assert client.push(request(subject.ref(key), b"first")).written
    assert subject.content(key) == b"first"
    assert client.exists(subject.ref(key))
    if subject.marks:
        assert subject.found_marks(key)["coffer.dev/push-secret"] == OWNER


def test_an_unchanged_secret_is_not_written(subject: Subject, key: str) -> None:
    client = subject.client()
    client.push(request(subject.ref(key), b"first"))
    subject.calls.clear()

    again = [client.push(request(subject.ref(key), b"first")) for _ in range(2)]

    assert [each.written for each in again] == [False, False]
    assert subject.written() == 0


def test_a_changed_value_is_written_once(subject: Subject, key: str) -> None:
    client = subject.client()
    client.push(request(subject.ref(key), b"first"))
    subject.calls.clear()

    assert client.push(request(subject.ref(key), b"second")).written
    assert subject.content(key) == b"second"
    assert subject.written() <= 1


def test_a_value_that_was_changed_remotely_is_written_back(subject: Subject, key: str) -> None:
    subject.put(key, b"edited", MINE)

    assert subject.client().push(request(subject.ref(key), b"first")).written
    assert subject.content(key) == b"first"


def test_a_property_joins_a_document_and_keeps_the_rest(subject: Subject, key: str) -> None:
    if refuses_property(subject, key):
        return
    subject.put(key, b'{"z":"1", "n": 12345678901234567890}', MINE)
    before, client, ref = names(subject.content(key)), subject.client(), subject.ref(key, "p")

    assert client.push(request(ref, b"v")).written
    assert not client.push(request(ref, b"v")).written
    assert names(subject.content(key)) == {**before, "p": "v"}
    assert before["z"] == "1"
    assert client.exists(ref)
    assert client.exists(subject.ref(key, "z"))
    assert not client.exists(subject.ref(key, "none"))


@pytest.mark.parametrize("name", ["", "p"])
def test_what_is_not_marked_is_not_written(subject: Subject, key: str, name: str) -> None:
    if name and refuses_property(subject, key):
        return
    subject.put(key, b'{"a":"b"}', None)
    before, client = subject.content(key), subject.client()

    with pytest.raises(RemoteUnmanaged) as told:
        client.push(request(subject.ref(key, name), CANARY))
    with pytest.raises(RemoteUnmanaged):
        client.delete(subject.ref(key, name), OWNER)

    assert subject.content(key) == before
    assert subject.written() == 0
    assert str(told.value).startswith("secret not managed by external-secrets")
    assert CANARY.decode() not in str(told.value)


def test_what_another_push_secret_has_written_is_not_written(subject: Subject, key: str) -> None:
    subject.put(key, b'{"a":"b"}', THEIRS)
    before, client = subject.content(key), subject.client()

    for recorded in (True, False):
        with pytest.raises(RemoteUnmanaged, match=FOREIGN):
            client.push(request(subject.ref(key), recorded=recorded))
    with pytest.raises(RemoteUnmanaged, match=FOREIGN):
        client.delete(subject.ref(key), OWNER)

    assert subject.content(key) == before
    assert subject.written() == 0


def test_what_external_secrets_has_pushed_is_taken_over(subject: Subject, key: str) -> None:
    subject.put(key, b"first", None if subject.taken_over_if_recorded else MARKED)
    client, recorded = subject.client(), subject.taken_over_if_recorded

    client.push(request(subject.ref(key), b"first", recorded=recorded))

    assert subject.content(key) == b"first"
    assert subject.found_marks(key)["coffer.dev/push-secret"] == OWNER
    assert not client.push(request(subject.ref(key), b"first")).written
    with pytest.raises(RemoteUnmanaged, match=FOREIGN):
        client.push(request(subject.ref(key), b"second", owner=OTHER))
    assert client.delete(subject.ref(key), OWNER)


def test_a_record_alone_takes_nothing_over(subject: Subject, key: str) -> None:
    """Who may write the status of a PushSecret can record any key of a store that others share."""
    subject.put(key, b"theirs", None)
    with pytest.raises(RemoteUnmanaged):
        subject.client().push(request(subject.ref(key), b"ours", recorded=True))
    assert subject.content(key) == b"theirs"


def test_a_user_hands_a_secret_from_one_push_secret_to_another(subject: Subject, key: str) -> None:
    subject.put(key, b"first", THEIRS)
    client = subject.client()

    assert client.push(request(subject.ref(key), b"first", adopts=OTHER)).written
    assert subject.found_marks(key)["coffer.dev/push-secret"] == OWNER
    assert not client.push(request(subject.ref(key), b"first", adopts=OTHER)).written
    with pytest.raises(RemoteUnmanaged, match=FOREIGN):
        client.push(request(subject.ref(key), owner=OTHER))


def test_the_whole_source_is_one_document(subject: Subject, key: str) -> None:
    client, ref, whole = subject.client(), RemoteRef(subject.remote_key(key)), {"b": "é<".encode(), "a": b"1"}
    assert client.push(request(ref, None, values=whole)).written
    assert not client.push(request(ref, None, values=whole)).written
    assert names(subject.content(key)) == {name: subject.in_whole(value) for name, value in whole.items()}

    assert client.push(request(ref, None, values={"a": b"1"})).written
    assert names(subject.content(key)) == {"a": subject.in_whole(b"1")}
    if subject.whole_is_text:
        with pytest.raises(PushRefused, match="secret key a is not UTF-8"):
            client.push(request(ref, None, values={"a": BINARY}))
        assert names(subject.content(key)) == {"a": subject.in_whole(b"1")}


def test_a_property_of_a_new_secret_makes_a_document(subject: Subject, key: str) -> None:
    if refuses_property(subject, key):
        return
    client = subject.client()
    client.push(request(subject.ref(key, "a"), b"1"))
    client.push(request(subject.ref(key, "b"), b"2"))

    assert names(subject.content(key)) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("value", ["grüße ☃ 𝄞", 'line\nquote" back\\ <&> \u2028', '{"a":1}'])
def test_text_comes_back_as_it_was(subject: Subject, key: str, value: str) -> None:
    client = subject.client()
    client.push(request(subject.ref(key), value.encode()))
    assert subject.content(key) == value.encode()
    if refuses_property(subject, key):
        return
    client.push(request(subject.ref(f"{key}-p", "p"), value.encode()))

    assert names(subject.content(f"{key}-p")) == {"p": value}
    assert not client.push(request(subject.ref(f"{key}-p", "p"), value.encode())).written


def test_bytes_that_are_no_text_are_kept_or_refused(subject: Subject, key: str) -> None:
    client = subject.client()
    if subject.binary:
        assert client.push(request(subject.ref(key), BINARY)).written
        assert not client.push(request(subject.ref(key), BINARY)).written
        assert subject.content(key) == BINARY
    else:
        with pytest.raises(PushRefused, match="UTF-8"):
            client.push(request(subject.ref(key), BINARY))
        assert subject.content(key) is None
    if subject.documents:
        with pytest.raises(PushRefused, match="secret key k is not UTF-8"):
            client.push(request(subject.ref(f"{key}-p", "p"), BINARY))
        assert subject.content(f"{key}-p") is None


def test_an_empty_value(subject: Subject, key: str) -> None:
    client = subject.client()
    if subject.empty:
        assert client.push(request(subject.ref(key), b"")).written
        assert subject.content(key) == b""
        assert not client.push(request(subject.ref(key), b"")).written
    else:
        with pytest.raises(PushRefused, match="empty"):
            client.push(request(subject.ref(key), b""))
        assert subject.content(key) is None


def test_a_value_of_64_kib(subject: Subject, key: str) -> None:
    client, value = subject.client(), b"x" * 65_536
    if subject.max_bytes >= len(value):
        assert client.push(request(subject.ref(key), value)).written
        assert subject.content(key) == value
    else:
        with pytest.raises(PushRefused, match="65536 bytes"):
            client.push(request(subject.ref(key), value))
        assert subject.content(key) is None


def test_a_key_that_the_source_has_not_is_never_pushed(subject: Subject, key: str) -> None:
    asked = request(subject.ref(key), None, values={"other": b"x"})
    object.__setattr__(asked, "secret_key", "k")

    with pytest.raises(PushRefused, match="secret key k does not exist"):
        subject.client().push(asked)
    assert subject.content(key) is None


def test_deleting(subject: Subject, key: str) -> None:
    client = subject.client()
    client.push(request(subject.ref(key)))

    assert client.delete(subject.ref(key), OWNER)
    assert subject.content(key) is None
    assert not client.exists(subject.ref(key))
    assert not client.delete(subject.ref(key), OWNER)


def test_deleting_properties_leaves_the_others(subject: Subject, key: str) -> None:
    if refuses_property(subject, key):
        return
    client = subject.client()
    assert client.deletes_property
    for name in ("a", "b"):
        client.push(request(subject.ref(key, name), b"1"))

    assert client.delete(subject.ref(key, "a"), OWNER)
    assert names(subject.content(key)) == {"b": "1"}
    assert not client.delete(subject.ref(key, "a"), OWNER)
    assert client.delete(subject.ref(key, "b"), OWNER)
    assert subject.content(key) is None


def test_versions_tell_whether_a_secret_changed(subject: Subject, key: str) -> None:
    client: Any = subject.client()
    remote = subject.remote_key(key)
    assert proves_pushes(subject.client()), "a subject that lists no versions says so in SPARED"
    client.push(request(subject.ref(key), b"first"))
    version = client.push(request(subject.ref(key), b"first")).version

    assert client.current_versions(frozenset({remote, subject.remote_key(f"{key}-none")})) == {remote: version}
    assert version
    subject.put(key, b"edited", MINE)
    assert client.current_versions(frozenset({remote})).get(remote) != version


def test_metadata_of_a_wrong_form_is_refused(subject: Subject, key: str) -> None:
    client = subject.client()
    if not subject.some_metadata:
        client.push(request(subject.ref(key), metadata=metadata(tags={"a": "b"})))
        assert client.references(metadata(tags={})) == ()
        return
    name = min(subject.some_metadata)
    wrong = [
        (metadata(**{f"{name}x": {}}), rf'data\[\].metadata.spec.{name}x: unknown field.*"?{name}'),
        ({**metadata(), "apiVersion": "v1"}, r"data\[\].metadata.apiVersion"),
        ({"spec": {}}, r"data\[\].metadata.kind"),
        ("text", r"data\[\].metadata"),
        (metadata(**{name: 5}), rf"data\[\].metadata.spec.{name}"),
    ]
    for given, text in wrong:
        with pytest.raises(PushRefused, match=text):
            client.push(request(subject.ref(key), CANARY, metadata=given))
        with pytest.raises(PushRefused, match=text):
            client.references(given)
    assert subject.content(key) is None


def test_metadata_of_all_fields_is_applied_once(subject: Subject, key: str) -> None:
    client, given = subject.client(), metadata(**subject.some_metadata)
    assert client.push(request(subject.ref(key), metadata=given)).written
    subject.calls.clear()

    assert not client.push(request(subject.ref(key), metadata=given)).written
    assert subject.written() == 0


def test_the_declaration_says_what_the_client_does(subject: Subject, key: str) -> None:
    service = next(each for kind in KINDS for each in kind.services.values() if each.label == subject.LABEL)
    client, declared = subject.client(), service.push
    assert declared is not None
    client.push(request(subject.ref(key)))
    subject.calls.clear()
    client.push(request(subject.ref(key)))

    assert sum(subject.calls.values()) == declared.calls
    assert client.deletes_property is declared.deletes_property
    assert proves_pushes(client) is declared.lists_versions
    assert bool(declared.mark) is subject.marks
    fields = declared.metadata.model_fields if declared.metadata is not None else {}
    assert set(subject.some_metadata) <= {field.alias or name for name, field in fields.items()}
    assert bool(fields) is bool(subject.some_metadata)
