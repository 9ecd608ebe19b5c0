"""The value of an entry, alone or as one JSON object."""

import pytest

from external.providers.push import PushRefused, PushRequest, RemoteRef
from external.providers.support.pushing.payload import payload, payload_text
from manager.core.secret_value import SecretValue


def request(secret_key: str, **values: bytes) -> PushRequest:
    given = {name: SecretValue(each) for name, each in values.items()}
    return PushRequest(RemoteRef("k"), secret_key, given, "ns/a", recorded=False)


def test_one_key_is_pushed_as_it_is() -> None:
    assert payload(request("a", a=b"\xff\x00", b=b"x")).reveal() == b"\xff\x00"


def test_the_whole_source_is_sorted_json_without_html_escapes() -> None:
    found = payload(request("", b='<&>"\u2028é'.encode(), a=b"")).reveal()

    assert found.decode() == '{"a":"","b":"<&>\\"\\u2028é"}'
    assert payload(request("")).reveal() == b"{}"


def test_a_key_that_is_missing_is_named() -> None:
    with pytest.raises(PushRefused, match=r"^secret key none does not exist$"):
        payload(request("none", a=b"x"))


def test_bytes_that_are_no_text_are_not_destroyed() -> None:
    for attempt in (lambda: payload(request("", a=b"\xff")), lambda: payload_text(request("a", a=b"\xff"))):
        with pytest.raises(PushRefused, match="secret key a is not UTF-8"):
            attempt()
