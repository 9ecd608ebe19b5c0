"""`dataFrom[].rewrite`: replaces as Go does, and never merges two keys into a random one."""

import asyncio
from typing import Any

import pytest
import re2

from external.api.external_secret import Rewrite
from external.values.documents import Documents
from external.values.namespace_lock import NamespaceLock
from external.values.rewrites import replace_all, rewritten
from manager.core.secret_value import SecretValue
from manager.gotemplate.sandbox import Sandbox


def run(data: dict[str, str], *steps: dict[str, Any]) -> dict[str, str]:
    """Apply steps; return texts."""
    values = {key: SecretValue(value.encode()) for key, value in data.items()}
    documents = Documents(Sandbox(), NamespaceLock(), "ns")  # not loaded: there is no template
    found = asyncio.run(rewritten(values, [Rewrite.model_validate(step) for step in steps], documents, ValueError))
    return {key: value.reveal().decode() for key, value in found.items()}


def regexp(source: str, target: str) -> dict[str, Any]:
    return {"regexp": {"source": source, "target": target}}


def merge(**fields: Any) -> dict[str, Any]:
    return {"merge": fields}


@pytest.mark.parametrize(
    ("source", "target", "text", "found"),
    [
        ("^my/(.*)", "$1", "my/key", "key"),
        ("(?P<first>[a-z]+)-(?P<rest>.*)", "${rest}_${first}", "a-b", "b_a"),
        ("a", "$$", "banana", "b$n$n$"),
        ("(a)(n)?", "[$2]", "ana", "[n][]"),
        ("a", "$1x", "a", ""),  # `1x` is no group
        ("a", "${1}x", "a", "x"),  # there is no first group
        ("a", "$", "a", "$"),
        ("x*", "-", "abc", "-a-b-c-"),
        ("b*", "-", "abc", "-a-c-"),
        ("x*", "-", "", "-"),
        ("ä", "ae", "käse", "kaese"),
        ("", "x", "äb", "xäxbx"),
        ("\\w+$", "z", "a/b", "a/z"),
        ("^a", "x", "aaa", "xaa"),
    ],
)
def test_replacing_is_gos(source: str, target: str, text: str, found: str) -> None:
    assert replace_all(re2.compile(source), target, text) == found


def test_steps_see_what_the_ones_before_them_made() -> None:
    assert run({"my/a": "1", "my/b": "2"}, regexp("^my/", "your-"), regexp("-", "_")) == {"your_a": "1", "your_b": "2"}
    assert run({"a": "1"}) == {"a": "1"}


def test_two_keys_never_become_one() -> None:
    with pytest.raises(ValueError, match=r"rewrite\[0\]: two keys become x"):
        run({"a": "1", "b": "2"}, regexp(".", "x"))


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (regexp("(", "x"), "no RE2 expression"),
        ({}, "regexp, transform or merge is missing"),
        (merge(), "the value of b is no JSON object"),
        (merge(priority=["c"]), "priority names c"),
        (merge(strategy="JSON"), "needs into"),
    ],
)
def test_a_step_that_cannot_be_taken_is_named(step: Any, text: str) -> None:
    good = {"priority": {"b": "{}", "a": "{}"}, "strategy": {"a": "{}"}}
    fields = step.get("merge") or {}
    data = next((good[each] for each in good if each in fields), {"a": "{}", "b": "canary"})
    with pytest.raises(ValueError, match=r"rewrite\[0\]") as caught:
        run(data, step)

    assert text in str(caught.value)
    assert "canary" not in str(caught.value)


def test_merging_takes_the_members_of_all_values() -> None:
    data = {"one": '{"a": "1", "n": 1e3, "t": true}', "two": '{"o": {"k" : [1, 2]}, "null": null}'}

    assert run(data, merge()) == {"a": "1", "n": "1000", "t": "true", "o": '{"k" : [1, 2]}', "null": ""}


def test_repeated_members_conflict_unless_ordered() -> None:
    data = {"a": '{"k": "a"}', "b": '{"k": "b"}', "c": '{"k": "c"}'}
    with pytest.raises(ValueError, match="more than one value has k"):
        run(data, merge())

    assert run(data, merge(conflictPolicy="Ignore")) == {"k": "c"}
    assert run(data, merge(conflictPolicy="Ignore", priority=["c", "a"])) == {"k": "a"}
    lenient = merge(conflictPolicy="Ignore", priority=["a", "x"], priorityPolicy="IgnoreNotFound")
    assert run(data, lenient) == {"k": "a"}


def test_merging_into_one_json_keeps_the_rest() -> None:
    data = {"a": '{"x": "<1>", "n": 12345678901234567890}', "b": '{"y": [1, null]}'}

    found = run(data, merge(strategy="JSON", into="all"))

    assert found == data | {"all": '{"n":12345678901234567890,"x":"<1>","y":[1,null]}'}
