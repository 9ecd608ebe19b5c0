"""Text that others wrote, in all the ways in which it has ended readers: nothing of it costs more than its caps say."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from manager.core.documents import (
    CONFIGURATION,
    OBJECT,
    Beyond,
    Caps,
    Unreadable,
    field,
    read_json,
    read_json_beneath,
    read_json_outline,
    read_yaml,
    too_deep,
)

SMALL = Caps(size=1000, values=50, levels=10)


def nested(levels: int, sign: str = "[]") -> str:
    return sign[0] * levels + sign[1] * levels


def aliases(levels: int, width: int) -> str:
    """Each list holds the one before some times: `width ** levels` values in a few lines."""
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * width)}]" for at in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize("levels", [101, 1_200, 5_000, 100_000])
def test_json_nested_too_deep_is_refused_whatever_python_would_do(levels: int) -> None:
    for text in (nested(levels), '{"a":' * levels + "1" + "}" * levels):
        with pytest.raises(Beyond, match="nested deeper than 100 levels"):
            read_json(text)


def test_json_within_its_levels_is_read() -> None:
    assert too_deep(read_json(nested(100)), 99)
    assert not too_deep(read_json(nested(100)), 100)
    assert read_json(b'{"text": "[[[[{{{{ \\" ]]", "n": [1, 2.5, null, true]}') == {
        "text": '[[[[{{{{ " ]]',
        "n": [1, 2.5, None, True],
    }


@pytest.mark.parametrize(
    "text", [json.dumps([[]] * 51), json.dumps(dict.fromkeys(map(str, range(26)), 0)), json.dumps([0] * 51)]
)
def test_json_of_more_values_than_allowed_is_not_parsed(text: str) -> None:
    with pytest.raises(Beyond, match="more than 50 values"):
        read_json(text, SMALL)


def test_signs_within_texts_are_no_values() -> None:
    text = json.dumps({"command": ",,,:::[[[{{{" * 20, "quoted": '","' * 20})

    assert read_json(text, SMALL) == json.loads(text)


def test_the_size_is_looked_at_first() -> None:
    with pytest.raises(Beyond, match="larger than 1000 bytes"):
        read_json("[" * 1001, SMALL)
    with pytest.raises(Beyond, match="larger than 1000 bytes"):
        read_yaml("[" * 1001, SMALL)


@pytest.mark.parametrize("text", ["", "{", "nope", "[1,]", b"\xff\xfe\xfa", '{"a": "\x00"}', '["' + "x" * 50])
def test_what_is_no_json_is_said_without_its_text(text: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        read_json(text)
    assert str(caught.value) == "it is no JSON"
    assert caught.value.__cause__ is None


def test_of_a_list_with_one_bottomless_object_the_others_are_read() -> None:
    bomb = '{"metadata": {"name": "bomb"}, "spec": ' + nested(60_000) + "}"
    text = f'{{"items": [{{"a": "]}}"}}, {bomb}, {{"b": [1, "\\\\"]}}], "metadata": {{}}}}'.encode()

    found = read_json_beneath(text, 150)

    assert found["items"][0] == {"a": "]}"}
    assert found["items"][1]["metadata"] == {"name": "bomb"}
    assert too_deep(found["items"][1], 100)
    assert found["items"][2] == {"b": [1, "\\"]}


def test_an_outline_has_the_upper_levels_alone() -> None:
    text = b'{"items": [{"metadata": {"name": "a", "labels": {"x": "1"}}, "spec": {"many": [[], []]}}], "kind": "List"}'

    assert read_json_outline(text, 4) == {
        "items": [{"metadata": {"name": "a", "labels": None}, "spec": {"many": None}}],
        "kind": "List",
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(aliases(10, 10), id="ten levels of aliases"),
        pytest.param(aliases(3, 40), id="few levels, wide"),
        pytest.param("a: &a [*a]", id="a list that holds itself"),
        pytest.param("a: &a {b: *a}", id="a mapping that holds itself"),
        pytest.param("x: &x [1]\ny: [" + ", ".join(["*x"] * 1_200) + "]", id="many aliases of one value"),
        pytest.param("base: &b {" + ", ".join(f"k{n}: {n}" for n in range(900)) + "}\n"
                     "all: [" + ", ".join(["{<<: *b}"] * 9) + "]", id="merges"),
        pytest.param("[" * 21 + "]" * 21, id="deep in brackets"),
        pytest.param("\n".join("  " * n + "- " for n in range(30)) + "x", id="deep by indentation"),
        pytest.param("[" + "1, " * 6_000 + "]", id="many values"),
    ],
)  # fmt: skip
def test_yaml_that_expands_is_refused(text: str) -> None:
    with pytest.raises(Beyond):
        read_yaml(text, CONFIGURATION)


@pytest.mark.parametrize(
    "text", ["a: [", "\x00", "a: !!python/object:os.system x", "{a: 1}: &b", "- !!int x", "\t- a: b"]
)
def test_what_is_no_yaml_is_one_error(text: str) -> None:
    with pytest.raises(Unreadable):
        read_yaml(text)


def test_yaml_within_its_caps_is_read() -> None:
    assert read_yaml("a: &x [1, two]\nb: *x\nc: {<<: {d: true}}") == {
        "a": [1, "two"],
        "b": [1, "two"],
        "c": {"d": True},
    }
    assert read_yaml("") is None
    with pytest.raises(Unreadable, match="several"):
        read_yaml("a: 1\n---\nb: 2")


@pytest.mark.parametrize("value", [["long"] * 3, {"a": 1}, 5, True, 1.5])
def test_a_value_of_another_type_is_no_text(value: Any) -> None:
    with pytest.raises(Unreadable, match="server: a text is needed here"):
        field({"server": value}, "server", str)


def test_a_field_of_its_type_is_returned_and_a_missing_one_is_none() -> None:
    assert field({"a": "x", "b": None}, "a", str) == "x"
    assert field({"a": "x", "b": None}, "b", str) is None
    assert field({}, "c", dict) is None
    with pytest.raises(Unreadable, match="what is no mapping"):
        field(["a"], "a", str)


def test_nobody_else_reads_json_or_yaml() -> None:
    """A second reader is one without these caps."""
    root = Path(__file__).parents[3]
    found = [
        f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
        for package in ("manager", "sealed", "external", "reflector")
        for path in sorted((root / package).rglob("*.py"))
        if path.name != "documents.py" or path.parent.name != "manager"
        for node in ast.walk(ast.parse(path.read_text()))
        if _reads(node)
    ]

    assert found == []


def _reads(node: ast.AST) -> bool:
    """Tell whether code parses: `json.load…`, `yaml.…load…`, `.json()`, a decoder, pydantic's JSON validators."""
    match node:
        case ast.Attribute(value=ast.Name(id="json"), attr=name):
            return name not in ("dumps", "dump", "JSONDecodeError")
        case ast.Attribute(value=ast.Name(id="yaml"), attr=name):
            return "load" in name or name in ("compose", "parse", "scan", "compose_all")
        case ast.Call(func=ast.Attribute(attr="json"), args=[]):
            return True
        case ast.Attribute(attr="model_validate_json" | "validate_json" | "from_json" | "literal_eval"):
            return True
        case ast.ImportFrom(module="json" | "yaml"):
            return True
        case ast.ImportFrom(module="pydantic_core", names=names):
            return any(each.name == "from_json" for each in names)
    return False


def test_the_lint_sees_what_it_forbids() -> None:
    for source in (
        "json.loads(x)",
        "yaml.safe_load(x)",
        "answer.json()",
        "json.JSONDecoder()",
        "from json import loads",
    ):
        assert any(map(_reads, ast.walk(ast.parse(source)))), source


def test_an_object_may_be_as_large_as_the_api_server_writes_it() -> None:
    text = json.dumps({"metadata": {"annotations": {"a": "\u0001" * 256 * 1024}}, "data": {"k": "x" * (1 << 20)}})

    assert len(text) < OBJECT.size
    assert len(read_json(text)["data"]["k"]) == 1 << 20
