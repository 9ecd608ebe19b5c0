"""What a read gives: values, properties, versions, metadata, and what is absent."""

import json

import pytest

from external.errors import NeedsRemote
from external.providers.protocol import ProviderError, SecretAbsent
from tests.conformance.providers.reading import extracted, value
from tests.conformance.providers.subject import Subject

DOCUMENT = {
    "user": "bob",
    "inner": {"deep": {"port": 5432}},
    "a.b": "flat",
    "a": {"b": "path"},
    "list": ["zero", {"one": "1"}],
    "nothing": None,
    "number": 1234567890123456,
    "half": 0.5,
    "yes": True,
    "ünï": "grüße ☃ 𝄞",
}


@pytest.fixture
def document(subject: Subject, key: str) -> str:
    """A key whose value is a JSON document."""
    subject.put_document(key, json.dumps(DOCUMENT, ensure_ascii=False).encode())
    return key


def test_a_value_is_read(subject: Subject, key: str) -> None:
    subject.put(key, b"found", None)

    assert value(subject, key) == b"found"


def test_an_absent_secret_is_proven_absent(subject: Subject, key: str) -> None:
    with pytest.raises(SecretAbsent):
        value(subject, key)


def test_a_deleted_secret_is_absent(subject: Subject, key: str) -> None:
    subject.put(key, b"gone", None)
    subject.remove(key)

    with pytest.raises(SecretAbsent):
        value(subject, key)


def test_one_absent_secret_does_not_hide_the_others(subject: Subject, key: str) -> None:
    subject.put(key, b"found", None)
    client = subject.client()

    assert value(subject, key, client) == b"found"
    with pytest.raises(SecretAbsent):
        value(subject, f"{key}-none", client)
    assert value(subject, key, client) == b"found"


@pytest.mark.parametrize("text", ["grüße ☃ 𝄞", 'line\nquote" back\\ <&> \u2028', '{"a": 1}', " spaces "])
def test_text_is_read_as_it_is(subject: Subject, key: str, text: str) -> None:
    subject.put_value(key, text.encode())

    assert value(subject, key) == text.encode()


def test_bytes_that_are_no_text_are_read(subject: Subject, key: str) -> None:
    if not subject.binary:
        pytest.fail("a subject that takes no bytes says so in SPARED")
    subject.put(key, bytes(range(256)), None)

    assert value(subject, key) == bytes(range(256))


def test_a_value_of_64_kib_is_read(subject: Subject, key: str) -> None:
    size = min(64 << 10, subject.max_bytes)
    subject.put(key, b"x" * size, None)

    assert value(subject, key) == b"x" * size


def test_a_value_of_one_mebibyte_is_read(subject: Subject, key: str) -> None:
    content = b"y" * ((1 << 20) - 1024)
    subject.put(key, content, None)

    assert value(subject, key) == content


def test_a_property_is_read(subject: Subject, document: str) -> None:
    assert value(subject, document, property=subject.inside("user")) == b"bob"
    assert value(subject, document, property=subject.inside("ünï")) == "grüße ☃ 𝄞".encode()


def test_a_nested_property_is_read(subject: Subject, document: str) -> None:
    assert value(subject, document, property=subject.inside("inner.deep.port")) == b"5432"
    assert json.loads(value(subject, document, property=subject.inside("inner"))) == DOCUMENT["inner"]


def test_a_name_with_dots_wins_over_the_path(subject: Subject, document: str) -> None:
    assert value(subject, document, property=subject.inside("a.b")) == b"flat"


def test_an_escaped_dot_belongs_to_the_name(subject: Subject, document: str) -> None:
    assert value(subject, document, property=subject.inside(r"a\.b")) == b"flat"


def test_an_item_of_a_list_is_read(subject: Subject, document: str) -> None:
    assert value(subject, document, property=subject.inside("list.0")) == b"zero"
    assert value(subject, document, property=subject.inside("list.1.one")) == b"1"
    assert value(subject, document, property=subject.inside("list.#")) == b"2"


def test_null_numbers_and_booleans_are_texts(subject: Subject, document: str) -> None:
    given = {
        name: value(subject, document, property=subject.inside(name)) for name in ("nothing", "number", "half", "yes")
    }

    assert given == {"nothing": b"", "number": b"1234567890123456", "half": b"0.5", "yes": b"true"}


def test_a_property_that_is_missing_is_named(subject: Subject, document: str) -> None:
    """It is no absence: a typing error must not delete a target."""
    with pytest.raises((ProviderError, NeedsRemote), match="none") as told:
        value(subject, document, property=subject.inside("none"))

    assert not isinstance(told.value, SecretAbsent)
    assert "bob" not in str(told.value)


def test_the_members_of_a_document_become_keys(subject: Subject, key: str) -> None:
    subject.put_document(key, b'{"user": "bob", "port": 5432}')
    given = extracted(subject, key, **subject.extracting())

    assert given == {"user": subject.as_member("bob"), "port": b"5432"}


def test_a_version_is_read(subject: Subject, key: str) -> None:
    subject.put(key, b"first", None)
    version = subject.put_second(key, b"second")

    assert value(subject, key) == b"second"
    assert value(subject, key, version=version) == b"first"


def test_a_disabled_version_is_not_absent(subject: Subject, key: str) -> None:
    """Somebody can enable it again: the target stays."""
    subject.put(key, b"first", None)
    subject.put_second(key, b"second")
    subject.disable(key)

    with pytest.raises(ProviderError) as told:
        value(subject, key)
    assert not isinstance(told.value, SecretAbsent)


def test_tags_are_read_as_metadata(subject: Subject, key: str) -> None:
    subject.put_tagged(key, b"v", {"team": "a"})

    assert value(subject, key, metadataPolicy="Fetch", property=subject.tag_property("team")) == b"a"


def test_a_location_is_told_without_a_value(subject: Subject, key: str) -> None:
    from external.providers.protocol import SecretRequest

    subject.put(key, b"canary-55", None)
    where = subject.client().location(SecretRequest(subject.remote_key(key)))

    assert where
    assert "canary-55" not in where
    assert all(each.decode() not in where for given in subject.secrets().values() for each in given.values())
