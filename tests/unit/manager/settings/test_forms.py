"""Addresses on which the process listens are read as Go reads them."""

import pytest

from manager.settings.forms import listen_address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (":8080", ("", 8080)),
        ("8080", ("", 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_an_address_is_host_and_port(text: str, found: tuple[str, int]) -> None:
    assert listen_address(text) == found


@pytest.mark.parametrize("text", ["", ":", ":65536", ":-1", ":8o", "http://x:80", "[x]:80", "a b:80", ":\u0661"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write HOST:PORT"):
        listen_address(text)
