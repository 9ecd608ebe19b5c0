"""The lease is kept beside a main loop that works, and lost with one that does nothing any more."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from manager.core.clock import SystemClock
from manager.core.errors import NotLeader
from manager.kube.resources import LEASES, Key
from manager.runtime import lease_thread
from manager.runtime.lease import Lease
from manager.runtime.lease_thread import Elector, LeaseThread
from manager.settings.model import LeaseSettings
from tests.builders.api_in_memory import MemoryApi, no_jitter

KEY = Key(LEASES, "coffer", "coffer")


class Renewals(MemoryApi):
    """Counts what is written, and from which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []

    async def update(self, key: Key, body: Any, **options: Any) -> Any:
        self.threads.append(threading.current_thread().name)
        return await super().update(key, body, **options)

    async def close(self) -> None:
        """There is nothing to give back."""


@pytest.fixture
async def kept() -> AsyncIterator[tuple[LeaseThread, Renewals]]:
    api = Renewals()
    settings = LeaseSettings(duration=3.0, renew_deadline=2.0, retry=0.02)
    client: Any = api

    def make() -> Elector:
        return Elector(Lease(client, "coffer", "a", settings, SystemClock(), no_jitter()), api.close)

    lease = LeaseThread(make, SystemClock())
    yield lease, api
    await lease.close()


async def until(wanted: Any) -> None:
    async with asyncio.timeout(10):
        while not wanted():
            await asyncio.sleep(0.01)


async def test_the_lease_is_renewed_while_the_main_loop_is_busy(kept: tuple[LeaseThread, Renewals]) -> None:
    lease, api = kept
    await lease.acquire()
    keeping = asyncio.create_task(lease.keep())
    await until(lambda: api.threads)
    before, end = len(api.threads), time.monotonic() + 10

    while len(api.threads) < before + 5 and time.monotonic() < end:
        sum(range(10_000))  # the loop's own thread does nothing else

    assert len(api.threads) >= before + 5
    assert set(api.threads) == {"lease"}
    lease.certain()
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_a_main_loop_without_life_loses_the_lease(
    kept: tuple[LeaseThread, Renewals], monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, api = kept
    monkeypatch.setattr(lease_thread, "DEAD_AFTER_SECONDS", 0.3)
    monkeypatch.setattr(lease_thread, "BEAT_SECONDS", 0.05)
    await lease.acquire()
    keeping = asyncio.create_task(lease.keep())
    await until(lambda: api.threads)
    end = time.monotonic() + 10

    while lease.held and time.monotonic() < end:
        sum(range(10_000))

    with pytest.raises(NotLeader):
        lease.certain()
    with pytest.raises(ExceptionGroup) as caught:
        await keeping
    assert caught.group_contains(NotLeader)


async def test_a_lease_that_another_took_ends_the_keeping(kept: tuple[LeaseThread, Renewals]) -> None:
    lease, api = kept
    await lease.acquire()
    keeping = asyncio.create_task(lease.keep())
    await until(lambda: api.threads)
    api.objects[KEY] = api.objects[KEY] | {"spec": {"holderIdentity": "b", "renewTime": "x", "leaseDurationSeconds": 9}}
    api.objects[KEY]["metadata"]["resourceVersion"] = "999"

    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(keeping, 10)
    assert caught.group_contains(NotLeader)


async def test_the_lease_is_given_back_from_the_main_loop(kept: tuple[LeaseThread, Renewals]) -> None:
    lease, api = kept
    await lease.acquire()
    keeping = asyncio.create_task(lease.keep())
    await until(lambda: api.threads)
    keeping.cancel()

    await lease.release()

    assert api.objects[KEY]["spec"]["holderIdentity"] == ""
    assert not lease.held
    with pytest.raises(asyncio.CancelledError):
        await keeping
