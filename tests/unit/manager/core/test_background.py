"""Heavy reading happens in one thread, without the collector, and the loop gives way in between."""

import asyncio
import gc
import threading
import weakref
from contextlib import suppress

import pytest

from manager.core import cooperative
from manager.core.background import in_background
from manager.core.cooperative import CooperativeYield


async def test_one_thing_is_read_at_a_time_and_nothing_is_collected_meanwhile() -> None:
    seen: list[tuple[str, bool]] = []

    def work() -> int:
        seen.append((threading.current_thread().name, gc.isenabled()))
        return len(seen)

    assert sorted(await asyncio.gather(*(in_background(work) for _ in range(5)))) == [1, 2, 3, 4, 5]
    assert {name for name, _ in seen} == {"aside_0"}
    assert not any(collecting for _, collecting in seen)
    assert gc.isenabled()


async def test_an_error_comes_back_and_the_collector_works_again() -> None:
    def fails() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await in_background(fails)
    assert gc.isenabled()


async def test_long_work_gives_way_when_a_piece_has_lasted(monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[int] = []

    async def other() -> None:
        others.append(1)

    piece = CooperativeYield()
    waiting = asyncio.create_task(other())
    monkeypatch.setattr(cooperative, "SLICE_SECONDS", 1e9)
    await piece.take()
    assert others == []

    monkeypatch.setattr(cooperative, "SLICE_SECONDS", 0.0)
    await piece.take()
    assert others == [1]
    await waiting


async def test_what_a_watch_waits_for_comes_before_the_keys_of_workers() -> None:
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        begun.set()
        go_on.wait(10)

    held = asyncio.create_task(in_background(hold))
    await asyncio.to_thread(begun.wait, 10)
    keys = [asyncio.create_task(in_background(lambda name=name: order.append(name))) for name in ("key 1", "key 2")]
    await asyncio.sleep(0)
    watch = asyncio.create_task(in_background(lambda: order.append("watch"), first=True))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(held, watch, *keys)

    assert order == ["watch", "key 1", "key 2"]


async def test_an_error_reaches_who_waits_and_nobody_else() -> None:
    def fail() -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await in_background(fail)
    assert await in_background(lambda: 5) == 5


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        begun.set()
        go_on.wait(10)

    held = asyncio.create_task(in_background(hold))
    await asyncio.to_thread(begun.wait, 10)
    left = asyncio.create_task(in_background(lambda: done.append("left")))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait({left})
    go_on.set()
    await held
    await in_background(lambda: done.append("last"))

    assert done == ["last"]


async def test_an_error_leaves_no_garbage() -> None:
    class Big:
        pass

    seen: list[weakref.ref[Big]] = []

    async def asks() -> None:
        big = Big()
        seen.append(weakref.ref(big))
        await in_background(fails)

    def fails() -> None:
        raise LookupError

    gc.collect()
    gc.disable()
    try:
        with suppress(LookupError):
            await asks()
        await in_background(str)  # the thread has dropped what it did before
        assert [each() for each in seen] == [None], "only a full collection would free it"
    finally:
        gc.enable()
