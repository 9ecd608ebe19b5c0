"""What is read beside the event loop: one thing at a time, and first what many wait behind."""

import asyncio
import threading

import pytest

from manager.aside import aside


async def test_what_a_watch_waits_for_comes_before_the_keys_of_workers() -> None:
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        begun.set()
        go_on.wait(10)

    held = asyncio.create_task(aside(hold))
    await asyncio.to_thread(begun.wait, 10)
    keys = [asyncio.create_task(aside(lambda name=name: order.append(name))) for name in ("key 1", "key 2")]
    await asyncio.sleep(0)
    watch = asyncio.create_task(aside(lambda: order.append("watch"), first=True))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(held, watch, *keys)

    assert order == ["watch", "key 1", "key 2"]


async def test_an_error_reaches_who_waits_and_nobody_else() -> None:
    def fail() -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await aside(fail)
    assert await aside(lambda: 5) == 5


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        begun.set()
        go_on.wait(10)

    held = asyncio.create_task(aside(hold))
    await asyncio.to_thread(begun.wait, 10)
    left = asyncio.create_task(aside(lambda: done.append("left")))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait({left})
    go_on.set()
    await held
    await aside(lambda: done.append("last"))

    assert done == ["last"]
