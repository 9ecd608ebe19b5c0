"""How fast one identity asks its provider."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from external.metrics import ExternalMetrics
from external.providers.protocol import ProviderUnavailable
from external.reading.rate_limit import (
    BATCH_WINDOW_SECONDS,
    BURST_CALLS,
    BUSY_SECONDS,
    CALLS_PER_SECOND,
    FIRST_OPEN_SECONDS,
    LULL_SECONDS,
    MAX_BATCH_WINDOW_SECONDS,
    MAX_OPEN_SECONDS,
    BatchWindow,
    CircuitBreaker,
    TokenBucket,
)
from external.reading.reader import SharedReader
from tests.builders.api_in_memory import HandClock
from tests.unit.external.reading.test_reader import PATIENT, Desk


def test_who_comes_alone_waits_for_a_moment_only() -> None:
    window = BatchWindow()
    window.note(100.0)

    assert window.wait(100.0) == pytest.approx(BATCH_WINDOW_SECONDS)
    assert window.wait(100.0 + BATCH_WINDOW_SECONDS) == 0


def test_a_busy_window_extends_with_requests_up_to_its_limit() -> None:
    window = BatchWindow(running=True, first=100.0, called=100.0)

    window.note(100.3)
    assert window.wait(100.3) == pytest.approx(LULL_SECONDS)
    window.note(100.7)
    assert window.wait(100.7) == pytest.approx(MAX_BATCH_WINDOW_SECONDS - 0.7)
    assert window.wait(100.0 + BUSY_SECONDS + 1) == 0


def test_a_bucket_is_emptied_by_a_burst_and_refills() -> None:
    clock = HandClock()
    bucket = TokenBucket(clock)

    assert bucket.wait(int(BURST_CALLS) - 1) == 0
    assert bucket.wait(int(BURST_CALLS) + 10) > 10 / CALLS_PER_SECOND
    clock.pass_by(5)
    assert bucket.wait(int(BURST_CALLS) + 10) == 0
    clock.pass_by(3600)
    assert bucket.wait(2 * int(BURST_CALLS) + 11) > 0, "an hour of rest is worth one burst"


def test_pauses_grow_and_end_with_an_answer() -> None:
    breaker = CircuitBreaker()
    lengths = []
    for _ in range(7):
        breaker.open("throttled", 100.0)
        lengths.append(breaker.until - 100.0)

    assert (
        lengths
        == [FIRST_OPEN_SECONDS, 2 * FIRST_OPEN_SECONDS, 4 * FIRST_OPEN_SECONDS, 8 * FIRST_OPEN_SECONDS]
        + [MAX_OPEN_SECONDS] * 3
    )
    breaker.close()
    breaker.open("throttled", 100.0)
    assert breaker.until == 100.0 + FIRST_OPEN_SECONDS


async def test_a_crowd_that_arrives_one_by_one_shares_its_calls() -> None:
    """As a thousand ExternalSecrets do that are applied at once, as fast as the API server takes them."""
    desk = Desk(batch=20)
    asking = []
    for at in range(100):
        asking.append(asyncio.create_task(desk.keys(f"k{at}", interval=60)))
        await asyncio.sleep(0.001)
    await asyncio.gather(*asking)

    assert len(desk.provider.calls) <= 8
    assert sum(map(len, desk.provider.calls)) == 100
    desk.threads.close()


async def test_when_every_worker_waits_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BATCH_WINDOW_SECONDS", "LULL_SECONDS", "MAX_BATCH_WINDOW_SECONDS"):
        monkeypatch.setattr(f"external.reading.rate_limit.{name}", 3600.0)
    desk = Desk(batch=20)
    desk.reader = SharedReader(desk.threads, desk.clock, ExternalMetrics(CollectorRegistry()), PATIENT, workers=3)

    found = await asyncio.gather(*(desk.keys(each, interval=60) for each in ("a", "b", "c")))

    assert [list(each) for each in found] == [["a"], ["b"], ["c"]]
    assert desk.provider.calls == [["a", "b", "c"]]
    desk.threads.close()


async def test_an_identity_with_an_empty_bucket_waits_alone() -> None:
    desk = Desk()
    await desk.keys("a")
    desk.meter.calls += 1000
    desk.reader.patience = 0.01

    await asyncio.sleep(0)
    waiting = asyncio.create_task(desk.keys("b"))
    assert await desk.read(desk.fresh(), identity="other") == b"remote 2"
    await asyncio.wait([waiting])

    assert waiting.exception() is not None
    assert ["b"] not in desk.provider.calls
    desk.threads.close()


async def test_a_throttling_provider_is_backed_off_until_it_answers() -> None:
    desk = Desk()
    desk.provider.error = ProviderUnavailable("GetSecretValue: ThrottlingException")
    for _ in range(600):
        await desk.keys("a")
        desk.clock.pass_by(1)
    assert 10 < len(desk.provider.calls) < 40, "ten minutes, not six hundred attempts"

    desk.provider.error = None
    desk.clock.pass_by(MAX_OPEN_SECONDS)
    assert isinstance((await desk.keys("a"))["a"], bytes)
    assert isinstance((await desk.keys("c"))["c"], bytes)
    desk.threads.close()
