"""How the process ends: at once, whatever is still running, and with the lease given back unless it was lost."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from manager import app
from manager.app import Ending, Replica
from manager.core.errors import CofferError, NotLeader
from manager.runtime.leader import Leader
from manager.runtime.metrics import Metrics
from manager.runtime.module import Module
from manager.settings.model import Settings
from tests.builders.api_in_memory import no_jitter


class HeldLease:
    """A lease that is ours until `keep` says otherwise."""

    identity = "a"

    def __init__(self) -> None:
        self.released = False
        self.lost = asyncio.Event()

    async def acquire(self) -> None:
        """Have it at once."""

    async def keep(self) -> None:
        await self.lost.wait()
        raise NotLeader("the lease is not certain")

    async def release(self) -> None:
        self.released = True


class Deaf(Leader):
    """A leader with one task that the test plays, and one that no cancellation stops, as kopf inside a list."""

    play: Callable[[], Awaitable[None]]
    given_up: asyncio.Event

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._report_failure_of(group.create_task(self.deaf()))
            self._report_failure_of(group.create_task(self.played()))

    async def deaf(self) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if self.given_up.is_set():
                    raise

    async def played(self) -> None:
        await self.play()
        await asyncio.Event().wait()


class Scene:
    def __init__(self) -> None:
        nothing: Any = None
        self.lease, self.leader = (
            HeldLease(),
            Deaf(Settings(), (), nothing, nothing, Metrics(), no_jitter()),
        )
        self.leader.given_up = asyncio.Event()
        lease: Any = self.lease
        self.replica = Replica(nothing, nothing, lease, (), self.leader, nothing, Metrics())

    async def end(self, play: Callable[[], Awaitable[None]]) -> Ending:
        """Lead, do what the test says, and return how the process would end."""
        self.leader.play = play
        return await asyncio.wait_for(app._until_the_end(self.replica), 10)


@pytest.fixture
async def scene() -> Any:
    given = Scene()
    yield given
    given.leader.given_up.set()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def test_a_lost_lease_ends_the_process_though_a_task_does_not_stop(scene: Scene) -> None:
    async def lose() -> None:
        scene.lease.lost.set()

    assert await scene.end(lose) is Ending.BROKEN
    assert not scene.lease.released


async def test_a_write_that_the_lease_refuses_ends_the_process(scene: Scene) -> None:
    async def write() -> None:
        raise ExceptionGroup("workers", [NotLeader("the lease is not certain")])

    assert await scene.end(write) is Ending.BROKEN
    assert not scene.lease.released


@pytest.mark.parametrize("error", [CofferError("kopf has ended"), ValueError("canary-value")])
async def test_what_ends_unexpectedly_ends_the_process_and_gives_the_lease_back(scene: Scene, error: Exception) -> None:
    async def fail() -> None:
        raise error

    with structlog.testing.capture_logs() as logs:
        assert await scene.end(fail) is Ending.BROKEN

    assert scene.lease.released
    assert "canary-value" not in str(logs)
    assert any("kopf has ended" in each["cause"] or "ValueError" in each["cause"] for each in logs)


async def test_a_task_that_is_cancelled_under_us_ends_the_process_too(scene: Scene) -> None:
    """kopf, when it ends, cancels what it believes to be its own."""

    async def cancel() -> None:
        (leading,) = (each for each in asyncio.all_tasks() if each.get_name() == "leader")
        scene.leader.given_up.set()
        leading.cancel()

    assert await scene.end(cancel) is Ending.BROKEN
    assert scene.lease.released


async def test_a_crd_that_has_come_starts_the_process_again(scene: Scene) -> None:
    async def come() -> None:
        scene.leader.outdated.set()

    assert await scene.end(come) is Ending.AGAIN
    assert scene.lease.released


async def test_sigterm_stops_the_process_and_gives_the_lease_back(scene: Scene) -> None:
    async def terminate() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    assert await scene.end(terminate) is Ending.STOPPED
    assert scene.lease.released


async def test_a_module_that_never_gets_its_lists_is_visible_in_the_metrics() -> None:
    """An alert on a series that is not there never fires."""
    nothing: Any = None
    metrics = Metrics()

    Leader(Settings(), (Module("sealed", {}, ()),), nothing, nothing, metrics, no_jitter())

    assert b'coffer_synced{module="sealed"} 0.0' in metrics.render()


@pytest.mark.parametrize(
    ("confined", "watched"),
    [
        ([{"b", "a"}], ("a", "b")),
        ([{"a"}, {"c"}], ("a", "c")),
        ([{"a"}, None], ("",)),
        ([None], ("",)),
        ([], ("",)),
    ],
)
async def test_only_where_every_module_is_confined_is_the_process(
    confined: list[set[str] | None], watched: tuple[str, ...]
) -> None:
    modules = [Module("x", {}, (), namespaces=None if each is None else frozenset(each)) for each in confined]

    assert app._namespaces(tuple(modules)) == watched


@pytest.mark.parametrize(
    ("module", "controller_class", "manager"),
    [
        ("external", "default", "coffer-external"),
        ("external", "b", "coffer-external/b"),
        ("sealed", "b", "coffer-sealed"),
        ("external", "b\n", "coffer-external/sha256-"),
        ("external", "b" * 200, "coffer-external/sha256-"),
    ],
)
def test_controllers_of_two_classes_have_two_field_managers(module: str, controller_class: str, manager: str) -> None:
    """Otherwise each takes the finalizers of the other for its own, and removes them."""
    found = app.field_manager(module, controller_class)

    assert found.startswith(manager)
    assert found == manager or "sha256-" in manager
    assert len(found) <= app.MAX_MANAGER_CHARACTERS
