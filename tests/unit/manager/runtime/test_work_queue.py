"""The queue: each key once, never twice at a time, delayed, backed off, held at a gate."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.core.appointments import MAX_SUPERSEDED_ENTRIES
from manager.kube.resources import SECRETS, Key
from manager.runtime.work_queue import (
    FIRST_BACKOFF_SECONDS,
    MAX_BACKOFF_SECONDS,
    MAX_PROBE_SECONDS,
    MAX_URGENT_KEYS_IN_A_ROW,
    RELEASE_BATCH_KEYS,
    RELEASE_BATCH_SECONDS,
    WorkQueue,
)
from tests.builders.api_in_memory import HandClock, no_jitter


def key(name: str) -> Key:
    return Key(SECRETS, "ns", name)


A, B, C = key("a"), key("b"), key("c")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def queue(clock: HandClock) -> WorkQueue:
    return WorkQueue(clock, no_jitter())


async def ready(queue: WorkQueue) -> list[Key]:
    """Take everything that is due now."""
    found = []
    while True:
        try:
            async with asyncio.timeout(0.001):
                found.append(await queue.get())
        except TimeoutError:
            return found


async def test_a_key_added_twice_is_worked_on_once(queue: WorkQueue) -> None:
    queue.add(A)
    queue.add(A)

    assert await ready(queue) == [A]


async def test_a_key_that_comes_while_it_is_worked_on_returns_once(queue: WorkQueue) -> None:
    queue.add(A)
    assert await queue.get() == A
    queue.add(A)
    queue.add(A)

    assert await ready(queue) == []
    queue.done(A)
    assert await ready(queue) == [A]
    queue.done(A)
    assert await ready(queue) == []


async def test_what_somebody_changed_goes_before_routine(queue: WorkQueue) -> None:
    queue.add(A, urgent=False)
    queue.add(B)

    assert await ready(queue) == [B, A]


async def test_a_routine_key_is_raised_by_a_change_and_not_lowered_again(queue: WorkQueue) -> None:
    queue.add(A, urgent=False)
    queue.add(B, urgent=False)
    queue.add(B)
    queue.add(B, urgent=False)

    assert await ready(queue) == [B, A]


async def test_all_of_several_keys_are_added(queue: WorkQueue) -> None:
    queue.add_all([A, B], urgent=False)

    assert len(queue) == 2
    assert await ready(queue) == [A, B]


async def test_a_delayed_key_comes_when_it_is_due(queue: WorkQueue, clock: HandClock) -> None:
    queue.add_after(A, 10)

    assert await ready(queue) == []
    assert queue.waiting == 1
    clock.pass_by(10)
    assert await ready(queue) == [A]
    assert queue.waiting == 0


@pytest.mark.parametrize(("first", "second", "comes"), [(10, 5, 5), (5, 10, 5)])
async def test_the_earlier_appointment_stands(
    queue: WorkQueue, clock: HandClock, first: float, second: float, comes: float
) -> None:
    queue.add_after(A, first)
    queue.add_after(A, second)

    clock.pass_by(comes)
    assert await ready(queue) == [A]
    queue.done(A)
    clock.pass_by(100)
    assert await ready(queue) == []


async def test_a_waiting_worker_wakes_up_for_an_earlier_appointment() -> None:
    from manager.core.clock import SystemClock

    queue = WorkQueue(SystemClock(), no_jitter())
    queue.add_after(A, 60)
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add_after(B, 0.01)

    assert await asyncio.wait_for(waiting, 5) == B


def test_back_off_grows_to_a_minute_and_never_ends(queue: WorkQueue, clock: HandClock) -> None:
    delays = [queue.retry(A) for _ in range(30)]

    assert delays[:3] == [FIRST_BACKOFF_SECONDS, 2 * FIRST_BACKOFF_SECONDS, 4 * FIRST_BACKOFF_SECONDS]
    assert delays[-1] == MAX_BACKOFF_SECONDS
    assert delays == sorted(delays)


def test_success_forgets_the_failures(queue: WorkQueue) -> None:
    queue.retry(A)
    queue.retry(A)
    queue.settle(A)

    assert queue.retry(A) == FIRST_BACKOFF_SECONDS


async def test_of_many_held_keys_one_returns_as_the_probe(queue: WorkQueue, clock: HandClock) -> None:
    for each in (A, B, C):
        queue.hold(each, "aws")

    assert queue.waiting == 4  # three at the gate, one of them with an appointment
    clock.pass_by(MAX_PROBE_SECONDS)
    assert await ready(queue) == [A]


async def test_a_probe_that_fails_waits_longer_and_stays_the_only_one(queue: WorkQueue, clock: HandClock) -> None:
    for each in (A, B, C):
        queue.hold(each, "aws")
    pauses, probes = [], []
    for _ in range(8):
        started = clock.monotonic()
        while not (taken := await ready(queue)):
            clock.pass_by(0.1)
        assert len(taken) == 1
        probes += taken
        pauses.append(clock.monotonic() - started)
        queue.hold(taken[0], "aws")
        queue.done(taken[0])

    assert probes == [A, B, C, A, B, C, A, B], "one that fails for a reason of its own must not stand for all"
    assert pauses[-1] > pauses[0]
    assert pauses[-1] <= MAX_PROBE_SECONDS + 0.1


async def test_no_probe_goes_before_the_dependency_wants_to_be_asked(queue: WorkQueue, clock: HandClock) -> None:
    queue.hold(A, "aws")
    queue.hold(B, "aws", after=30.0)
    clock.pass_by(MAX_PROBE_SECONDS)
    assert await ready(queue) == [A]  # it was sent before anybody knew
    queue.hold(A, "aws")
    queue.done(A)

    clock.pass_by(30.0 - MAX_PROBE_SECONDS - 0.1)
    assert await ready(queue) == []
    clock.pass_by(0.2)
    assert await ready(queue) == [B]


async def test_the_answer_to_another_lets_none_through_before_that(queue: WorkQueue, clock: HandClock) -> None:
    queue.hold(A, "aws", after=5.0)
    queue.hold(B, "aws")
    queue.release("aws")

    assert await ready(queue) == []
    clock.pass_by(5.1)
    assert await ready(queue) == [A]
    queue.release("aws")
    assert await ready(queue) == [B]


async def test_a_change_of_what_waits_shortens_nothing_and_is_seen_when_its_time_comes(
    queue: WorkQueue, clock: HandClock
) -> None:
    queue.add(A)
    assert await ready(queue) == [A]
    queue.add(A)  # while it is worked on, and refused
    queue.hold(A, "aws", after=5.0)
    queue.done(A)
    queue.add(A)

    assert await ready(queue) == []
    clock.pass_by(5.1)
    assert await ready(queue) == [A]


async def test_an_answer_lets_all_held_keys_through(queue: WorkQueue, clock: HandClock) -> None:
    for each in (A, B, C):
        queue.hold(each, "aws")

    queue.release("aws")

    assert set(await ready(queue)) == {A, B, C}


async def test_many_held_keys_are_let_through_in_batches(queue: WorkQueue, clock: HandClock) -> None:
    keys = [key(f"k{number}") for number in range(RELEASE_BATCH_KEYS * 2 + 1)]
    for each in keys:
        queue.hold(each, "aws")
    queue.release("aws")

    assert len(await ready(queue)) == RELEASE_BATCH_KEYS
    clock.pass_by(RELEASE_BATCH_SECONDS)
    assert len(await ready(queue)) == RELEASE_BATCH_KEYS
    clock.pass_by(RELEASE_BATCH_SECONDS)
    assert len(await ready(queue)) == 1


async def test_gates_know_nothing_of_each_other(queue: WorkQueue) -> None:
    queue.hold(A, "aws")
    queue.hold(B, "vault")
    queue.release("vault")
    queue.release("nobody waits here")

    assert await ready(queue) == [B]


async def test_a_probe_that_has_no_more_to_ask_is_replaced(queue: WorkQueue, clock: HandClock) -> None:
    """Its object may be deleted, or fail for a reason of its own: the others must not wait for ever."""
    for each in (A, B, C):
        queue.hold(each, "aws")
    clock.pass_by(MAX_PROBE_SECONDS)
    assert await ready(queue) == [A]

    queue.done(A)
    clock.pass_by(MAX_PROBE_SECONDS)

    assert await ready(queue) == [B]


async def test_a_probe_that_is_taken_for_another_reason_is_replaced_too(queue: WorkQueue, clock: HandClock) -> None:
    for each in (A, B):
        queue.hold(each, "aws")
    queue.add(A)
    assert await ready(queue) == [A]
    queue.retry(A)
    queue.done(A)

    clock.pass_by(MAX_PROBE_SECONDS)

    assert set(await ready(queue)) == {A, B}


async def test_a_key_that_has_left_the_gate_is_not_let_through_again(queue: WorkQueue, clock: HandClock) -> None:
    for each in (A, B):
        queue.hold(each, "aws")
    queue.add(B)
    assert await ready(queue) == [B]
    queue.done(B)

    queue.release("aws")

    assert await ready(queue) == [A]


async def test_nothing_is_kept_of_keys_that_are_gone(queue: WorkQueue, clock: HandClock) -> None:
    queue.retry(A)
    queue.add_after(A, 3600 * 24)
    queue.hold(B, "aws")
    queue.add_all([A, B])
    for each in await ready(queue):
        queue.settle(each)
        queue.done(each)

    assert queue.waiting == len(queue) == 0
    clock.pass_by(3600 * 24)
    assert await ready(queue) == []
    gates = queue._gates
    for kept in (queue._failures, gates._gates, gates._waits_at, gates._taken_from):
        assert not kept


async def test_superseded_appointments_do_not_pile_up(queue: WorkQueue, clock: HandClock) -> None:
    for _ in range(1000):
        clock.pass_by(1)
        queue.add_after(A, 3600 * 24)
        queue.add(A)
        assert await queue.get() == A
        queue.done(A)

    assert len(queue._delayed._heap) <= MAX_SUPERSEDED_ENTRIES + 2


async def test_one_who_changes_without_end_does_not_stop_what_is_routine(queue: WorkQueue) -> None:
    queue.add(A, urgent=False)
    for number in range(100):
        queue.add(key(f"busy-{number}"))

    assert (await ready(queue)).index(A) == MAX_URGENT_KEYS_IN_A_ROW


async def test_the_pauses_of_a_gate_grow_whoever_asks(queue: WorkQueue, clock: HandClock) -> None:
    for each in (A, B, C):
        queue.hold(each, "aws")
    clock.pass_by(MAX_PROBE_SECONDS)
    assert await ready(queue) == [A]

    queue.done(A)  # without a word about the gate: gone, or wrong in itself
    clock.pass_by(MAX_PROBE_SECONDS)
    assert await ready(queue) == [B]
    queue.hold(B, "aws")
    queue.done(B)
    clock.pass_by(MAX_PROBE_SECONDS + 2)
    assert await ready(queue) == [C], "its pauses grow on"

    queue.done(C)
    clock.pass_by(MAX_PROBE_SECONDS + 2)
    assert await ready(queue) == [B]
    queue.done(B)
    assert queue.waiting == 0


async def test_while_a_probe_is_worked_on_no_second_one_goes(queue: WorkQueue, clock: HandClock) -> None:
    queue.hold(A, "aws")
    clock.pass_by(MAX_PROBE_SECONDS)
    assert await ready(queue) == [A]

    queue.hold(B, "aws")
    clock.pass_by(MAX_PROBE_SECONDS)

    assert await ready(queue) == []


class Play:
    """A queue under arbitrary use, and what must come out of it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.queue = WorkQueue(self.clock, no_jitter())
        self.active: set[Key] = set()
        self.wanted: set[Key] = set()

    async def do(self, name: str, each: Key) -> None:
        """Carry out one operation."""
        asking = {
            "add": self.queue.add,
            "routine": lambda key: self.queue.add(key, urgent=False),
            "after": lambda key: self.queue.add_after(key, 1),
            "retry": self.queue.retry,
            "hold": lambda key: self.queue.hold(key, "g"),
            "quiet": lambda key: self.queue.hold(key, "g", after=20.0),
        }
        if name in asking:
            asking[name](each)
            self.wanted.add(each)
        elif name == "take":
            await self.take()
        elif name == "done" and each in self.active:
            self.active.discard(each)
            self.queue.done(each)
        elif name == "release":
            self.queue.release("g")
        self.clock.pass_by(0.7)

    async def take(self) -> None:
        """Take what is due; nothing of it may be in hand already."""
        for taken in await ready(self.queue):
            assert taken not in self.active
            self.active.add(taken)
            self.wanted.discard(taken)

    async def settle(self) -> None:
        """Give everything back and let time pass until nothing can be left."""
        for _ in range(40):
            for each in self.active:
                self.queue.done(each)
            self.active.clear()
            self.clock.pass_by(MAX_BACKOFF_SECONDS)
            await self.take()


NAMES = ["add", "routine", "after", "retry", "hold", "quiet", "release", "take", "done", "tick"]
OPERATIONS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([A, B, C])), max_size=60)


@settings(max_examples=60, deadline=None)
@given(operations=OPERATIONS)
def test_no_key_is_lost_and_none_is_worked_on_twice_at_a_time(operations: list[tuple[str, Key]]) -> None:
    async def play() -> None:
        game = Play()
        for name, each in operations:
            await game.do(name, each)
        await game.settle()
        assert not game.wanted

    asyncio.run(play())
