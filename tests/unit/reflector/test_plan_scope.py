"""Limited to some namespaces: what the plan does to mirrors, and what it tells."""

import pytest

from manager.kube.auto_mirrors import PREFIX, REFLECTS
from manager.kube.resources import SECRETS, Key
from reflector.plan import Note, behind
from tests.builders.mirror_plans import ALLOWED, AUTO, World

AUTO_NAMESPACES = f"{PREFIX}reflection-auto-namespaces"
ALLOWED_NAMESPACES = f"{PREFIX}reflection-allowed-namespaces"


@pytest.fixture
def world() -> World:
    return World(frozenset({"src", "team-1"}))


def test_a_source_outside_of_the_scope_never_counts_as_gone(world: World) -> None:
    """Its mirrors would be deleted, although another installation may have made them."""
    world.mirror("team-1", "1", source="team-2/s")

    found = world.plan("team-2")

    assert found.steps == ()
    assert [note.reason for note in found.notes] == []
    assert behind(world.view("team-2")) == 0


def test_a_pull_from_outside_of_the_scope_is_behind_and_told(world: World) -> None:
    world.secret("team-1", {REFLECTS: "team-2/s"}, name="mine")

    found = world.plan("team-2")

    assert found.steps == ()
    (note,) = found.notes
    assert (note.about, note.reason) == (Key(SECRETS, "team-1", "mine"), "OutsideScope")
    assert "modules.scope: src, team-1" in note.message
    assert behind(world.view("team-2")) == 1


@pytest.mark.parametrize("annotation", [AUTO_NAMESPACES, ALLOWED_NAMESPACES])
def test_namespaces_of_a_push_that_the_scope_lacks_are_named(world: World, annotation: str) -> None:
    world.secret("src", {**AUTO, annotation: "team-1,team-2"})

    (note,) = world.plan().notes

    assert note == Note(Key(SECRETS, "src", "s"), "OutsideScope", note.message)
    assert note.message.startswith(f"{annotation}: team-2 matches none of")


@pytest.mark.parametrize(
    "annotations", [{**AUTO, AUTO_NAMESPACES: "team-1"}, {**ALLOWED, ALLOWED_NAMESPACES: "team-2"}, AUTO]
)
def test_a_push_within_the_scope_and_an_offer_tell_nothing(world: World, annotations: dict[str, str]) -> None:
    world.secret("src", annotations)

    assert "OutsideScope" not in world.reasons()
