"""Two answers have one fingerprint only when nobody could tell them apart."""

from typing import Any

import pytest

from external.providers.kubernetes.client import ParsedSecret
from external.providers.protocol import ProviderDenied, Versioned
from external.reading.fingerprints import combined, fingerprint_of
from manager.core.secret_value import SecretValue


def whole(**members: bytes) -> ParsedSecret:
    return ParsedSecret("data", members, 1)


def found(**values: str) -> dict[str, SecretValue]:
    return {name: SecretValue(value.encode()) for name, value in values.items()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SecretValue(b"a"), SecretValue(b"b")),
        (SecretValue(b""), SecretValue(b"\0")),
        (whole(a=b"1"), whole(a=b"2")),
        (whole(a=b"1"), whole(b=b"1")),
        (whole(a=b"1"), whole()),
        (whole(a=b"1", b=b"2"), whole(a=b"1b", b=b"2")),
        (ParsedSecret("told", {"labels": {"a": "1"}}, 1), ParsedSecret("told", {"labels": {"a": "2"}}, 1)),
        (whole(), ParsedSecret("told", {}, 1)),
        (found(a="1"), found(a="2")),
        (found(a="1"), found(b="1")),
        (found(a="bc"), found(ab="c")),
        (found(), found(a="")),
        ({"a": whole(k=b"1")}, {"a": whole(k=b"2")}),
    ],
)
def test_answers_that_differ_are_told_apart(one: Any, other: Any) -> None:
    assert fingerprint_of(one) != fingerprint_of(other)
    assert fingerprint_of(one) == fingerprint_of(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SecretValue(b"a"), Versioned(b"a", "another version")),
        (whole(a=b"1", b=b"2"), whole(b=b"2", a=b"1")),
        (found(a="1", b="2"), dict(reversed(found(a="1", b="2").items()))),
    ],
)
def test_the_same_values_have_one(one: Any, other: Any) -> None:
    assert fingerprint_of(one) == fingerprint_of(other)


def test_an_error_has_none_and_several_have_none_beside_it() -> None:
    value = SecretValue(b"a value of some length")
    one, other = fingerprint_of(value), fingerprint_of(SecretValue(b"b"))

    assert fingerprint_of(ProviderDenied("no")) == b""
    assert combined([one, b""]) == b""
    assert combined([one, other]) != combined([other, one])
    assert value.reveal() not in one
