"""A tenant whose provider hangs holds few of the threads, and never for longer than the deadline."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.reading.thread_pool import ThreadPool


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def test_the_result_and_the_error_of_a_call_come_back() -> None:
    threads = ThreadPool(2, 10)

    def refuse() -> None:
        raise ProviderDenied("no")

    assert await threads.run("a", lambda: 7) == 7
    with pytest.raises(ProviderDenied):
        await threads.run("a", refuse)
    threads.close()


async def test_a_tenant_who_hangs_leaves_threads_to_the_others(hang: threading.Event) -> None:
    threads = ThreadPool(4, 10)
    stuck = [asyncio.create_task(threads.run("hostile", hang.wait)) for _ in range(10)]
    await asyncio.sleep(0)

    assert await asyncio.gather(*(threads.run("other", partial(int, at)) for at in range(10))) == list(range(10))

    assert not any(task.done() for task in stuck)
    hang.set()
    assert await asyncio.gather(*stuck) == [True] * 10
    threads.close()


async def test_a_call_past_its_deadline_still_counts_its_thread(hang: threading.Event) -> None:
    threads = ThreadPool(2, 0.02)

    with pytest.raises(ProviderUnavailable, match=r"no answer within 0\.02 s"):
        await threads.run("a", hang.wait)
    with pytest.raises(ProviderUnavailable):
        await threads.run("a", lambda: "the share of this tenant is still in use")

    hang.set()
    threads.close()


async def test_the_share_comes_back_when_the_sdk_gives_up(hang: threading.Event) -> None:
    threads = ThreadPool(2, 0.02)
    with pytest.raises(ProviderUnavailable):
        await threads.run("a", hang.wait)

    hang.set()
    result = None
    while result is None:
        try:
            result = await threads.run("a", lambda: "free")
        except ProviderUnavailable:
            continue

    threads.close()


async def test_several_who_hang_at_the_same_moment_leave_threads_too(hang: threading.Event) -> None:
    threads = ThreadPool(32, 10)
    stuck = [asyncio.create_task(threads.run(f"tenant {at % 7}", hang.wait)) for at in range(70)]
    await asyncio.sleep(0)

    assert await threads.run("other", lambda: 7) == 7

    assert not any(task.done() for task in stuck)
    hang.set()
    await asyncio.gather(*stuck)
    threads.close()


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not wanted():
            await asyncio.sleep(0.005)


async def test_who_hangs_makes_way_for_those_that_answer(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of as many tenants as there are threads: after a moment all of them are among the slow."""
    monkeypatch.setattr("external.reading.thread_pool.SLOW_AFTER_SECONDS", 0.02)
    threads = ThreadPool(4, 30)
    stuck = [asyncio.create_task(threads.run(f"evil {at}", hang.wait)) for at in range(8) for _ in range(3)]
    await until(lambda: len(threads._slow_tenants) >= 8)

    assert await asyncio.gather(*(threads.run("good", partial(int, at)) for at in range(9))) == list(range(9))
    assert not any(each.done() for each in stuck)
    hang.set()
    await asyncio.gather(*stuck)
    threads.close()


async def test_a_slow_tenant_starts_in_the_slow_lane_until_it_answers(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("external.reading.thread_pool.SLOW_AFTER_SECONDS", 0.02)
    threads = ThreadPool(2, 30)
    first = asyncio.create_task(threads.run("evil", hang.wait))
    await until(lambda: "evil" in threads._slow_tenants)
    second = asyncio.create_task(threads.run("evil", hang.wait))
    await asyncio.sleep(0)
    assert (threads._fast.held("evil"), threads._slow.held("evil")) == (0, 2)

    hang.set()
    await asyncio.gather(first, second)
    await threads.run("evil", lambda: 1)
    assert "evil" not in threads._slow_tenants
    threads.close()


async def test_those_that_are_known_to_be_silent_have_shares_too(hang: threading.Event) -> None:
    """Twelve stores of one namespace held all threads that every silent provider shared: a victim's came back never."""
    threads = ThreadPool(4, 30)
    stuck = [asyncio.create_task(threads.run("evil", hang.wait, slow=True)) for _ in range(12)]
    await asyncio.sleep(0)

    assert await threads.run("victim", lambda: 7, slow=True) == 7
    hang.set()
    await asyncio.gather(*stuck)
    threads.close()
