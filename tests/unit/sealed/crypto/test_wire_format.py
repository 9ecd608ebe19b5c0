"""The wire format: what the original sealed opens here, and what is sealed is bound to its scope."""

import base64
import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.core.secret_value import SecretValue
from sealed.crypto.wire_format import (
    CLUSTER_WIDE,
    NAMESPACE_WIDE,
    BrokenBase64,
    CannotDecrypt,
    Scope,
    decode_blob,
    label,
    scope_of,
    seal,
    unseal,
)
from tests.builders.sealed_vectors import VECTORS, A, D, Vector, other_key, private_key

RSA_LENGTH = 256  # bytes of a 2,048-bit ciphertext
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=30)
patient = settings(deadline=None, max_examples=60)


@pytest.mark.parametrize("vector", VECTORS)
def test_what_the_original_sealed_opens(vector: Vector) -> None:
    opened = unseal(private_key(), decode_blob(vector.sealed), vector.label)

    assert opened.reveal() == vector.plaintext


@pytest.mark.parametrize("vector", VECTORS)
def test_a_sealed_value_has_the_formats_length_and_prefix(vector: Vector) -> None:
    ours = seal(private_key().public_key(), SecretValue(vector.plaintext), vector.label)

    assert len(decode_blob(ours)) == len(decode_blob(vector.sealed)) == 2 + RSA_LENGTH + len(vector.plaintext) + 16
    assert ours.startswith("AQ")
    assert vector.sealed.startswith("AQ")


@pytest.mark.parametrize("wrong", [b"myns", b"", b"myns/other", b"myns/mysecret2", b"mysecret", b"mynsmysecret"])
def test_a_value_opens_under_no_label_but_its_own(wrong: bytes) -> None:
    with pytest.raises(CannotDecrypt):
        unseal(private_key(), decode_blob(A.sealed), wrong)


def test_the_strict_label_is_namespace_slash_name() -> None:
    assert label(Scope.STRICT, "myns", "myname") == b"myns/myname"
    assert label(Scope.NAMESPACE_WIDE, "myns", "myname") == b"myns"
    assert label(Scope.CLUSTER_WIDE, "myns", "myname") == b""


@pytest.mark.parametrize(
    ("annotations", "scope"),
    [
        ({}, Scope.STRICT),
        ({NAMESPACE_WIDE: "true"}, Scope.NAMESPACE_WIDE),
        ({CLUSTER_WIDE: "true"}, Scope.CLUSTER_WIDE),
        ({CLUSTER_WIDE: "true", NAMESPACE_WIDE: "true"}, Scope.CLUSTER_WIDE),
        ({CLUSTER_WIDE: "false", NAMESPACE_WIDE: "true"}, Scope.NAMESPACE_WIDE),
        *(({CLUSTER_WIDE: text}, Scope.STRICT) for text in ("TRUE", "True", "1", "yes", "false", "", " true")),
        *(({NAMESPACE_WIDE: text}, Scope.STRICT) for text in ("TRUE", "t", "on", "false", "true ")),
        ({"cluster-wide": "true"}, Scope.STRICT),
    ],
)
def test_only_the_exact_text_true_widens_a_scope(annotations: dict[str, str], scope: Scope) -> None:
    assert scope_of(annotations) is scope


def test_scopes_are_called_as_on_the_command_line() -> None:
    assert [str(scope) for scope in Scope] == ["strict", "namespace-wide", "cluster-wide"]


@patient
@given(st.binary(max_size=5000), st.sampled_from(Scope), names, names)
def test_what_is_sealed_opens_in_every_scope(value: bytes, scope: Scope, namespace: str, name: str) -> None:
    bound_to = label(scope, namespace, name)

    text = seal(private_key().public_key(), SecretValue(value), bound_to)

    assert unseal(private_key(), decode_blob(text), bound_to) == SecretValue(value)


@patient
@given(st.sampled_from(Scope), st.sampled_from(Scope), st.tuples(names, names), st.tuples(names, names))
def test_what_is_sealed_for_one_label_opens_under_no_other(
    scope: Scope, other: Scope, mine: tuple[str, str], theirs: tuple[str, str]
) -> None:
    bound_to, tried = label(scope, *mine), label(other, *theirs)
    blob = decode_blob(seal(private_key().public_key(), SecretValue(b"value"), bound_to))

    if bound_to == tried:
        assert unseal(private_key(), blob, tried) == SecretValue(b"value")
    else:
        with pytest.raises(CannotDecrypt):
            unseal(private_key(), blob, tried)


@patient
@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_anywhere_closes_the_value(position: int, difference: int) -> None:
    blob = bytearray(decode_blob(A.sealed))
    blob[position % len(blob)] ^= difference

    with pytest.raises(CannotDecrypt):
        unseal(private_key(), bytes(blob), A.label)


@patient
@given(st.integers(min_value=0))
def test_a_value_cut_short_does_not_open(length: int) -> None:
    blob = decode_blob(A.sealed)

    with pytest.raises(CannotDecrypt):
        unseal(private_key(), blob[: length % len(blob)], A.label)


@patient
@given(st.binary(max_size=600))
def test_garbage_does_not_open(blob: bytes) -> None:
    with pytest.raises(CannotDecrypt):
        unseal(private_key(), blob, b"")


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x01",
        b"\x00\x00",
        b"\xff\xff" + bytes(300),
        decode_blob(A.sealed) + b"\x00",
        b"\x02\x00" + decode_blob(A.sealed)[2:] + bytes(300),
        decode_blob(A.sealed)[: 2 + RSA_LENGTH],
        decode_blob(A.sealed)[: 2 + RSA_LENGTH + 15],
    ],
    ids=["empty", "one byte", "no key", "longer than given", "one more byte", "larger key", "no body", "no tag"],
)
def test_every_failure_looks_the_same(blob: bytes) -> None:
    with pytest.raises(CannotDecrypt) as refused:
        unseal(private_key(), blob, A.label)

    assert str(refused.value) == "no key could decrypt secret"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_foreign_key_does_not_open() -> None:
    with pytest.raises(CannotDecrypt):
        unseal(other_key(), decode_blob(A.sealed), A.label)


@pytest.mark.parametrize(("length", "opens"), [(16, True), (24, True), (32, True), (8, False), (31, False), (0, False)])
def test_session_keys_of_every_aes_length_open(length: int, opens: bool) -> None:
    session = bytes(range(length))
    wrapped = private_key().public_key().encrypt(session, padding.OAEP(padding.MGF1(SHA256()), SHA256(), b"label"))
    body = AESGCM(session).encrypt(bytes(12), b"value", None) if opens else bytes(30)
    blob = len(wrapped).to_bytes(2, "big") + wrapped + body

    if opens:
        assert unseal(private_key(), blob, b"label") == SecretValue(b"value")
    else:
        with pytest.raises(CannotDecrypt):
            unseal(private_key(), blob, b"label")


def test_each_value_has_a_session_key_of_its_own() -> None:
    once, again = (decode_blob(seal(private_key().public_key(), SecretValue(b"same"), b"")) for _ in range(2))

    assert once[2 : 2 + RSA_LENGTH] != again[2 : 2 + RSA_LENGTH]
    assert once[2 + RSA_LENGTH :] != again[2 + RSA_LENGTH :]


def test_a_longer_key_makes_the_prefix_that_people_know() -> None:
    class Public4096:
        def encrypt(self, data: bytes, scheme: object) -> bytes:
            return bytes(512)

    assert seal(Public4096(), SecretValue(b""), b"").startswith("AgA")  # type: ignore[arg-type]  # only its length matters


# What Go's encoding/base64 answers to the same text.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", b""),
        ("\n", b""),
        ("QQ==", b"A"),
        ("QUI=", b"AB"),
        ("QUJD", b"ABC"),
        ("QU\nJD", b"ABC"),
        ("Q\r\nQ=\n=\n", b"A"),
        ("QR==", b"A"),
        ("+/+/", b"\xfb\xff\xbf"),
    ],
)
def test_base64_ignores_line_breaks_and_spare_bits(text: str, value: bytes) -> None:
    assert decode_blob(text) == value


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("QUJDRA", 4),
        ("QQ", 0),
        ("Q", 0),
        ("Q\nQ", 1),
        ("QUJDQ\n", 5),
        ("QQ=", 3),
        ("QQ=\n", 4),
        ("=", 0),
        ("Q=", 1),
        ("QQ=Q", 2),
        ("QQ\n=\n\nQ", 5),
        ("QQ=?", 2),
        ("QQ==Q", 4),
        ("QQ==\nQUJD", 5),
        ("QUI==", 4),
        ("QUI=\n\n!", 6),
        ("QUJD=", 4),
        ("QUJD====", 4),
        ("QU JD", 2),
        ("QUJ\tD", 3),
        (" QUJD", 0),
        ("QUJD ", 4),
        ("QUI-", 3),
        ("QUI_", 3),
        ("QU\n?JD", 3),
        ("QUJé", 3),
        ("QUJ\ud800", 3),
        ("QUJ\x00", 3),
    ],
)
def test_broken_base64_is_reported_where_go_reports_it(text: str, offset: int) -> None:
    with pytest.raises(BrokenBase64) as broken:
        decode_blob(text)

    assert broken.value.offset == offset
    assert str(broken.value) == f"illegal base64 data at input byte {offset}"


@settings(deadline=None, max_examples=300)
@given(st.text() | st.text("AQ=\n\r +/-_", max_size=40))
def test_no_text_crashes_the_decoder(text: str) -> None:
    with contextlib.suppress(BrokenBase64):
        assert len(decode_blob(text)) <= len(text)


@settings(deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=8))
def test_line_breaks_anywhere_change_nothing(value: bytes, breaks: list[int]) -> None:
    text = base64.b64encode(value).decode()
    for at in breaks:
        text = text[: at % (len(text) + 1)] + "\r\n" + text[at % (len(text) + 1) :]

    assert decode_blob(text) == value


def test_an_empty_value_is_a_value() -> None:
    assert unseal(private_key(), decode_blob(D.sealed), b"") == SecretValue(b"")
    assert len(decode_blob(D.sealed)) == 274
