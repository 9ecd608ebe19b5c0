"""Callers of /v1 that hold what others need: bodies that never end, thousands of values, text that ends readers."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from sealed.http.endpoints import LARGE_BODIES, MAX_OPENED_VALUES, OPENED_VALUES_A_SECOND, SMALL_BODIES_OF_CALLER
from sealed.http.rate_limits import RateLimits
from tests.builders.sealed_module import key_secret
from tests.unit.sealed.http.test_endpoints import Api, api, manifest

__all__ = ["api"]  # the fixture


async def _endless(_: Any = None) -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


def from_elsewhere(caller: int) -> dict[str, str]:
    return {"X-Forwarded-For": f"10.0.0.{caller}"}


async def test_bodies_that_never_end_leave_places_to_other_callers() -> None:
    """Nine of them kept everybody out for two minutes."""
    api = Api(proxies=("127.0.0.0/8",))
    api.api._admission = replace(api.api._admission, limits=RateLimits(0, 0, api.clock))
    await api.registry.put(key_secret())
    async with api.client:
        hanging = [
            asyncio.create_task(api.client.post("/v1/verify", data=_endless(), headers=from_elsewhere(caller)))
            for caller in range(9)
            for _ in range(3)
        ]
        waiting = set(hanging)
        async with asyncio.timeout(30):
            while len(waiting) > LARGE_BODIES:
                refused, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                assert {each.result().status for each in refused} == {429}

        answer = await api.ask("/v1/verify", manifest({}), **from_elsewhere(99))
        assert answer.status == 200
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_one_caller_has_few_places_for_small_bodies_too() -> None:
    api = Api(proxies=("127.0.0.0/8",))
    api.api._admission = replace(api.api._admission, limits=RateLimits(0, 0, api.clock))
    for _ in range(SMALL_BODIES_OF_CALLER):
        assert api.api._small.places.take_now("127.0.0.1 for 10.0.0.1")
    async with api.client:
        assert (await api.ask("/v1/verify", manifest({}), **from_elsewhere(1))).status == 429
        assert (await api.ask("/v1/verify", manifest({}), **from_elsewhere(2))).status != 429


async def test_values_are_counted_and_not_only_requests() -> None:
    api = Api(proxies=("127.0.0.0/8",))
    api.api._admission = replace(api.api._admission, limits=RateLimits(0, 0, api.clock))
    api.api._opened.spend("127.0.0.1 for 10.0.0.1", MAX_OPENED_VALUES + 110 * OPENED_VALUES_A_SECOND)
    async with api.client:
        refused = await api.ask("/v1/verify", manifest({}), **from_elsewhere(1))
        assert (refused.status, refused.headers["Retry-After"]) == (429, "10")
        assert (await api.ask("/v1/verify", manifest({}), **from_elsewhere(2))).status != 429
        assert (await api.ask("/v1/verify", manifest({}), **from_elsewhere(1))).status != 429  # 100 s later


async def test_thousands_of_values_are_worked_on_beside_the_small() -> None:
    """2,400 in one request held the only thread: others waited up to 21 seconds."""
    api, held = Api(proxies=("127.0.0.0/8",)), threading.Event()
    api.api._admission = replace(api.api._admission, limits=RateLimits(0, 0, api.clock))
    small, large = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    api.api._small = replace(api.api._small, executor=small)
    api.api._large = replace(api.api._large, executor=large)
    large.submit(held.wait)
    async with api.client:
        body = manifest({f"k{at}": "A" * 700 for at in range(120)})
        waiting = asyncio.create_task(api.ask("/v1/verify", body, **from_elsewhere(1)))
        assert (await api.ask("/v1/verify", manifest({}), **from_elsewhere(2))).status in (200, 409)
        assert not waiting.done()
        held.set()
        assert (await waiting).status in (200, 409)
    small.shutdown()
    large.shutdown()


@pytest.mark.parametrize("text", [b'{"a":' * 50_000, b"[" * 1_200 + b"]" * 1_200, b"[" + b"[]," * 300_000 + b"0]"])
async def test_a_body_that_would_end_a_reader_is_answered(api: Api, text: bytes) -> None:
    assert (await api.ask("/v1/verify", text)).status == 500
