"""Killed between any two writes of the story, Coffer ends where it would have ended anyway (reliability.md C1)."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Object
from tests.cluster.moto import Moto
from tests.cluster.proxy import FaultProxy
from tests.controller import Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY, finish
from tests.e2e.story import Story
from tests.e2e.world import World

LONGEST = 30  # writes; more than the story has, so that none is left out
POINTS = [pytest.param(n, marks=[pytest.mark.soak] if n % 4 else []) for n in range(1, LONGEST + 1)]


@dataclass
class Stage:
    """A controller behind a fault proxy, restarted under its name whenever it dies."""

    plane: ControlPlane
    coffer: Coffer
    proxy: FaultProxy


@pytest.fixture(scope="module")
def stage(arena_plane: ControlPlane, moto_server: Moto) -> Iterator[Stage]:
    """One controller for all tests here: each leaves a running one."""
    with (
        closing(arena_plane.client()) as kube,
        FaultProxy(arena_plane.url, arena_plane.ca_file) as proxy,
    ):
        installation = Installation(arena_plane, kube)
        flags, environment = (SMALL_KEY, *QUICK), moto_server.environment()
        coffer = Coffer(installation, flags=flags, environment=environment, server=proxy.url)
        coffer.start()
        coffer.wait_leading()
        coffer.wait_ready()
        yield Stage(arena_plane, coffer, proxy)
        finish(coffer)


@pytest.fixture
def world(stage: Stage, moto: Moto) -> Iterator[World]:
    """The arena with that controller."""
    with closing(stage.plane.client()) as kube:
        world = World(stage.plane, kube, moto, stage.coffer)
        yield world
        world.close()


@dataclass(frozen=True)
class Outcome:
    """What came of one telling."""

    state: Mapping[str, Object]
    """Every object at the end."""
    made: Mapping[tuple[str, str, str], int]
    """How often each object was created and deleted."""
    writes: int
    """All writes together, Events not counted."""


@pytest.fixture(scope="module")
def undisturbed(stage: Stage, moto_server: Moto) -> Outcome:
    """The story as it goes without a fault."""
    with closing(stage.plane.client()) as kube:
        world = World(stage.plane, kube, moto_server, stage.coffer)
        outcome = told(Story(world), stage)
        world.close()
    return outcome


@pytest.mark.parametrize("n", POINTS)
def test_killed_after_any_write_it_ends_as_if_nothing_had_happened(
    world: World, stage: Stage, undisturbed: Outcome, n: int
) -> None:
    if n > undisturbed.writes:
        pytest.skip(f"the story has {undisturbed.writes} writes")
    story = Story(world)
    fault = stage.proxy.after_write(n, stage.coffer.kill, counting=story.mine)

    with kubelet(stage.coffer):
        outcome = told(story, stage)

    assert fault.fired.is_set()
    assert outcome.state == undisturbed.state
    assert outcome.made == undisturbed.made


def told(story: Story, stage: Stage) -> Outcome:
    """Tell the story to its end and take stock."""
    mark, before = story.world.audit.mark(), len(stage.proxy.calls)
    story.tell()
    writes = [call for call in stage.proxy.calls[before:] if call.is_write and story.mine(call)]
    return Outcome(story.end_state(), story.writes(mark), len(writes))


@contextmanager
def kubelet(coffer: Coffer) -> Iterator[None]:
    """Start the controller again whenever it has died."""
    done = threading.Event()

    def restart() -> None:
        while not done.wait(0.02):
            if not coffer.alive:
                coffer.start()

    thread = threading.Thread(target=restart, name="kubelet", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
