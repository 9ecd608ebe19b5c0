"""One value of a JSON text changes, and every other character stays."""

import json

import pytest

from external.providers.push import PushRefused
from external.providers.support.pushing.json_text import (
    document_with,
    document_without,
    has_property,
    steps_of,
)

DOCUMENT = b'{ "n" : 12345678901234567890.50,\n  "a":{"b":"old", "c":[1, {"d":null}]} , "x.y":"flat"}'


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        (r"a\.b.c", ("a.b", "c")),
        (r"\*", ("*",)),
        ("a@b", ("a@b",)),
        (r"\@a", ("@a",)),
        (":0.1", ("0", "1")),
        (":x", (":x",)),
        ("a\\", ("a",)),
    ],
)
def test_a_path_is_split_at_its_dots(path: str, steps: tuple[str, ...]) -> None:
    assert steps_of(path) == steps


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", "*", "a.?", "a|b", "a.#", "@this", "a.@x", "a." * 50 + "a"]
)
def test_a_path_that_searches_or_has_an_empty_step_is_refused(path: str) -> None:
    with pytest.raises(PushRefused, match=r"data\[\].match.remoteRef.property"):
        document_with(b"{}", path, "v")


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        (b"", "p", b'{"p":"v"}'),
        (b"{}", "tls.crt", b'{"tls":{"crt":"v"}}'),
        (b" { } ", "p", b' {"p":"v" } '),
        (b'{"a":1}', "p", b'{"a":1,"p":"v"}'),
        (b'{"a":{}}', "a.b.c", b'{"a":{"b":{"c":"v"}}}'),
        (b'{"0":"x"}', "0", b'{"0":"v"}'),
        (b"{}", "0.1", b'{"0":{"1":"v"}}'),
        (b'{"a":["x"]}', "a.0", b'{"a":["v"]}'),
        (b'{"a.b":"old"}', "a.b", b'{"a.b":"v"}'),
        (b'{"a":{"b":"old"}}', r"a\.b", b'{"a":{"b":"old"},"a.b":"v"}'),
        (b'{"p":null}', "p", b'{"p":"v"}'),
        (b'{"p":7}', "p", b'{"p":"v"}'),
        (b'{"p":"\\u0076"}', "p", b'{"p":"\\u0076"}'),
        (b'{"p":"1","p":"2"}', "p", b'{"p":"v","p":"2"}'),
        (DOCUMENT, "a.b", DOCUMENT.replace(b"old", b"v")),
        (DOCUMENT, "x.y", DOCUMENT.replace(b"flat", b"v")),
        (DOCUMENT, "new", DOCUMENT[:-1] + b',"new":"v"}'),
    ],
)
def test_a_value_is_set_where_readers_find_it(before: bytes, path: str, after: bytes) -> None:
    assert document_with(before, path, "v") == after


@pytest.mark.parametrize(
    "before", [b"text", b"[1]", b'"x"', b"42", b"\xff", b'{"a":1', b'{"a":1} x', b"[" * 100_000, b" "]
)
def test_what_is_no_object_is_never_replaced(before: bytes) -> None:
    for attempt in (lambda: document_with(before, "p", "v"), lambda: document_without(before, "p")):
        with pytest.raises(PushRefused, match="no JSON object"):
            attempt()
    assert not has_property(before, "p")


@pytest.mark.parametrize("path", ["a", "a.c", "a.b.x", "a.c.x", "a.c.5", "n.x"])
def test_what_would_be_lost_is_not_replaced(path: str) -> None:
    with pytest.raises(PushRefused):
        document_with(DOCUMENT, path, "v")


def test_special_characters_are_written_as_go_does() -> None:
    made = document_with(b"", 'na"me', 'x<&>\u2028"\\\x00é')

    assert made == '{"na\\"me":"x<&>\\u2028\\"\\\\\\u0000é"}'.encode()
    assert json.loads(made) == {'na"me': 'x<&>\u2028"\\\x00é'}


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        (b'{"a":1}', "a", b""),
        (b'{"a":1, "b":2, "c":3}', "a", b'{"b":2, "c":3}'),
        (b'{"a":1, "b":2, "c":3}', "b", b'{"a":1, "c":3}'),
        (b'{"a":1, "b":2, "c":3}', "c", b'{"a":1, "b":2}'),
        (b'{"a":{"b":{"c":1}},"d":2}', "a.b.c", b'{"d":2}'),
        (b'{"a":{"b":{"c":1}}}', "a.b.c", b""),
        (b'{"a":{"b":1,"x":2}}', "a.b", b'{"a":{"x":2}}'),
        (b'{"a.b":1,"a":{"b":2}}', "a.b", b'{"a":{"b":2}}'),
        (b'{"a":1}', "b", None),
        (b'{"a":1}', "a.b", None),
        (b'{"a":[{"b":1}]}', "a.0.b", None),
    ],
)
def test_a_value_is_removed_with_what_it_leaves_empty(before: bytes, path: str, after: bytes | None) -> None:
    if b"[" in before:
        with pytest.raises(PushRefused, match="item of a list"):
            document_without(b'{"a":["x","y"]}', "a.0")
        return
    assert document_without(before, path) == after


@pytest.mark.parametrize(
    ("path", "there"),
    [("n", True), ("a.b", True), ("a.c.1.d", True), ("x.y", True), (r"x\.y", True), ("x", False), ("a.z", False)],
)
def test_a_property_exists_where_it_would_be_read(path: str, there: bool) -> None:
    assert has_property(DOCUMENT, path) is there
