"""What the plan tells users, and what it leaves alone: pulls, labels, rules of the administrator, names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from manager.kube.auto_mirrors import PREFIX, REFLECTED_VERSION, REFLECTS
from manager.kube.resources import CONFIGMAPS, SECRETS, Key
from reflector.plan import MAX_NAMED, ROOT_CERTIFICATES, Do, Plan, behind, named
from reflector.rules.selection import LABELS
from reflector.rules.selection import PREFIX as OURS
from reflector.view import ACCEPT_LABELS
from tests.builders.mirror_plans import ALLOWED, AUTO, World

LABELLED = {**AUTO, LABELS: "team"}


@dataclass(frozen=True)
class Content:
    """What a mirror was written with."""

    version: str
    bare: bool = False
    fingerprint: bytes = b""


@pytest.fixture
def world() -> World:
    return World()


def observed(world: World, namespace: str, source: str, *, bare: bool = False) -> None:
    """Note that this process wrote the mirror in a namespace as it is in the cache."""
    (mirror,) = (each for each in world.view().mirrors if each.key.namespace == namespace)
    meta = {"uid": mirror.meta.uid, "resourceVersion": mirror.meta.version}
    world.lookout.observed.give(mirror.key, {"metadata": meta}, Content(source, bare))


def pull(namespace: str, name: str = "mine") -> Key:
    return Key(SECRETS, namespace, name)


def test_an_annotation_of_ours_that_is_not_understood_freezes_everything(world: World) -> None:
    world.secret("src", {**AUTO, f"{OURS}kyes": "a"})
    world.mirror("team-1", "1")

    found = world.plan()

    assert (found.steps, found.frozen) == ((), True)
    assert [(each.about, each.reason) for each in found.notes] == [(Key(SECRETS, "src", "s"), "InvalidAnnotation")]


def test_a_pull_with_an_annotation_that_is_not_understood_is_left_and_told(world: World) -> None:
    world.secret("src", ALLOWED)
    world.secret("team-1", {REFLECTS: "src/s", f"{OURS}kyes": "a"}, name="mine")

    found = world.plan()

    assert found.steps == ()
    assert [(each.about, each.reason) for each in found.notes] == [(pull("team-1"), "InvalidAnnotation")]


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, None),
        (
            {"ownerReferences": [{"kind": "SealedSecret", "name": "s", "uid": "o", "controller": True}]},
            "OwnedByAnother",
        ),
        ({"ownerReferences": [{"kind": "Deployment", "name": "s", "uid": "o", "controller": True}]}, Do.REFRESH),
    ],
)
def test_a_pull_that_another_writes_is_left_and_told(world: World, meta: dict[str, Any], reason: str | None) -> None:
    world.secret("src", ALLOWED)
    world.secret("team-1", {REFLECTS: "src/s"}, name="mine", **meta)

    found = world.plan()

    assert [*(each.do for each in found.steps), *(each.reason for each in found.notes)] == ([reason] if reason else [])


def test_a_pull_in_an_excluded_namespace_is_left_without_a_word() -> None:
    world = World(excluded_namespaces=("team-1",))
    world.secret("src", ALLOWED)
    world.secret("team-1", {REFLECTS: "src/s"}, name="mine")

    assert world.plan() == Plan()


def test_a_source_that_names_itself_is_not_its_own_pull(world: World) -> None:
    world.secret("src", {**ALLOWED, REFLECTS: "src/s"})

    assert world.plan().steps == ()


def test_a_pull_that_names_no_namespace_is_told_how_to_write_it(world: World) -> None:
    world.secret("team-1", {REFLECTS: "s"}, name="mine")

    found = world.plan("", "s")

    assert found.steps == ()
    assert [(each.about, "write NAMESPACE/NAME" in each.message) for each in found.notes] == [(pull("team-1"), True)]


def test_a_pull_out_of_an_excluded_namespace_is_told() -> None:
    world = World(excluded_namespaces=("src",))
    world.secret("src", ALLOWED)
    world.secret("team-1", {REFLECTS: "src/s"}, name="mine")

    found = world.plan()

    assert (found.steps, [each.reason for each in found.notes]) == ((), ["SourceNotPermitted"])


def test_a_mirror_that_is_being_deleted_is_not_written(world: World) -> None:
    world.secret("src", {**AUTO, f"{PREFIX}reflection-auto-namespaces": "team-1"})
    world.mirror("team-1", "1", deletionTimestamp="2026-01-01T00:00:00Z")

    assert world.steps() == {}


@pytest.mark.parametrize(("source", "expected"), [("present", {}), ("earlier", {"team-1": Do.REFRESH})])
def test_a_mirror_that_this_process_wrote_is_judged_by_what_it_wrote(
    world: World, source: str, expected: Mapping[str, str]
) -> None:
    present = world.secret("src", {**AUTO, f"{PREFIX}reflection-auto-namespaces": "team-1"})
    world.mirror("team-1", "")
    observed(world, "team-1", present if source == "present" else "earlier")

    assert world.steps() == expected


@pytest.mark.parametrize(
    ("accepts", "bare", "expected"), [("true", True, [False]), ("true", False, []), ("", True, [])]
)
def test_labels_follow_when_the_namespace_accepts_them(
    world: World, accepts: str, bare: bool, expected: list[bool]
) -> None:
    """The steps say whether labels are left out; none where the mirror is as the namespace wants it."""
    world.namespace("team-1", {ACCEPT_LABELS: accepts})
    version = world.secret("src", {**LABELLED, f"{PREFIX}reflection-auto-namespaces": "team-1"}, labels={"team": "a"})
    world.mirror("team-1", version)
    observed(world, "team-1", version, bare=bare)

    assert [each.bare for each in world.plan().steps] == expected


def test_where_labels_are_not_accepted_is_told_with_the_cure(world: World) -> None:
    world.namespace("team-1", {ACCEPT_LABELS: "true"})
    world.secret("src", LABELLED, labels={"team": "a"})

    found = world.plan()

    assert {each.target.namespace: each.bare for each in found.steps} == {"team-1": False, "team-2": True}
    (note,) = found.notes
    assert note.reason == "LabelsNotAccepted"
    assert "team-2" in note.message
    assert ACCEPT_LABELS in note.message


@pytest.mark.parametrize("route", ["push", "pull"])
def test_what_the_administrator_denies_is_told_at_source_or_pull(route: str) -> None:
    world = World(deny=("src -> team-1",))
    world.secret("src", {**AUTO, f"{PREFIX}reflection-auto-namespaces": "team-1"} if route == "push" else ALLOWED)
    if route == "pull":
        world.secret("team-1", {REFLECTS: "src/s"}, name="mine")

    found = world.plan()

    assert found.steps == ()
    about = Key(SECRETS, "src", "s") if route == "push" else pull("team-1")
    assert [(each.about, each.reason) for each in found.notes] == [(about, "DeniedByPolicy")]


def test_the_name_that_kubernetes_fills_is_never_pushed(world: World) -> None:
    world.secret("src", name=ROOT_CERTIFICATES, kind=CONFIGMAPS)

    found = world.plan("src", ROOT_CERTIFICATES, CONFIGMAPS)

    assert found.steps == ()
    assert "ReservedName" in [each.reason for each in found.notes]


def test_a_pattern_that_reads_otherwise_than_it_looks_is_told(world: World) -> None:
    world.secret("src", {**AUTO, f"{PREFIX}reflection-allowed-namespaces": "team|team-.*|team-1"})

    assert "PatternAmbiguous" in world.reasons()


@pytest.mark.parametrize(
    ("allowed", "auto", "said"),
    [
        ("team-1", "team-2", "put what is to be mirrored into both"),
        ("nobody", "team-2", "reflection-allowed-namespaces: no namespace matches"),
        ("team-1", "nobody", "reflection-auto-namespaces: no namespace matches"),
    ],
)
def test_a_source_that_reaches_no_namespace_is_told_why(world: World, allowed: str, auto: str, said: str) -> None:
    scopes = {"reflection-allowed-namespaces": allowed, "reflection-auto-namespaces": auto}
    world.secret("src", {**AUTO, **{PREFIX + name: text for name, text in scopes.items()}})

    (note,) = world.plan().notes

    assert (note.reason, said in note.message) == ("NothingReached", True)


def test_mirrors_that_lag_behind_are_counted(world: World) -> None:
    world.mirror("team-1", "1")
    assert behind(world.view()) == 1

    version = world.secret("src")
    world.mirror("team-2", version)
    world.secret("team-1", {REFLECTS: "src/s", REFLECTED_VERSION: version}, name="mine")

    assert behind(world.view()) == 1


def test_a_message_names_a_few_of_many() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named([str(at) for at in range(MAX_NAMED + 1)]).endswith(", 4 …")
