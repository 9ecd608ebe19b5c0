"""Whoever brings thousands delays only himself: in the queue, and in front of the threads."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.core.fair_executor import FairExecutor
from manager.core.fair_share import FairQueue
from manager.kube.resources import SECRETS, Key
from manager.runtime.work_queue import WorkQueue
from tests.builders.api_in_memory import HandClock, no_jitter


@given(st.lists(st.sampled_from("abcd")))
def test_nothing_is_lost_and_no_group_gives_twice_while_another_waits(groups: list[str]) -> None:
    line: FairQueue[tuple[str, int]] = FairQueue()
    for at, group in enumerate(groups):
        line.append(group, (group, at))

    taken = []
    while (item := line.popleft()) is not None:
        taken.append(item)

    assert sorted(taken) == sorted((group, at) for at, group in enumerate(groups))
    for group in set(groups):
        assert [at for name, at in taken if name == group] == [at for at, name in enumerate(groups) if name == group]
    for at, (group, _) in enumerate(taken[:-1]):
        others = {name for name, _ in taken[at + 1 :]} - {group}
        assert not others or taken[at + 1][0] != group


async def test_one_key_of_a_tenant_comes_next_beside_thousands_of_another() -> None:
    queue = WorkQueue(HandClock(), no_jitter())
    for at in range(5000):
        queue.add(Key(SECRETS, "loud", f"bad-{at}"))
    queue.add(Key(SECRETS, "quiet", "app"))

    first = [await queue.get() for _ in range(2)]

    assert Key(SECRETS, "quiet", "app") in first


async def test_a_namespace_leaves_as_many_workers_as_it_has_to_those_who_come() -> None:
    """Objects with thousands of values hold their workers for minutes."""
    queue = WorkQueue(HandClock(), no_jitter(), workers=16)
    for namespace in ("one", "two", "three", "four", "five"):
        for at in range(50):
            queue.add(Key(SECRETS, namespace, f"large-{at}"))
        taken = [
            await asyncio.wait_for(queue.get(), 1) for _ in range({"one": 8, "two": 4, "three": 2}.get(namespace, 1))
        ]
        assert {each.namespace for each in taken} == {namespace}
        if namespace != "five":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(queue.get(), 0.01)

    queue.done(Key(SECRETS, "one", "large-0"))

    queue.add(Key(SECRETS, "six", "small"))
    assert (await asyncio.wait_for(queue.get(), 1)).namespace == "six"


async def test_a_namespace_that_had_its_share_goes_on_when_a_key_is_done() -> None:
    queue = WorkQueue(HandClock(), no_jitter(), workers=2)
    for at in range(3):
        queue.add(Key(SECRETS, "one", f"{at}"))
    first = await queue.get()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not waiting.done()

    queue.done(first)

    assert (await asyncio.wait_for(waiting, 1)).name == "1"


@pytest.fixture
def one_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def test_namespaces_take_turns_in_front_of_the_threads(one_thread: ThreadPoolExecutor) -> None:
    turns, begin, order = FairExecutor(one_thread, 1), Event(), list[str]()

    def work(name: str) -> None:
        begin.wait(5)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ["loud"] * 20 + ["quiet"]:
            group.create_task(turns.run(name, partial(work, name)))
        await asyncio.sleep(0)
        begin.set()

    assert order.index("quiet") <= 3  # one ran, one stood beside it, one was next
    assert len(order) == 21


async def test_who_is_given_up_or_fails_takes_no_turn_from_the_others(one_thread: ThreadPoolExecutor) -> None:
    turns, begin = FairExecutor(one_thread, 1), Event()

    def fail() -> None:
        begin.wait(5)
        raise ValueError

    running = [asyncio.create_task(turns.run("a", fail)) for _ in range(2)]
    waiting = [asyncio.create_task(turns.run("b", lambda: None)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    begin.set()
    await asyncio.wait([*running, *waiting])

    assert all(isinstance(each.exception(), ValueError) for each in running)
    assert [each.cancelled() for each in waiting] == [True, False, False]
    for _ in range(5):
        assert await turns.run("c", lambda: 1) == 1


async def test_a_turn_given_to_who_is_given_up_at_that_moment_goes_on(one_thread: ThreadPoolExecutor) -> None:
    turns, begin = FairExecutor(one_thread, 1), Event()
    running = [asyncio.create_task(turns.run("a", lambda: begin.wait(5))) for _ in range(2)]
    waiting = asyncio.create_task(turns.run("b", lambda: True))
    await asyncio.sleep(0)
    begin.set()
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await asyncio.wait([*running, waiting])

    results = await asyncio.wait_for(asyncio.gather(*(turns.run("c", lambda: 1) for _ in range(4))), 5)

    assert results == [1, 1, 1, 1]
