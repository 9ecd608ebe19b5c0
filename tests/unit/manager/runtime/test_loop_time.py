"""What a piece of work takes of the event loop is counted, and a namespace that takes too much comes later."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from manager.kube.resources import SECRETS, Key
from manager.runtime.controller import LOOP_BURST_SECONDS, LOOP_SHARE, Controller, Requeue
from manager.runtime.loop_time import LoopTime
from manager.runtime.work_queue import WorkQueue
from tests.builders.api_in_memory import HandClock, no_jitter


class Steps:
    """A clock by which every step of the work takes a second, and waiting nothing."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1.0
        return self.seconds


async def test_only_its_own_steps_are_counted() -> None:
    async def work() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        await asyncio.create_task(asyncio.sleep(0.01))
        return "done"

    metered = LoopTime(work(), Steps())

    assert await metered == "done"
    assert metered.seconds == 5.0


async def test_an_error_of_something_awaited_leaves_no_garbage() -> None:
    class Big:
        pass

    async def fails() -> None:
        big = Big()
        seen.append(weakref.ref(big))
        coming: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(coming.set_exception, LookupError())
        try:
            await coming
        finally:
            del coming

    seen: list[weakref.ref[Big]] = []
    gc.collect()
    gc.disable()
    try:
        with suppress(LookupError):
            await LoopTime(fails())
        await asyncio.sleep(0)  # the loop has dropped the call that set the error
        assert [each() for each in seen] == [None], "only a full collection would free it"
    finally:
        gc.enable()


async def test_an_error_and_a_cancellation_reach_the_work_and_its_caller() -> None:
    seen: list[str] = []

    @contextmanager
    def noted() -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    async def fails() -> None:
        with noted():
            await asyncio.sleep(0)
            raise LookupError

    async def waits() -> None:
        with noted():
            await asyncio.Event().wait()

    async def gives_up() -> None:
        with noted():
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()

    with pytest.raises(LookupError):
        await LoopTime(fails())
    with pytest.raises(TimeoutError):
        await LoopTime(gives_up())

    async def outer() -> None:
        await LoopTime(waits())

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["LookupError", "TimeoutError", "CancelledError"]


@pytest.mark.parametrize(
    ("taken", "comes"), [(0.0, 1.0), (LOOP_BURST_SECONDS, 1.0), (LOOP_BURST_SECONDS + 1.0, 1.0 / LOOP_SHARE)]
)
async def test_refreshes_of_a_namespace_that_takes_too_much_come_later(taken: float, comes: float) -> None:
    clock = HandClock()
    queue = WorkQueue(clock, no_jitter())
    done: list[Key] = []

    async def reconcile(key: Key) -> Requeue:
        done.append(key)
        return Requeue(after=1.0)

    observer: Any = type("Nobody", (), {"reconciled": lambda *_: None})()
    controller = Controller("c", queue, reconcile, 1, clock, observer)
    controller._work_of.spend("evil", taken)
    for namespace in ("evil", "good"):
        assert await controller._once(Key(SECRETS, namespace, "a")) == "success"

    due = {key.namespace: at for at, _, key in queue._delayed._heap}
    assert due["good"] == 1.0
    assert due["evil"] == pytest.approx(comes, abs=0.5)


async def test_what_somebody_changes_is_looked_at_at_once_whatever_was_taken() -> None:
    clock = HandClock()
    queue = WorkQueue(clock, no_jitter())
    key = Key(SECRETS, "evil", "a")
    queue.add_after(key, 100.0)
    queue.add(key)

    assert await asyncio.wait_for(queue.get(), 5) == key
