"""An annotation that has no effect is told at its object, with the form that has one; a misspelt one widens nothing."""

import pytest

from manager.kube.auto_mirrors import PREFIX, REFLECTS
from reflector.rules.annotations import problems, read
from reflector.rules.selection import PREFIX as OURS
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, ReflectorModule

ON = {"reflection-allowed": "true", "reflection-auto-enabled": "true"}


@pytest.fixture
def bench() -> ReflectorModule:
    return ReflectorModule()


def told(**annotations: str) -> str:
    marks = read({PREFIX + name.replace("_", "-"): text for name, text in annotations.items()})
    assert marks is not None
    return "; ".join(problems(marks))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (f"{PREFIX}reflection-allowed-namespace", f"{PREFIX}reflection-allowed-namespaces"),
        (f"{PREFIX}reflection-auto-enable", f"{PREFIX}reflection-auto-enabled"),
        (f"{PREFIX}secret-reflection-allowed", f"{PREFIX}reflection-allowed"),
        (f"{PREFIX}Reflects", REFLECTS),
        (f"{OURS}key", f"{OURS}keys"),
        (f"{OURS}target_name", f"{OURS}target-name"),
        (f"{OURS}label", f"{OURS}labels"),
    ],
)
def test_an_unknown_annotation_is_told_with_the_nearest_one(name: str, meant: str) -> None:
    marks = read({name: "x"})

    assert marks is not None
    assert f"{name}: unknown annotation; did you mean {meant}?" in problems(marks)[0]
    assert marks.understood is name.startswith(PREFIX)


async def test_a_misspelt_annotation_of_ours_copies_nothing_until_it_is_mended(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO | {f"{OURS}key": "pub"})
    await bench.settle()

    assert bench.value("team-1") is None
    assert [namespace for namespace, _ in bench.told("InvalidAnnotation")] == ["src"]

    bench.secret("src", "one", AUTO | {f"{OURS}keys": "k"})
    await bench.settle()
    assert bench.value("team-1") == "one"

    bench.secret("src", "two", AUTO | {f"{OURS}kyes": "k"})
    await bench.settle()
    assert bench.value("team-1") == "one", "what is mirrored stays as it is"


async def test_a_pull_with_a_misspelt_annotation_of_ours_is_left_as_it_is(bench: ReflectorModule) -> None:
    bench.secret("src", "one", ALLOWED)
    bench.secret("team-1", "placeholder", {REFLECTS: "src/s", f"{OURS}key": "pub"})
    bench.pull("team-2")
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2")) == ("placeholder", "one")
    [(namespace, message)] = bench.told("InvalidAnnotation")
    assert namespace == "team-1"
    assert f"did you mean {OURS}keys?" in message


@pytest.mark.parametrize("text", ["yes", "1", "on", "True!"])
def test_what_is_neither_true_nor_false_is_told(text: str) -> None:
    assert f'{text} is not true or false and counts as false; write "true" or "false"' in told(reflection_allowed=text)


@pytest.mark.parametrize("text", ["true", "TRUE", "false", "False", ""])
def test_a_boolean_in_any_case_is_taken(text: str) -> None:
    assert told(reflection_allowed=text) == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reflection_auto_enabled": "true"}, "reflection-auto-enabled: it has no effect without"),
        ({"reflection_allowed_namespaces": "a"}, "reflection-allowed-namespaces: it has no effect without"),
        (
            {"reflection_allowed": "true", "reflection_auto_namespaces": "a"},
            "reflection-auto-namespaces: it has no effect",
        ),
    ],
)
def test_an_annotation_without_the_one_that_it_needs_is_told(given: dict[str, str], said: str) -> None:
    assert said in told(**given)


def test_what_is_switched_off_in_words_is_not_told() -> None:
    assert told(reflection_allowed="false", reflection_auto_enabled="true", reflection_auto_namespaces="a") == ""
    assert told(reflection_allowed="true", reflection_auto_enabled="false") == ""


@pytest.mark.parametrize(("glob", "form"), [("team-*", "team-.*"), ("a-*-b", "a-.*-b")])
def test_a_glob_is_told_with_the_expression_that_means_it(glob: str, form: str) -> None:
    for name in ("reflection_allowed_namespaces", "reflection_auto_namespaces"):
        given = {each.replace("-", "_"): text for each, text in ON.items()}
        assert f"{glob} is a regular expression; write {form}" in told(**given, **{name: glob})


@pytest.mark.parametrize("expression", ["team-.*", "[a-z]*", "(a|b)*", r"a\*", "a.*b", "team-[0-9]*"])
def test_an_expression_is_taken_as_it_is(expression: str) -> None:
    given = {each.replace("-", "_"): text for each, text in ON.items()}

    assert "is a regular expression" not in told(**given, reflection_allowed_namespaces=expression)


@pytest.mark.parametrize("text", ["a/b/c", "a/", "/b", "//"])
async def test_a_reference_that_is_none_is_told_at_its_object(bench: ReflectorModule, text: str) -> None:
    bench.secret("team-1", "placeholder", {REFLECTS: text})
    await bench.settle()

    assert bench.value("team-1") == "placeholder"
    [(namespace, message)] = bench.told("InvalidAnnotation")
    assert (namespace, message) == ("team-1", f"{REFLECTS}: write NAMESPACE/NAME of the source")


async def test_a_reference_without_a_namespace_is_told_with_the_right_form(bench: ReflectorModule) -> None:
    bench.secret("team-1", "placeholder", {REFLECTS: "s"})
    await bench.settle()

    assert bench.told("InvalidAnnotation") == [
        ("team-1", "reflects: s names no namespace; write NAMESPACE/NAME of the source")
    ]


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"reflection-allowed-namespaces": "prod-.*"}, "reflection-allowed-namespaces: no namespace matches"),
        ({"reflection-auto-namespaces": "nothing"}, "reflection-auto-namespaces: no namespace matches"),
        (
            {"reflection-allowed-namespaces": "team-1", "reflection-auto-namespaces": "team-2"},
            "no namespace is in both reflection-allowed-namespaces and reflection-auto-namespaces",
        ),
    ],
)
async def test_a_push_that_reaches_no_namespace_says_why(
    bench: ReflectorModule, lists: dict[str, str], said: str
) -> None:
    bench.secret("src", "one", AUTO | {PREFIX + name: text for name, text in lists.items()})
    await bench.settle()

    [(namespace, message)] = bench.told("NothingReached")
    assert namespace == "src"
    assert said in message


async def test_a_push_into_closed_namespaces_alone_is_not_blamed_on_its_lists(bench: ReflectorModule) -> None:
    bench.namespace("closed", **{"coffer.dev/refuse-push": "true"})
    bench.secret("src", "one", {**AUTO, AUTO_NAMESPACES: "closed"})
    await bench.settle()

    assert bench.told("NothingReached") == []
