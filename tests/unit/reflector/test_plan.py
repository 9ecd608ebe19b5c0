"""Annotations, selectors and the scenario matrix of mirrors, without a cluster."""

from collections.abc import Mapping
from typing import Any

import pytest

from manager.kube.auto_mirrors import PREFIX, REFLECTS
from manager.kube.resources import SECRETS, Key
from manager.kube.selectors import SelectorError, parse_selector
from manager.kube.writer import SEALING_KEY_LABEL
from reflector.plan import Do, Plan
from reflector.rules.annotations import STAY, TARGET_NAME, Marks, Scope, ambiguous, problems, read
from reflector.view import EXTERNAL_MANAGED, REFUSE_PUSH
from tests.builders.mirror_plans import ALLOWED, AUTO, World


def marks(**annotations: str) -> Marks:
    found = read({PREFIX + name.replace("_", "-"): text for name, text in annotations.items()})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), (" TRUE ", True), ("1", False), ("yes", False), ("on", False), ("", False)],
)
def test_only_true_in_any_case_is_true(text: str, value: bool) -> None:
    assert marks(reflection_allowed=text).allowed is value


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("ns/name", ("ns", "name")),
        (" ns / name ", ("ns", "name")),
        ("name", ("", "name")),
        ("", None),
        ("a/b/c", None),
        ("/x", None),
        ("x/", None),
        (" ", None),
        ("../secrets", ("", "secrets")),
        ("ns/?watch=1", ("", "?watch=1")),
        ("ns/%2e%2e", ("", "%2e%2e")),
        ("NS/name", ("", "name")),
        ("..", ("", "..")),
    ],
)
def test_reflects_names_namespace_and_name(text: str, source: Any) -> None:
    assert marks(reflects=text).reflects == source


def test_objects_without_the_annotations_have_no_marks() -> None:
    assert read({}) is None
    assert read({"other/reflects": "a/b"}) is None


def test_a_selector_that_cannot_be_read_is_named() -> None:
    given = {"reflection_allowed": "true", "reflection_auto_enabled": "true"}
    (found,) = problems(marks(**given, reflection_auto_namespaces_selector="a=b,,=c"))

    assert "reflection-auto-namespaces-selector" in found


@pytest.mark.parametrize(
    ("selector", "labels", "answer"),
    [
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "b"}, True),
        ("a = b", {"a": "b"}, True),
        ("a=b", {"a": "c"}, False),
        ("a=", {"a": ""}, True),
        ("a!=b", {"a": "c"}, True),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (b,c)", {"a": "c"}, True),
        ("a in (b, c)", {"a": "c"}, True),
        ("a in(b)", {"a": "b"}, True),
        ("a in (b)", {}, False),
        ("a notin (b)", {}, True),
        ("a notin (b)", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("! a", {"a": "x"}, False),
        ("a=b,c in (d,e)", {"a": "b", "c": "e"}, True),
        ("a=b,c in (d,e)", {"a": "b"}, False),
        ("a=1,a=2", {"a": "2"}, True),
        ("a=1,a=2", {"a": "1"}, False),
        ("a=1,a in (2)", {"a": "2"}, False),
        ("a in (1),a=2", {"a": "2"}, False),
        ("a in (b,)", {"a": ""}, False),
        ("a in ( )", {"a": ""}, True),
        ("a in ( )", {}, False),
        ("x.io/a=b", {"x.io/a": "b"}, True),
    ],
)
def test_selectors(selector: str, labels: Mapping[str, str], answer: bool) -> None:
    assert all(each.holds(labels) for each in parse_selector(selector)) is answer


@pytest.mark.parametrize(
    "selector",
    [
        "",
        ",",
        ",,",
        "a in ()",
        "a in (,)",
        "a notin (,)",
        "a" * 9000,
        "a=b c",
        "=b",
        "a in b",
        "-a",
        "a=-b",
        "a/b/c=d",
        "a>b",
    ],
)
def test_a_malformed_selector_is_void_as_a_whole(selector: str) -> None:
    with pytest.raises(SelectorError):
        parse_selector(selector)


@pytest.mark.parametrize(
    ("names", "selector", "labels", "answer"),
    [
        ("", "", None, True),
        ("x", "", {}, False),
        ("a", "", None, True),
        ("", "t=1", {"t": "1"}, True),
        ("", "t=1", {}, False),
        ("", "t=1", None, False),
        ("x", "t=1", {"t": "1"}, True),
        ("a", "t=1", {}, True),
        ("x", "bad selector", {"t": "1"}, False),
    ],
)
def test_names_or_labels_admit(names: str, selector: str, labels: Any, answer: bool) -> None:
    assert Scope(names, selector).admits("a", labels) is answer


def test_a_push_needs_both_consents() -> None:
    found = marks(
        reflection_allowed="true",
        reflection_allowed_namespaces="a,b",
        reflection_auto_enabled="true",
        reflection_auto_namespaces="b,c",
    )

    assert [found.permits(name, {}) for name in "abc"] == [True, True, False]
    assert [found.pushes(name, {}) for name in "abc"] == [False, True, False]
    assert ambiguous(marks(reflection_allowed_namespaces="dev|dev-.*"), "dev-1")


@pytest.fixture
def world() -> World:
    return World()


def test_a_pushing_source_is_mirrored_everywhere_but_at_home_and_where_nobody_may(world: World) -> None:
    world.secret("src")

    assert world.steps() == {"team-1": Do.CREATE, "team-2": Do.CREATE}


def test_what_is_as_it_should_be_needs_nothing(world: World) -> None:
    version = world.secret("src")
    for name in ("team-1", "team-2"):
        world.mirror(name, version)

    assert world.plan() == Plan()


@pytest.mark.parametrize("version", ["0", "", "garbage"])
def test_a_stale_or_blanked_mirror_is_refreshed(world: World, version: str) -> None:
    current = world.secret("src")
    world.mirror("team-1", version)
    world.mirror("team-2", current)

    assert world.steps() == {"team-1": Do.REFRESH}


def test_a_mirror_of_an_earlier_version_is_read_first(world: World) -> None:
    world.secret("src")
    world.mirror("team-1", "5")

    assert world.steps() == {"team-1": Do.COMPARE, "team-2": Do.CREATE}


def test_a_mirror_that_somebody_else_wrote_is_compared(world: World) -> None:
    version = world.secret("src")
    world.mirror("team-1", version)
    world.mirror("team-2", version)
    world.lookout.observed.doubt(Key(SECRETS, "team-1", "s"))

    assert world.steps() == {"team-1": Do.COMPARE}


@pytest.mark.parametrize(
    "wrong",
    [
        {f"{PREFIX}reflection-auto-namespaces": "team-("},
        {f"{PREFIX}reflection-allowed-namespaces": "team-2,team-["},
        {f"{PREFIX}reflection-auto-namespaces-selector": "t in ("},
        {f"{PREFIX}reflection-allowed-namespaces-selector": "=="},
        {f"{PREFIX}reflection-allowed": "treu"},
        {f"{PREFIX}reflection-auto-enabled": "yes"},
        {TARGET_NAME: "Not A Name"},
    ],
)
def test_a_slip_of_the_pen_takes_no_mirror_away(world: World, wrong: Mapping[str, str]) -> None:
    world.secret("src", {**AUTO, **wrong})
    world.mirror("team-1", "1")

    decided = world.plan()

    assert Do.REMOVE not in {step.do for step in decided.steps}
    assert any(STAY in note.message for note in decided.notes)


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {f"{PREFIX}reflection-allowed": "false"},
        ALLOWED,
        {**AUTO, f"{PREFIX}reflection-auto-namespaces": "team-2"},
        {**AUTO, f"{PREFIX}reflection-allowed-namespaces": "team-2"},
        {**AUTO, f"{PREFIX}reflection-auto-namespaces-selector": "t=2"},
    ],
)
def test_withdrawn_consent_takes_the_mirror_away(world: World, annotations: Mapping[str, str]) -> None:
    world.secret("src", annotations)
    world.mirror("team-1", "1")

    assert world.steps().get("team-1") == Do.REMOVE


def test_a_source_that_is_gone_takes_pushed_mirrors_and_leaves_pulled_ones(world: World) -> None:
    world.mirror("team-1", "1")
    world.mirror("team-2", "1", auto="False")

    assert world.steps() == {"team-1": Do.REMOVE}
    assert world.reasons() == ["SourceNotFound"]


def test_a_pull_is_served_wherever_it_is_permitted_under_any_name(world: World) -> None:
    world.secret("src", {**ALLOWED, f"{PREFIX}reflection-allowed-namespaces": "team-1"})
    world.secret("team-1", {REFLECTS: "src/s"}, name="mine")
    world.secret("team-2", {REFLECTS: "src/s"}, name="mine")

    assert world.steps() == {"team-1": Do.REFRESH}
    assert world.reasons() == ["SourceNotPermitted"]


def test_a_pull_of_the_sources_name_is_never_taken_away(world: World) -> None:
    version = world.secret("src", {**AUTO, f"{PREFIX}reflection-auto-namespaces": "team-2"})
    world.mirror("team-1", version, auto="False")
    world.mirror("team-2", version)

    assert world.steps() == {}


def test_a_foreign_object_is_left_and_told(world: World) -> None:
    world.secret("src")
    world.secret("team-1", {"some": "annotation"})

    assert world.steps() == {"team-2": Do.CREATE}
    (note,) = world.plan().notes
    assert note.reason == "ConflictingObject"
    assert "team-1" in note.message


@pytest.mark.parametrize("kind", ["SealedSecret", "ExternalSecret"])
def test_a_mirror_that_was_claimed_is_no_longer_ours(world: World, kind: str) -> None:
    world.secret("src", {})
    owner = {"kind": kind, "name": "s", "uid": "o", "controller": True}
    world.mirror("team-1", "1", ownerReferences=[owner])

    assert world.steps() == {}


def test_a_refusing_terminating_or_protected_namespace_gets_nothing() -> None:
    world = World(protected_namespaces=("team-1", "kube-*"))
    world.namespace("team-2", {REFUSE_PUSH: "true"})
    world.namespace("team-3", deletionTimestamp="2026-01-01T00:00:00Z")
    world.secret("src")

    assert world.steps() == {}


def test_a_source_that_is_going_makes_no_new_mirror_and_keeps_those_that_are(world: World) -> None:
    version = world.secret("src")
    world.mirror("team-1", version)
    world.namespace("src", deletionTimestamp="2026-01-01T00:00:00Z")

    assert world.steps() == {}


def test_a_source_that_is_going_wins_no_name(world: World) -> None:
    world.namespace("old", deletionTimestamp="2026-01-01T00:00:00Z")
    world.secret("old", created="2020-01-01T00:00:00Z")
    version = world.secret("src")
    world.mirror("team-1", version)

    assert world.steps() == {"team-2": Do.CREATE}


def test_a_mirror_in_a_namespace_that_refuses_now_goes(world: World) -> None:
    version = world.secret("src")
    world.mirror("team-1", version)
    world.mirror("team-2", version)
    world.namespace("team-1", {REFUSE_PUSH: "true"})

    assert world.steps() == {"team-1": Do.REMOVE}


def test_of_two_sources_of_a_name_the_older_wins_and_the_younger_is_told(world: World) -> None:
    world.namespace("src2")
    world.secret("src2", created="2026-01-02T00:00:00Z")
    world.secret("src", created="2026-01-01T00:00:00Z")

    assert world.steps("src2") == {}
    assert "ConflictingSource" in world.reasons("src2")
    assert set(world.steps("src")) == {"team-1", "team-2"}


def test_of_two_sources_of_one_second_the_name_decides(world: World) -> None:
    world.namespace("abc")
    world.secret("src")
    world.secret("abc")

    assert world.steps("src") == {}
    assert set(world.steps("abc")) == {"team-1", "team-2"}


def test_a_sources_own_mirror_elsewhere_is_never_pushed_on(world: World) -> None:
    world.secret("team-1", {**AUTO, REFLECTS: "src/s"})

    assert world.steps("team-1") == {}


def test_mirrors_that_feed_each_other_are_left_alone(world: World) -> None:
    world.secret("team-1", {**ALLOWED, REFLECTS: "team-2/s"})
    world.secret("team-2", {**ALLOWED, REFLECTS: "team-1/s"})

    assert world.steps("team-1") == {}
    assert world.reasons("team-1") == ["CircularReference"]


@pytest.mark.parametrize(
    ("policy", "mirrored", "reasons"),
    [("warn", True, ["MirrorsExternalSecret"]), ("deny", False, ["MirrorDenied"]), ("allow", True, [])],
)
@pytest.mark.parametrize(
    "made",
    [
        {"ownerReferences": [{"kind": "ExternalSecret", "name": "e", "uid": "e", "controller": True}]},
        {"labels": {EXTERNAL_MANAGED: "true"}},
    ],
)
def test_what_an_external_secret_made_falls_under_the_guard(
    policy: str, mirrored: bool, reasons: list[str], made: Any
) -> None:
    world = World(provenance=policy)
    world.secret("src", **made)

    assert bool(world.steps()) is mirrored
    assert world.reasons() == reasons
    assert world.plan().frozen is not mirrored


def test_the_guard_sees_through_mirrors_of_mirrors() -> None:
    world = World(provenance="deny")
    world.secret("team-2", labels={EXTERNAL_MANAGED: "true"}, name="origin")
    world.secret("team-1", {**ALLOWED, REFLECTS: "team-2/origin"}, name="middle")
    world.secret("src", {**ALLOWED, REFLECTS: "team-1/middle"})
    world.secret("kube-system", {REFLECTS: "src/s"}, name="end")

    assert world.plan("src").frozen


def test_denied_mirrors_that_exist_are_frozen_not_deleted() -> None:
    world = World(provenance="deny")
    version = world.secret("src", labels={EXTERNAL_MANAGED: "true"})
    world.mirror("team-1", version + "0")

    assert world.steps() == {}


def test_a_sealing_key_is_never_mirrored(world: World) -> None:
    world.secret("src", labels={SEALING_KEY_LABEL: "active"})

    assert world.plan() == Plan()


def test_an_excluded_source_is_ignored_but_its_namespace_stays_a_target() -> None:
    world = World(excluded_namespaces=("team-*",))
    world.secret("team-1")
    world.secret("src")

    assert world.plan("team-1") == Plan()
    assert set(world.steps("src")) == {"team-2"}
