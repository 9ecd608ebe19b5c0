"""Streams of documents: YAML 1.1 as Kubernetes tools read it, bombs refused, files replaced as a whole."""

import errno
import json
import os
import stat
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sealed.manifests.documents import (
    MAX_INPUT_BYTES,
    NOTHING_FOUND,
    InputError,
    read,
    read_file,
    render,
    replace_file,
    text_of,
)


def only(text: str) -> dict[str, Any]:
    (document,) = read(text.encode())
    return document


def aliases(name: str) -> str:
    return ", ".join(["*" + name] * 9)


LEVELS = list(zip("abcdefgh", "bcdefghi", strict=True))
LIST_BOMB = "a: &a [x, x]\n" + "".join(f"{new}: &{new} [{aliases(old)}]\n" for old, new in LEVELS)
MERGE_BOMB = "a: &a {x: y}\n" + "".join(f"{new}: &{new} {{<<: [{aliases(old)}]}}\n" for old, new in LEVELS)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n---\na: 2\n",
        "---\na: 1\n---\n---\n# nothing\n---\na: 2\n---\n",
        '{"a": 1}{"a": 2}',
        ' {"a": 1}\n\n{"a": 2}\n',
        '{"a": 1}\n---\n{"a": 2}\n',
        '---\n{"a": 1}\n---\na: 2\n',
        "{a: 1}\n---\n{a: 2}",
        "%YAML 1.1\n---\na: 1\n...\n---\na: 2\n...\n",
        "\ufeffa: 1\n---\na: 2\n",
        '\ufeff{"a": 1} {"a": 2}',
        "a: 1\r\n---\r\na: 2\r\n",
        '{"a": 1}null{"a": 2}',
    ],
)
def test_documents_are_read_in_order_without_empty_ones(text: str) -> None:
    assert read(text.encode()) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b"---\n---\n",
        b"# only a comment\n",
        b"null",
        b"{}",
        b"foo",
        b"- a\n",
        b"5",
        b"[]",
        b"a: 1\n---\nfoo\n",
        b"a: [",
        b"a: b: c",
        b"a:\n\tb: c\n",
        b"a: *unknown",
        b'{"a": 1',
        b'{"a": 1} trailing',
        b"\xff\xfea\x00:\x001\x00",
        "a: é".encode("latin-1"),
        b"a: \x00",
        b"a: \x07",
        b"!!python/object/apply:os.system ['true']",
        b"a: !custom b",
        b"a: !!bool maybe",
        b"a: !!int abc",
        b"a: !!timestamp soon",
        b"x: {<<: 5}",
        b"{" * 5_000,
        b"[" * 5_000,
        b'{"a":' * 5_000,
        b"a: " * 5_000,
        b"- " * 5_000,
        b"? " * 5_000,
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_holds_no_object_is_refused_in_the_originals_words(raw: bytes) -> None:
    with pytest.raises(InputError) as refused:
        read(raw)

    assert str(refused.value) == NOTHING_FOUND == "no secrets found. Ensure the input is valid and UTF-8 encoded"


@pytest.mark.parametrize(
    "text", [LIST_BOMB, MERGE_BOMB, "a: &a [*a]", "a: &a {b: *a}", "&a {<<: *a}"], ids=lambda text: text[:12]
)
def test_a_document_with_expanding_aliases_is_refused(text: str) -> None:
    assert len(text) < 1000

    with pytest.raises(InputError, match=r"^input expands to too many values$"):
        read(text.encode())


def test_a_few_aliases_and_merges_are_welcome() -> None:
    document = only("base: &b {a: x, b: y}\ndata: {<<: *b, b: z}\nagain: *b\n")

    assert document["data"] == {"a": "x", "b": "z"}
    assert document["again"] == document["base"]


def test_an_enormous_input_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InputError, match="input is larger than"):
        read(b"#" * (MAX_INPUT_BYTES + 1))


def test_a_value_of_a_megabyte_is_read() -> None:
    value = "A" * 1_048_576

    assert only(f"data:\n  a: {value}\n")["data"]["a"] == value


# What the original makes of an unquoted scalar in a text field; see the next table for where we keep what it loses.
@pytest.mark.parametrize(
    ("scalar", "text"),
    [
        *((each, "true") for each in ("y", "Y", "yes", "Yes", "YES", "on", "On", "true", "True", "TRUE", "!!bool y")),
        *((each, "false") for each in ("n", "N", "no", "No", "NO", "off", "Off", "false", "False", "FALSE")),
        *((each, "") for each in ("~", "null", "Null", "NULL", "", "''")),
        ("1", "1"),
        ("-0", "0"),
        ("+1", "1"),
        ("01", "1"),
        ("0777", "511"),
        ("0b11", "3"),
        ("0x1F", "31"),
        ("0xff_ff", "65535"),
        ("1_000", "1000"),
        ("1_", "1"),
        ("123456789012345678", "123456789012345678"),
        ("12345678901234567890", "12345678901234567890"),
        ("18446744073709551615", "18446744073709551615"),
        ("12:30", "12:30"),
        ("1:30:45", "1:30:45"),
        ("190:20:30.5", "190:20:30.5"),
        ("0x", "0x"),
        ("1e", "1e"),
        ("_1", "_1"),
        ("=", "="),
        ("0.1", "0.1"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("!!str 1", "1"),
        ("'1'", "1"),
        ('"y"', "y"),
        ('"b\\u0041"', "bA"),
        ("plain text", "plain text"),
    ],
)
def test_a_scalar_becomes_the_text_that_the_original_makes_of_it(scalar: str, text: str) -> None:
    assert text_of(only(f"a: {scalar}\nb: c")["a"]) == text


@pytest.mark.parametrize(
    "scalar",
    [
        *("1.50", "1e3", "1.0e3", "3.14159265358979", "5.", ".5", "-0.0", ".inf", ".nan", "08", "16777217.0"),
        *("18446744073709551616", "-9223372036854775809", "9" * 5000, "0x" + "f" * 5000, "0" + "7" * 5000),
    ],
    ids=lambda scalar: scalar[:24],
)
def test_a_number_that_the_original_would_round_keeps_its_text(scalar: str) -> None:
    assert text_of(only(f"a: {scalar}")["a"]) == scalar


def test_json_numbers_keep_their_text_too() -> None:
    document = only('{"a": 1.50, "b": 3.14159265358979, "c": 1e3, "d": 12345678901234567890, "e": true, "f": null}')

    assert [text_of(value) for value in document.values()] == [
        "1.50",
        "3.14159265358979",
        "1e3",
        "12345678901234567890",
        "true",
        "",
    ]


def test_keys_are_texts_and_none_swallows_another() -> None:
    assert only("{1: a, y: b, no: c, 0: d, 1.0: e, 2026-01-01: f}") == {
        "1": "a",
        "true": "b",
        "false": "c",
        "0": "d",
        "1.0": "e",
        "2026-01-01": "f",
    }


@pytest.mark.parametrize(("levels", "read_it"), [(100, True), (102, False)])
def test_a_hundred_levels_of_nesting_are_read_and_no_more(levels: int, read_it: bool) -> None:
    raw = b"a: " + b"[" * (levels - 1) + b"]" * (levels - 1)

    with nullcontext() if read_it else pytest.raises(InputError, match="no secrets found"):
        assert [*read(raw)[0]] == ["a"]


@pytest.mark.parametrize(
    "odd", [[], {}, ["a"], {"a": "b"}, 1.5, b"bytes", object()], ids=lambda odd: type(odd).__name__
)
def test_what_is_no_scalar_is_refused_without_showing_it(odd: object) -> None:
    with pytest.raises(InputError) as refused:
        text_of(odd)

    assert str(refused.value) == f"a text was expected where the input has a {type(odd).__name__}"


@pytest.mark.parametrize("text", ['{"a": "\\ud83d\\ude00"}', 'a: "\\ud83d\\ude00"', 'a: "\\U0001f600"', "a: 😀"])
def test_a_character_written_as_two_escapes_is_one_character(text: str) -> None:
    assert text_of(only(text)["a"]) == "😀"


@pytest.mark.parametrize("text", ['{"a": "x\\ud800y"}', 'a: "x\\ud800y"'])
def test_half_a_character_is_replaced_as_in_go(text: str) -> None:
    assert text_of(only(text)["a"]) == "x\ufffdy"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.text("a:{}[]&*<!|>-# \n\"'y1.\\", max_size=60).map(str.encode))
def test_no_input_crashes_the_reader(raw: bytes) -> None:
    try:
        documents = read(raw)
    except InputError:
        return
    assert all(isinstance(each, dict) for each in documents)


def test_json_is_indented_by_two_and_ends_with_one_line_break() -> None:
    assert render({"kind": "X", "spec": {"a": ["b"], "c": {}}}, "json") == (
        b'{\n  "kind": "X",\n  "spec": {\n    "a": [\n      "b"\n    ],\n    "c": {}\n  }\n}\n'
    )


def test_json_escapes_what_gos_encoder_escapes_and_nothing_else() -> None:
    text = render({"a": "<&>\u2028é😀"}, "json").decode()

    assert text == '{\n  "a": "\\u003c\\u0026\\u003e\\u2028é😀"\n}\n'
    assert json.loads(text) == {"a": "<&>\u2028é😀"}


def test_yaml_documents_have_a_separator_and_sorted_keys() -> None:
    assert render({"kind": "X", "apiVersion": "v1", "a": {"z": 1, "b": ["c"]}}, "yaml") == (
        b"---\na:\n  b:\n  - c\n  z: 1\napiVersion: v1\nkind: X\n"
    )


def test_yaml_never_folds_a_long_value() -> None:
    value = "AgB" + "word " * 400 + "x" * 5000

    assert f"a: {value}\n".encode() in render({"a": value}, "yaml")


AMBIGUOUS = ["y", "n", "Y", "N", "yes", "No", "on", "OFF", "true", "null", "~", "", "=", "<<", "1", "01", "1e3", "08"]
AMBIGUOUS += ["0o7", "0x1", "1_0", "12:30", ".5", "5.", "-1", "+1", "-.inf", ".nan", "2026-01-01", "- a", "a: b", "#"]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_what_another_reader_would_not_take_for_text_is_quoted(text: str) -> None:
    """Kubernetes' own reader knows more numbers and booleans than PyYAML's writer does."""
    line = render({"k": text}, "yaml").decode().splitlines()[1]

    assert line.removeprefix("k: ")[0] in "'\""
    assert yaml.safe_load(line) == {"k": text}
    assert render({text: "v"}, "yaml").decode().splitlines()[1][0] in "'\"?"


def test_ordinary_values_are_not_quoted() -> None:
    assert render({"k": "AgA+/wy==", "name": "my-secret"}, "yaml") == b"---\nk: AgA+/wy==\nname: my-secret\n"


scalars = st.text(max_size=12) | st.sampled_from(AMBIGUOUS)


@settings(deadline=None)
@given(st.dictionaries(scalars, scalars | st.lists(scalars, max_size=3), max_size=5), st.sampled_from(["json", "yaml"]))
def test_what_is_written_reads_back_the_same(document: dict[str, Any], form: str) -> None:
    content = render(document, form)

    assert (yaml.safe_load(content) if form == "yaml" else json.loads(content)) == document


def test_a_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    target = tmp_path / "sealed.yaml"

    replace_file(target, b"content")

    assert target.read_bytes() == b"content"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    target = tmp_path / "sealed.yaml"
    target.write_bytes(b"old")
    target.chmod(0o644)

    replace_file(target, b"new")

    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "sealed.yaml"
    target.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"sealed\.yaml: no space left on device$"):
        replace_file(target, b"new")

    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupted_write_leaves_only_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "sealed.yaml"
    target.write_bytes(b"old")

    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(target, b"new")

    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_errors_of_paths_are_worded_as_in_go(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no" / "x", "no such file or directory"), (tmp_path, "is a directory")):
        with pytest.raises(InputError, match=f"^open {path}: {reason}$"):
            replace_file(path, b"")
        with pytest.raises(InputError, match=f"^open {path}: {reason}$"):
            read_file(path)


def test_a_path_that_no_system_call_takes_is_named_too() -> None:
    with pytest.raises(InputError, match="not a usable path"):
        read_file(Path("a\x00b"))


LIST = (
    "apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  metadata: {name: a}\n- kind: Secret\n  metadata: {name: b}\n"
)


@pytest.mark.parametrize("kind", ["List", "SecretList"])
def test_lists_are_taken_apart(kind: str) -> None:
    found = read(LIST.replace("kind: List", f"kind: {kind}").encode())

    assert [each["metadata"]["name"] for each in found] == ["a", "b"]


def test_a_list_of_no_objects_is_refused() -> None:
    with pytest.raises(InputError, match="items"):
        read(b"kind: List\nitems: [1]\n")


@pytest.mark.parametrize("text", [".dockerconfigjson", "1.2.3", "10.0.0.1", "1,000", "a.b", "-x", "0x"])
def test_names_and_versions_are_unquoted_as_in_the_original(text: str) -> None:
    assert render({text: text}, "yaml") == f"---\n{text}: {text}\n".encode()


def test_keys_stand_in_the_originals_order() -> None:
    keys = ["-", ".dockerconfigjson", "_", "1.2.3", "10", "1e3", "9", "A", "Z", "a", "a-b", "a_b", "true", "y"]

    lines = render(dict.fromkeys(sorted(keys), "x"), "yaml").decode().splitlines()[1:]

    assert [line.removesuffix(": x").strip("\"'") for line in lines] == keys


def test_a_link_stays_one_and_its_file_changes(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to("real.yaml")

    replace_file(link, b"new", keep_mode=True)

    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_file_of_several_names_keeps_them(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("a much longer text")
    second.hardlink_to(first)

    replace_file(second, b"new")

    assert first.read_text() == "new"


def test_a_file_that_cannot_be_replaced_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    target = tmp_path / "mounted"
    target.write_text("a much longer text")
    monkeypatch.setattr(Path, "replace", busy)

    replace_file(target, b"new")

    assert target.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["mounted"], "nothing is left beside it"


def test_a_device_is_written_to_and_stays(tmp_path: Path) -> None:
    assert tmp_path.exists()
    replace_file(Path(os.devnull), b"new")

    assert Path(os.devnull).is_char_device()
