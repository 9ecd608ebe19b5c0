"""If Coffer is killed after any write of the story, the end state is the same."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Object
from tests.cluster.moto import Moto
from tests.cluster.proxy import FaultProxy
from tests.controller import Coffer
from tests.e2e.story import Story
from tests.e2e.world import World

MAX_WRITES = 30  # writes; more than the story has, so that every one is covered
POINTS = [pytest.param(n, marks=[pytest.mark.soak] if n % 5 else []) for n in range(1, MAX_WRITES + 1)]


@dataclass(frozen=True)
class Outcome:
    """The result of one run of the story."""

    state: Mapping[str, Object]
    """Every object at the end."""
    made: Mapping[tuple[str, str, str], int]
    """How often each object was created and deleted."""
    writes: int
    """The number of writes without Events."""


@pytest.fixture(scope="module")
def without_fault(
    arena_plane: ControlPlane, staged_coffer: Coffer, staged_proxy: FaultProxy, moto_server: Moto
) -> Outcome:
    """The result of the story without a fault."""
    with closing(arena_plane.client()) as kube:
        world = World(arena_plane, kube, moto_server, staged_coffer, proxy=staged_proxy)
        outcome = run_story(Story(world))
        world.close()
    return outcome


@pytest.mark.parametrize("n", POINTS)
def test_a_kill_after_any_write_leads_to_the_same_end_state(
    stage: World, staged_coffer: Coffer, without_fault: Outcome, n: int
) -> None:
    if n > without_fault.writes:
        pytest.skip(f"the story has {without_fault.writes} writes")
    story = Story(stage)
    fault = stage.faults.after_write(n, staged_coffer.kill, counting=story.mine)

    outcome = run_story(story)

    assert fault.fired.is_set() or outcome.writes < n, "two writes to one object may have become one"
    assert outcome.state == without_fault.state
    assert outcome.made == without_fault.made


def run_story(story: Story) -> Outcome:
    """Run the story to its end and return the result."""
    calls = story.world.faults.calls
    mark, before = story.world.mark(), len(calls)
    story.run()
    writes = [call for call in calls[before:] if call.is_write and story.mine(call)]
    return Outcome(story.end_state(), story.writes(mark), len(writes))
