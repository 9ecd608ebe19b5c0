"""Properties of JSON texts as gjson finds them, base64 as Go decodes it, and the conversion of keys."""

import json
from typing import Any

import pytest

from external.providers.protocol import ProviderError
from external.values import json_document
from external.values.json_document import (
    MAX_INDEXED_VALUES,
    MAX_MEMBERS,
    Beyond,
    convert_keys,
    decode,
    take,
    to_map,
    validate_keys,
)
from manager.core.secret_value import SecretValue

DOCUMENT = (
    b'{"a.b": "flat", "a": {"b": "nested", "n": 1.50, "l": [1, {"z": "q\\u00e4"}]},'
    b' "t": true, "none": null, "o": { "k" : 1 }}'
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", b"flat"),
        ("a.n", b"1.5"),
        ("a.l.0", b"1"),
        ("a.l.1.z", "qä".encode()),
        ("a.l", b'[1, {"z": "q\\u00e4"}]'),
        ("t", b"true"),
        ("none", b""),
        ("o", b'{ "k" : 1 }'),
    ],
)
def test_a_property_is_taken_as_it_was_written(path: str, value: bytes) -> None:
    found = take(DOCUMENT, path)

    assert found is not None
    assert found.reveal() == value


def test_a_property_that_is_not_there_is_none() -> None:
    assert take(DOCUMENT, "missing") is None


@pytest.mark.parametrize("document", [b"", b"no json", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_has_no_properties(document: bytes) -> None:
    with pytest.raises(Beyond):
        take(document, "a")
    assert to_map(document) is None


@pytest.mark.parametrize(
    "path", ["a.#", "a.*", "a|b", "@this", "a.#(x==1)", "a\\.b", "", "a..b", "a.l.01", "a.missing"]
)
def test_what_only_gjson_knows_is_left_to_it(path: str) -> None:
    with pytest.raises(Beyond):
        take(DOCUMENT, path)


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        (b'[[1,2],[3,{"a":[]}]]', "1.1.a", b"[]"),
        (b' [ "x" , "y" ] ', "1", b"y"),
        (b'{"a":' + b"1" * 5000 + b"}", "a", b"1" * 5000),
        (b'{"a":"half \\ud83d"}', "a", "half \ufffd".encode()),
        (b'{"a":"\\ud83d\\ude00"}', "a", "\U0001f600".encode()),
        (b'{"a": -0.0}', "a", b"-0"),
        (b'{"a": 1e3}', "a", b"1000"),
        (b'{"a": 1.0}', "a", b"1"),
        (b'{"a": 1.5e-7}', "a", b"0.00000015"),
        (b'{"a": -1e999}', "a", b"-Inf"),
        (b'{"a": 12345678901234567890}', "a", b"12345678901234567890"),
        (b'{"a": {"b": 1.50}}', "a", b'{"b": 1.50}'),
        (b'{"a": 1, "a": 2}', "a", b"1"),
        (b"[]", "0", None),
        (b"{}", "0", None),
        (b'"text"', "a", None),
    ],
)
def test_odd_documents_are_read_as_they_are(document: bytes, path: str, value: bytes | None) -> None:
    found = take(document, path)

    assert (found and found.reveal()) == value


class Counting:
    """Counts the characters that the decoder goes through."""

    def __init__(self) -> None:
        self.decoder, self.passed = json_document.DECODER, 0

    def decode(self, text: str) -> Any:
        self.passed += len(text)
        return self.decoder.decode(text)

    def raw_decode(self, text: str, start: int) -> Any:
        found = self.decoder.raw_decode(text, start)
        self.passed += found[1] - start
        return found


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    decoder = Counting()
    monkeypatch.setattr(json_document, "DECODER", decoder)
    return decoder


def test_a_document_of_many_members_is_read_once(counting: Counting) -> None:
    """Each member once: with a pass for every member this took half a minute, in which the lease was lost."""
    document = json.dumps({f"key-{number}": number for number in range(20_000)}).encode()

    assert len(to_map(document) or ()) == 20_000
    assert counting.passed < 3 * len(document)


def test_a_long_path_reads_each_level_once(counting: Counting) -> None:
    """Each level once: read anew from every level, this took two seconds."""
    depth = 900
    document = b'{"a":' * depth + json.dumps(list(range(60_000))).encode() + b"}" * depth

    assert take(document, ".".join(["a"] * depth + ["59999"])) == SecretValue(b"59999")
    assert counting.passed < 3 * len(document)


def test_an_object_becomes_a_map_of_texts() -> None:
    found = to_map(DOCUMENT) or {}

    assert {name: value.reveal() for name, value in found.items()} == {
        "a.b": b"flat",
        "a": b'{"b": "nested", "n": 1.50, "l": [1, {"z": "q\\u00e4"}]}',
        "t": b"true",
        "none": b"",
        "o": b'{ "k" : 1 }',
    }
    assert to_map(b"[1]") is None


@pytest.mark.parametrize(
    ("strategy", "value", "found"),
    [
        (None, b"YQ==", b"YQ=="),
        ("None", b"YQ==", b"YQ=="),
        ("Base64", b"YQ==", b"a"),
        ("Base64URL", b"_-8=", b"\xff\xef"),
        ("Auto", b"YQ==", b"a"),
        ("Auto", b"_-8=", b"\xff\xef"),
        ("Auto", b"plain text", b"plain text"),
        ("Auto", b"+/8=", b"\xfb\xff"),
        ("Base64", b"YQ==\r\n", b"a"),
        ("Base64URL", b"_-\n8=\n", b"\xff\xef"),
        ("Base64", b"", b""),
    ],
)
def test_decoding(strategy: Any, value: bytes, found: bytes) -> None:
    assert decode(SecretValue(value), strategy, ValueError).reveal() == found


@pytest.mark.parametrize(
    ("strategy", "value"),
    [
        ("Base64", b"_-8="),
        ("Base64URL", b"+/8="),
        ("Base64", b"YQ"),
        ("Base64", b"YQ==YQ=="),
        ("Base64URL", b"Y Q=="),
        ("Base64", b"\xff"),
    ],
)
def test_the_alphabet_and_the_padding_are_strict(strategy: str, value: bytes) -> None:
    with pytest.raises(ValueError, match="the value is not Base64"):
        decode(SecretValue(value), strategy, ValueError)


@pytest.mark.parametrize("strategy", ["Base64", "Base64URL"])
def test_what_cannot_be_decoded_is_an_error_without_the_value(strategy: str) -> None:
    with pytest.raises(ValueError, match="the value is not Base64") as caught:
        decode(SecretValue(b"canary!"), strategy, ValueError)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("strategy", "name"), [(None, "a_b"), ("Default", "a_b"), ("Unicode", "a_U002f_b")])
def test_keys_are_made_to_fit(strategy: Any, name: str) -> None:
    assert list(convert_keys({"a/b": SecretValue(b"1")}, strategy, ValueError)) == [name]


@pytest.mark.parametrize(
    ("key", "default", "spelled_out"),
    [
        ("pässwörd/a b", "pässwörd_a_b", "pässwörd_U002f_a_U0020_b"),
        ("Ключ²:Ⅷ", "Ключ²_Ⅷ", "Ключ²_U003a_Ⅷ"),
        ("鍵 1", "鍵_1", "鍵_U0020_1"),
        ("a\u0301", "a_", "a_U0301_"),
    ],
)
def test_letters_and_numbers_of_every_script_stay(key: str, default: str, spelled_out: str) -> None:
    assert list(convert_keys({key: SecretValue(b"1")}, None, ValueError)) == [default]
    assert list(convert_keys({key: SecretValue(b"1")}, "Unicode", ValueError)) == [spelled_out]


@pytest.mark.parametrize("path", [None, "a"])
def test_a_natural_object_is_written_anew_as_go_writes_it(path: str | None) -> None:
    document = b'{"a": {"z": 12345678901234567890, "b": ["<"], "c": null}}'
    found = take(document, path, natural=True) if path else (to_map(document, natural=True) or {})["a"]

    assert found == SecretValue(b'{"b":["\\u003c"],"c":null,"z":12345678901234567890}')


@pytest.mark.parametrize(
    ("strategy", "text", "value"),
    [
        ("Base64", b"YWJj=", None),
        ("Base64", b"YWJj====", None),
        ("Base64", b"YQ", None),
        ("Base64", b"YQ=", None),
        ("Base64", b"Y Q==", None),
        ("Base64", b"-_8=", None),
        ("Base64", b"YQ==\r\n", b"a"),
        ("Base64", b"Y\nQ==", b"a"),
        ("Base64", b"YR==", b"a"),
        ("Base64URL", b"-_8=", b"\xfb\xff"),
        ("Base64URL", b"+/8=", None),
        ("Auto", b"YWJj=", b"YWJj="),
        ("Auto", b"abcd", b"i\xb7\x1d"),
    ],
)
def test_base64_is_decoded_as_strictly_as_go_does(strategy: str, text: bytes, value: bytes | None) -> None:
    if value is None:
        with pytest.raises(ValueError, match="error applying decoding strategy"):
            decode(SecretValue(text), strategy, ValueError)
    else:
        assert decode(SecretValue(text), strategy, ValueError) == SecretValue(value)


def test_an_emoji_is_spelled_out() -> None:
    assert list(convert_keys({"\U0001f600": SecretValue(b"1")}, "Unicode", ValueError)) == ["_U1f600_"]


def test_two_keys_never_become_one() -> None:
    with pytest.raises(ValueError, match="secret name collision during conversion"):
        convert_keys({"a/b": SecretValue(b"1"), "a:b": SecretValue(b"2")}, None, ValueError)


def test_the_empty_key_is_dropped_and_a_bad_one_refused() -> None:
    assert validate_keys({"": SecretValue(b"1"), "ok": SecretValue(b"2")}, ValueError) == {"ok": SecretValue(b"2")}
    assert validate_keys({"ä": SecretValue(b"1")}, ValueError), "a template may name it"
    for bad in ("a/b", "x" * 254, "ä" * 127, "a\u0301"):
        with pytest.raises(ValueError, match="invalid secret keys"):
            validate_keys({bad: SecretValue(b"1")}, ValueError)


@pytest.mark.parametrize(
    "text", [b'{"a": 1,}', b'{"a" 1}', b'{"a": 1 "b": 2}', b"[1,]", b"{a: 1}", b'{"a": 1}}', b'{"a": 1']
)
def test_what_is_nearly_json_is_none(text: bytes) -> None:
    with pytest.raises(Beyond):
        take(text, "a")
    assert to_map(text) is None


def test_an_object_with_too_many_members_is_refused() -> None:
    for number in (MAX_MEMBERS + 1, MAX_INDEXED_VALUES + 1):
        document = json.dumps(dict.fromkeys(map(str, range(number)))).encode()
        with pytest.raises(ProviderError, match="more than 20000 members"):
            to_map(document)
    with pytest.raises(Beyond):
        take(document, "0")
