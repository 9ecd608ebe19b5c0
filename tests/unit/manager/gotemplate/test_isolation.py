"""Tenants never meet in an instance, nor in its memory, nor in the queue."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from manager.core.errors import TemplateError, TemplateLimit
from manager.gotemplate import artefact
from manager.gotemplate import instance as instances
from manager.gotemplate import pool as pools
from manager.gotemplate.instance import Instance
from manager.gotemplate.sandbox import Sandbox
from tests.unit.manager.gotemplate.conftest import Make, eso

if TYPE_CHECKING:
    import wasmtime

FOREVER = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"


class Log:
    """Which instances were started and closed, and how many calls ran at the same time."""

    def __init__(self) -> None:
        self.started: list[Instance] = []
        self.closed: list[Instance] = []
        self.running: dict[Instance, int] = {}
        self.most_at_once = 0
        self.calls = 0


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    found, guard = Log(), threading.Lock()
    start, call, close = Instance.__init__, Instance.call, Instance.close

    def starting(self: Instance, machine: instances.Machine, memory_bytes: int = 0) -> None:
        start(self, machine, memory_bytes)
        found.started.append(self)

    def calling(self: Instance, request: bytes, until: float) -> bytes:
        with guard:
            found.calls += 1
            found.running[self] = 1
            found.most_at_once = max(found.most_at_once, len(found.running))
        try:
            return call(self, request, until)
        finally:
            with guard:
                del found.running[self]

    def closing(self: Instance) -> None:
        found.closed.append(self)
        close(self)

    monkeypatch.setattr(Instance, "__init__", starting)
    monkeypatch.setattr(Instance, "call", calling)
    monkeypatch.setattr(Instance, "close", closing)
    return found


async def test_an_instance_stays_with_its_namespace(make: Make, log: Log) -> None:
    sandbox = make(idle_instances=2)
    for namespace in ("a", "b", "a", "b", "a"):
        await eso(sandbox, "{{ .x }}", namespace, x="1")

    assert len(log.started) == 2
    assert log.closed == []


async def test_another_namespace_never_gets_it(make: Make, log: Log) -> None:
    sandbox = make(idle_instances=1)
    for namespace in ("a", "b", "c", "a"):
        await eso(sandbox, "{{ .x }}", namespace, x="1")

    assert len(log.started) == 4
    assert log.closed == log.started[:3]


async def test_nothing_of_one_tenant_is_in_the_memory_that_another_uses(make: Make, log: Log) -> None:
    sandbox = make(idle_instances=2)
    await eso(sandbox, "{{ .pw | upper | quote | b64enc }}", "a", pw="canary-of-tenant-a")
    await eso(sandbox, "{{ .pw }}", "b", pw="canary-of-tenant-b")

    first, second = (bytes(each._memory.read(each._store, 0, None)) for each in log.started)
    assert b"canary-of-tenant-a" not in second
    assert b"canary-of-tenant-b" not in first


async def test_an_instance_that_trapped_is_never_used_again(make: Make, log: Log) -> None:
    sandbox = make(deadline_seconds=0.1)
    await eso(sandbox, "{{ .x }}", x="1")
    with pytest.raises(TemplateLimit):
        await eso(sandbox, FOREVER)
    await eso(sandbox, "{{ .x }}", x="1")

    assert len(log.started) == 2
    assert log.closed == log.started[:1]


async def test_a_namespace_renders_one_at_a_time(make: Make, log: Log) -> None:
    sandbox = make(workers=3)

    answers = await asyncio.gather(*(eso(sandbox, f"{{{{ .x }}}}{index}", x="1") for index in range(30)))

    assert answers == [f"1{index}" for index in range(30)]
    assert (len(log.started), log.most_at_once) == (1, 1)


async def test_namespaces_render_beside_each_other(make: Make, log: Log) -> None:
    sandbox = make(workers=2, deadline_seconds=0.3)
    await asyncio.gather(*(failed(sandbox, each) for each in ("a", "b")))

    assert log.most_at_once == 2


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let renders of FOREVER last until this is set, without a processor, and end by their deadline then."""
    over, call = threading.Event(), Instance.call

    def calling(self: Instance, request: bytes, until: float) -> bytes:
        if FOREVER.encode() not in request:
            return call(self, request, until)
        over.wait(60)
        raise TemplateLimit("deadline", "rendering took longer than it may")

    monkeypatch.setattr(Instance, "call", calling)
    yield over
    over.set()


async def test_tenants_that_were_slow_hold_one_worker_and_the_others_go_on(
    make: Make, endless: threading.Event
) -> None:
    sandbox = make(workers=2)
    slow = [f"slow-{index}" for index in range(4)]
    endless.set()
    await asyncio.gather(*(failed(sandbox, each) for each in slow))
    endless.clear()

    again = [asyncio.create_task(failed(sandbox, each)) for each in slow]
    await asyncio.sleep(0)
    answers = await asyncio.gather(*(eso(sandbox, "{{ .x }}", f"good-{index}", x="1") for index in range(20)))

    assert answers == ["1"] * 20
    assert not any(each.done() for each in again), "the good ones did not wait for the slow ones"
    endless.set()
    await asyncio.gather(*again)


async def test_a_render_that_takes_long_makes_way(make: Make) -> None:
    sandbox = make(workers=1, slow_workers=1, deadline_seconds=1.0)
    slow = asyncio.create_task(failed(sandbox, "slow"))
    await asyncio.sleep(0)

    assert await eso(sandbox, "{{ .x }}", "good", x="1") == "1"
    assert not slow.done()
    await slow


async def test_no_more_renders_run_than_there_are_places(make: Make, log: Log) -> None:
    sandbox = make(workers=1, slow_workers=1, deadline_seconds=0.4)

    await asyncio.gather(*(failed(sandbox, f"slow-{index}") for index in range(4)))

    assert log.most_at_once == 2
    assert sandbox._pool._places._value == 1
    assert sandbox._pool._slow_places._number == 1


async def test_an_instance_that_has_grown_is_not_kept(make: Make, log: Log) -> None:
    sandbox = make()
    await eso(sandbox, "{{ len (until 1000000) }}", "large")
    await eso(sandbox, "small", "small")

    assert sandbox._pool.idle == ("small",)
    assert log.closed == log.started[:2], "the second one with all the memory"


async def test_a_tenant_that_is_fast_again_is_among_the_others_again(make: Make) -> None:
    sandbox = make(deadline_seconds=0.1)
    await failed(sandbox, "ns")
    assert "ns" in sandbox._pool._slow

    await eso(sandbox, "fine")

    assert "ns" not in sandbox._pool._slow


async def test_tenants_whose_renders_end_just_before_the_deadline_are_slow_too(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four of them held all places, a second at a time, and were never counted as slow."""
    monkeypatch.setattr(pools, "REMEMBERED_AFTER_SECONDS", 0.0)
    sandbox = make()
    await eso(sandbox, "fine", "ns")
    assert "ns" in sandbox._pool._slow

    monkeypatch.setattr(pools, "REMEMBERED_AFTER_SECONDS", 60.0)
    await eso(sandbox, "fine", "ns")
    assert "ns" not in sandbox._pool._slow


async def test_the_list_of_slow_tenants_is_bounded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SLOW_REMEMBERED", 2)
    sandbox = make(deadline_seconds=0.05)
    for namespace in "abc":
        await failed(sandbox, namespace)

    assert list(sandbox._pool._slow) == ["b", "c"]


async def test_a_caller_that_goes_away_leaves_the_turn_to_the_render_until_it_ends(make: Make, log: Log) -> None:
    sandbox = make(workers=3, deadline_seconds=0.4)
    caller = asyncio.create_task(eso(sandbox, FOREVER))
    while not log.running:
        await asyncio.sleep(0)
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller

    assert await eso(sandbox, "{{ .x }}", x="1") == "1"
    assert log.most_at_once == 1


async def test_the_event_loop_goes_on_while_a_template_runs(make: Make, log: Log) -> None:
    sandbox = make(deadline_seconds=0.3)
    work = asyncio.create_task(failed(sandbox, "ns"))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.005)
        turns += 1

    assert turns > 20


async def test_what_is_kept_for_a_namespace_can_be_given_back(make: Make, log: Log) -> None:
    sandbox = make()
    await eso(sandbox, "x", "gone")

    sandbox.forget("gone")
    sandbox.forget("never seen")

    assert sandbox._pool.idle == ()
    assert log.closed == log.started


async def test_loading_does_not_count_as_rendering(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    load = artefact.load

    def slow_load(machine: "wasmtime.Engine", extra: Path | None) -> "wasmtime.Module":
        time.sleep(0.3)
        return load(machine, extra)

    monkeypatch.setattr(artefact, "load", slow_load)
    sandbox = make(deadline_seconds=0.2)

    assert len(await eso(sandbox, "{{ range until 60000 }}a{{ end }}")) == 60000


async def test_closing_gives_all_back(make: Make, log: Log) -> None:
    others = set(threading.enumerate())  # of sandboxes that other tests share
    sandbox = make()
    await asyncio.gather(*(eso(sandbox, "x", namespace) for namespace in "abc"))
    started = {thread.name for thread in set(threading.enumerate()) - others}

    await sandbox.close()

    assert set(log.closed) == set(log.started)
    assert "gotemplate-watchdog" in started
    assert not [thread for thread in set(threading.enumerate()) - others if thread.name.startswith("gotemplate")]


async def failed(sandbox: Sandbox, namespace: str, source: str = FOREVER) -> None:
    """Render what has no end, and expect the deadline."""
    with pytest.raises(TemplateError, match="took longer"):
        await eso(sandbox, source, namespace)


async def test_one_render_at_a_time_may_use_all_the_memory(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox, guard, large, most = make(), threading.Lock(), set[Instance](), 0
    start, close = Instance.__init__, Instance.close

    def starting(self: Instance, machine: instances.Machine, memory_bytes: int = 0) -> None:
        nonlocal most
        start(self, machine, memory_bytes)
        with guard:
            large.update([self] if not memory_bytes else [])
            most = max(most, len(large))

    def closing(self: Instance) -> None:
        with guard:
            large.discard(self)
        close(self)

    monkeypatch.setattr(Instance, "__init__", starting)
    monkeypatch.setattr(Instance, "close", closing)
    hungry = '{{ repeat 1000000000 "a" }}'
    ended = await asyncio.gather(
        *(eso(sandbox, hungry, namespace=f"ns{at}") for at in range(3)), return_exceptions=True
    )

    assert most == 1
    assert all(isinstance(each, TemplateLimit) and "more than 60 MiB of memory" in str(each) for each in ended)
    assert sandbox._pool.idle == ()


async def test_large_renders_that_wait_for_each_other_hold_nobody_up(make: Make) -> None:
    sandbox = make(deadline_seconds=1.0)
    source = "{{ $large := until 1000000 }}" + FOREVER
    large = [asyncio.create_task(failed(sandbox, f"large-{at}", source)) for at in range(4)]
    await asyncio.sleep(0)

    answers = await asyncio.gather(*(eso(sandbox, "{{ .x }}", f"good-{at}", x="1") for at in range(20)))

    assert answers == ["1"] * 20
    assert sum(each.done() for each in large) <= 1, "the good ones did not wait for the large ones"
    for each in large[2:]:
        each.cancel()  # what has not begun need not run to its deadline
    await asyncio.gather(*large, return_exceptions=True)
