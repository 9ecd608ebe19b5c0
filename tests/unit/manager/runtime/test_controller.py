"""Workers turn what a reconcile says, or how it fails, into when its key returns."""

import asyncio
from typing import Any

import pytest
import structlog

from manager.core.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NeedsHuman,
    NotFound,
    NotLeader,
    Retry,
    Unreachable,
    WaitFor,
)
from manager.kube.resources import SECRETS, Key
from manager.runtime.controller import (
    API_SERVER,
    NO_REQUEUE,
    STUCK_AFTER_SECONDS,
    Controller,
    Requeue,
    describe,
    requeue_for,
)
from manager.runtime.work_queue import WorkQueue
from tests.builders.api_in_memory import HandClock, no_jitter

A, B = Key(SECRETS, "ns", "a"), Key(SECRETS, "ns", "b")


class Observed:
    def __init__(self) -> None:
        self.results: list[tuple[str, str]] = []

    def reconciled(self, controller: str, result: str, seconds: float) -> None:
        self.results.append((controller, result))


class Bench:
    """A controller whose reconcile does what the test says."""

    def __init__(self) -> None:
        self.clock, self.observed = HandClock(), Observed()
        self.queue = WorkQueue(self.clock, no_jitter())
        self.answers: dict[Key, Any] = {}
        self.seen: list[Key] = []
        self.controller = Controller("test", self.queue, self.reconcile, 2, self.clock, self.observed)

    async def reconcile(self, key: Key) -> Requeue:
        self.seen.append(key)
        answer = self.answers.get(key, NO_REQUEUE)
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]

    async def work(self, *keys: Key) -> list[str]:
        """Work on keys until the queue is empty; return the results."""
        self.queue.add_all(keys)
        running = asyncio.create_task(self.controller.run())
        for _ in range(50):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return [result for _, result in self.observed.results]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("answer", "result", "waiting"),
    [
        (NO_REQUEUE, "success", 0),
        (Requeue(after=5), "success", 1),
        (Requeue(backoff=True), "backoff", 1),
        (Requeue(gate="aws"), "held", 2),
        (Conflict(409, "Conflict", "x"), "conflict", 1),
        (NotFound(404, "NotFound", "x"), "conflict", 1),
        (ApiError(403, "Forbidden", "x"), "conflict", 1),
        (Unreachable(0, "TimeoutError", "x"), "unreachable", 2),
        (Unreachable(503, "", "x"), "unreachable", 2),
        (Unreachable(500, "", "x"), "unreachable", 1),
        (ValueError("secret canary"), "panic", 1),
    ],
)
async def test_every_end_of_a_reconcile_has_its_consequence(
    bench: Bench, answer: Any, result: str, waiting: int
) -> None:
    bench.answers[A] = answer

    assert await bench.work(A) == [result]
    assert bench.queue.waiting == waiting
    assert bench.controller.busy == {}


async def test_a_fault_in_one_key_does_not_stop_the_others(bench: Bench) -> None:
    bench.answers[A] = RuntimeError("boom")

    assert sorted(await bench.work(A, B)) == ["panic", "success"]


async def test_the_log_of_a_fault_has_no_text_of_it(bench: Bench) -> None:
    bench.answers[A] = ValueError("canary-77")
    with structlog.testing.capture_logs() as logs:
        await bench.work(A)

    assert "canary-77" not in str(logs)
    assert logs[0]["error"].startswith("ValueError at test_controller.py:")


async def test_a_replica_that_may_not_write_ends_its_workers(bench: Bench) -> None:
    bench.answers[A] = NotLeader("the lease is not certain")
    bench.queue.add(A)

    with pytest.raises(BaseExceptionGroup) as caught:
        async with asyncio.timeout(5):
            await bench.controller.run()

    assert caught.group_contains(NotLeader)


async def test_one_answer_of_the_api_server_opens_its_gate(bench: Bench) -> None:
    bench.queue.hold(A, API_SERVER)

    await bench.work(B)

    assert bench.queue.waiting == 0
    assert A in bench.seen


async def test_a_refusal_is_an_answer_too(bench: Bench) -> None:
    """The first to ask after an outage may be an object that the API server refuses for good."""
    bench.queue.hold(A, API_SERVER)
    bench.answers[B] = Forbidden(403, "Forbidden", "create x")

    await bench.work(B)

    assert A in bench.seen


async def test_a_probe_that_fails_on_its_own_leaves_the_gate_to_the_next(bench: Bench) -> None:
    for each in (A, B):
        bench.queue.hold(each, "aws")
    bench.answers[A] = ValueError("its own fault")
    await bench.work(A)
    bench.clock.pass_by(60)

    await bench.work()

    assert B in bench.seen


async def test_an_answered_dependency_lets_its_keys_through(bench: Bench) -> None:
    bench.queue.hold(A, "aws")
    bench.answers[B] = Requeue(answered="aws")

    await bench.work(B)

    assert A in bench.seen


async def test_a_stopping_controller_takes_nothing_new(bench: Bench) -> None:
    bench.controller.stopping = True

    assert await bench.work(A) == []


async def test_a_worker_that_waits_when_it_is_stopped_takes_nothing_either(bench: Bench) -> None:
    running = asyncio.create_task(bench.controller.run())
    await asyncio.sleep(0)
    bench.controller.stopping = True
    bench.queue.add_all([A, B])

    async with asyncio.timeout(5):
        await running

    assert bench.seen == []


async def test_the_api_server_is_left_alone_for_as_long_as_it_asks(bench: Bench) -> None:
    bench.answers[A] = Unreachable(429, "TooManyRequests", "x", after=20.0)
    await bench.work(A)

    bench.clock.pass_by(19.0)
    assert await bench.work() == ["unreachable"]
    bench.clock.pass_by(2.0)
    assert await bench.work() == ["unreachable"] * 2


async def test_what_comes_in_a_pause_is_worked_on_after_it(bench: Bench) -> None:
    bench.controller.pause()
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add_all([A, B, Key(SECRETS, "ns", "c")])
    for _ in range(10):
        await asyncio.sleep(0)
    assert (bench.seen, bench.controller.busy) == ([], {})

    bench.controller.go_on()
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(bench.seen) == 3
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_key_that_is_worked_on_for_minutes_is_stuck(bench: Bench) -> None:
    bench.controller.busy[A] = 0.0
    assert bench.controller.stuck() == []

    bench.clock.pass_by(STUCK_AFTER_SECONDS + 1)
    assert bench.controller.stuck() == [A]


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (NeedsHuman("R", "m"), NO_REQUEUE),
        (WaitFor("R", "m", delay=7), Requeue(after=7)),
        (Retry("R", "m"), Requeue(backoff=True)),
    ],
)
def test_an_error_says_when_to_look_again(error: Any, again: Requeue) -> None:
    assert requeue_for(error) == again


def test_an_error_without_a_place_is_named_by_its_class() -> None:
    assert describe(KeyError("canary")) == "KeyError"


async def test_a_namespace_without_a_worker_finds_one_though_others_hold_all() -> None:
    held, reached = asyncio.Event(), asyncio.Event()

    async def reconcile(key: Key) -> Requeue:
        if key.namespace == "victim":
            reached.set()
        else:
            await held.wait()
        return NO_REQUEUE

    clock = HandClock()
    queue = WorkQueue(clock, no_jitter(), workers=2)
    running = asyncio.create_task(Controller("test", queue, reconcile, 2, clock, Observed()).run())
    queue.add_all(Key(SECRETS, f"evil-{number}", str(at)) for at in range(5) for number in range(2))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(queue) > 2

    queue.add(Key(SECRETS, "victim", "a"))
    async with asyncio.timeout(10):
        await reached.wait()

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
