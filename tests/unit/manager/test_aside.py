"""Heavy reading happens in one thread, without the collector, and the loop gives way in between."""

import asyncio
import gc
import threading

import pytest

from manager import breath
from manager.aside import aside
from manager.breath import Breath


async def test_one_thing_is_read_at_a_time_and_nothing_is_collected_meanwhile() -> None:
    seen: list[tuple[str, bool]] = []

    def work() -> int:
        seen.append((threading.current_thread().name, gc.isenabled()))
        return len(seen)

    assert sorted(await asyncio.gather(*(aside(work) for _ in range(5)))) == [1, 2, 3, 4, 5]
    assert {name for name, _ in seen} == {"aside_0"}
    assert not any(collecting for _, collecting in seen)
    assert gc.isenabled()


async def test_an_error_comes_back_and_the_collector_works_again() -> None:
    def fails() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await aside(fails)
    assert gc.isenabled()


async def test_long_work_gives_way_when_a_piece_has_lasted(monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[int] = []

    async def other() -> None:
        others.append(1)

    piece = Breath()
    waiting = asyncio.create_task(other())
    monkeypatch.setattr(breath, "PIECE_SECONDS", 1e9)
    await piece.take()
    assert others == []

    monkeypatch.setattr(breath, "PIECE_SECONDS", 0.0)
    await piece.take()
    assert others == [1]
    await waiting
