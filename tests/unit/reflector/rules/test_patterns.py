"""Lists of patterns: what the original accepts, in linear time and bounded memory."""

import pytest

from manager.kube.auto_mirrors import PREFIX
from reflector.rules.annotations import Marks, problems, read
from reflector.rules.patterns import MAX_LIST_CHARACTERS, MAX_LIST_INSTRUCTIONS, patterns


def marks(**annotations: str) -> Marks:
    found = read({PREFIX + name.replace("_", "-"): text for name, text in annotations.items()})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "name", "whole", "fully"),
    [
        ("a,b", "b", True, True),
        (" a , b ", "b", True, True),
        ("a", "ab", False, False),
        ("dev|dev-.*", "dev-1", False, True),
        ("dev-.*|dev", "dev-1", True, True),
        ("team-.*?", "team-a", False, True),
        ("team-[0-9]*", "team-42", True, True),
        ("Team", "team", False, False),
        (",", "a", False, False),
        ("a{1", "aa", False, False),
        ("3}", "aa", False, False),
        ("*", "a", False, False),
        ("*,a", "a", True, True),
        ("^(?!(?:default|kube-system)$).*", "default", False, False),
        ("^(?!(?:default|kube-system)$).*", "default-2", True, True),
        ("^(?!default$).*", "default", False, False),
        ("^(?!kube-).*$", "kube-public", False, False),
        ("^(?!kube-).*$", "app", True, True),
        ("(?!a|b).*", "ab", False, False),
        ("^(?!(a.c)$).*", "x", False, False),
        ("^(?!a|b$).*", "ab", False, False),
        ("^(?!a|b$).*", "bb", True, True),
        ("^(?!kube-.*$|a$).*", "kube-public", False, False),
        ("^(?!(?:kube-.*|a)$).*", "kube-public", False, False),
        ("^(?!(?:kube-.*|a)$).*", "ab", True, True),
        ("^(?!(?:a|b)).*", "ab", False, False),
        ("^(?!(a$|b$)).*", "ab", True, True),
        ("^(?!(?:a|b)$|c).*", "x", False, False),
        ("^(?!a)(?!b).*", "x", False, False),
    ],
)
def test_names_match_as_the_original_matches_them(text: str, name: str, whole: bool, fully: bool) -> None:
    found = patterns(text).match(name)

    assert (found.whole, found.fully) == (whole, fully)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(",".join(f"([a-z0-9]+)+_{number}" for number in range(500)), id="nested quantifiers"),
        pytest.param(",".join(f"(((a?){{30}}){{30}}){number}" for number in range(500)), id="huge programs"),
        pytest.param(",".join(f"name-{number}" for number in range(100_000))[:MAX_LIST_CHARACTERS], id="many names"),
        pytest.param(",".join(["a.*b"] * 10_000), id="many expressions"),
        pytest.param("a" * 250_000, id="one long name"),
    ],
)
@pytest.mark.timeout(60)  # an engine that goes back would take years
def test_an_attack_by_pattern_ends(text: str) -> None:
    patterns.cache_clear()

    found = {patterns(text).match("a" * 58 + f"{number:05}").whole for number in range(500)}

    assert found == {False}


def test_what_does_not_fit_is_named_and_matches_nothing() -> None:
    found = patterns(",".join([*["a.{50}b"] * (MAX_LIST_INSTRUCTIONS // 50), "c.*"]))

    assert found.expressions
    assert found.invalid
    assert patterns("x," * MAX_LIST_CHARACTERS).invalid == (f"longer than {MAX_LIST_CHARACTERS} characters",)
    assert not patterns("x," * MAX_LIST_CHARACTERS).match("x").whole


def on(**annotations: str) -> Marks:
    return marks(reflection_allowed="true", reflection_auto_enabled="true", **annotations)


def test_what_is_no_expression_is_named() -> None:
    found = problems(on(reflection_allowed_namespaces="*,ok", reflection_auto_namespaces="(?=x)"))

    assert len(found) == 2
    assert "reflection-allowed-namespaces" in found[0]
    assert "`.*` means any text" in found[0]
    assert problems(on(reflection_allowed_namespaces="ok")) == ()


def test_a_message_about_a_long_faulty_list_stays_short() -> None:
    (found,) = problems(on(reflection_allowed_namespaces=",".join(["*" * 500] * 100)))

    assert len(found) < 400
