"""Objects are listed once for viewers of the same moment, and never kept."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from manager.core.errors import Forbidden, NotFound
from manager.kube.resources import CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, SEALED_SECRETS, Body, Resource
from manager.status_page.observed import FRESH_SECONDS, MAX_KEPT, Observer, shown_in
from manager.status_page.overview import STORES, KindOverview
from tests.builders.api_in_memory import HandClock


class Lists:
    """An API server with two pages of one object."""

    def __init__(self) -> None:
        self.lists = 0
        self.error: Exception | None = None
        self.slow: asyncio.Event | None = None

    async def pages(
        self, resource: Resource, *, namespace: str = "", most: int = 0
    ) -> AsyncIterator[tuple[list[Body], str]]:
        if resource in STORES:  # for the bill; nothing here asks one
            return
        self.lists += 1
        if self.error is not None:
            raise self.error
        if self.slow is not None:
            await self.slow.wait()
        for name in ("a", "b"):
            await asyncio.sleep(0)
            yield [{"metadata": {"name": name, "namespace": namespace}}], "1"


@pytest.fixture
def scene() -> tuple[Lists, HandClock, Observer]:
    api, clock = Lists(), HandClock()
    client: Any = api
    return api, clock, Observer(client, clock)


async def waiting(observer: Observer, namespace: str = "") -> int:
    found = await observer.kind(EXTERNAL_SECRETS, namespace)
    return found.counts["waiting"] if found is not None else -1


async def test_viewers_of_one_moment_share_a_list(scene: tuple[Lists, HandClock, Observer]) -> None:
    api, clock, observer = scene
    assert await asyncio.gather(*(waiting(observer) for _ in range(5))) == [2] * 5
    assert await waiting(observer, "ns") == 2
    assert api.lists == 2

    clock.pass_by(FRESH_SECONDS + 1)
    assert await waiting(observer) == 2
    assert api.lists == 3


async def test_a_list_that_takes_long_is_not_made_again_meanwhile(scene: tuple[Lists, HandClock, Observer]) -> None:
    api, clock, observer = scene
    api.slow = asyncio.Event()
    first = asyncio.create_task(waiting(observer))
    await asyncio.sleep(0)
    clock.pass_by(10 * FRESH_SECONDS)
    second = asyncio.create_task(waiting(observer))
    await asyncio.sleep(0)
    api.slow.set()
    assert (await first, await second, api.lists) == (2, 2, 1)


async def test_a_viewer_who_leaves_takes_nothing_from_others(scene: tuple[Lists, HandClock, Observer]) -> None:
    api, _, observer = scene
    first, second = asyncio.create_task(waiting(observer)), asyncio.create_task(waiting(observer))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 2
    assert api.lists == 1


async def test_a_missing_crd_is_nothing_and_an_error_is_asked_again(scene: tuple[Lists, HandClock, Observer]) -> None:
    api, _, observer = scene
    api.error = NotFound(404, "", "list")
    assert await waiting(observer, "x") == -1
    api.error = Forbidden(403, "", "list")
    with pytest.raises(Forbidden):
        await waiting(observer)
    api.error = None
    assert await waiting(observer) == 2


async def test_what_is_kept_is_bounded(scene: tuple[Lists, HandClock, Observer]) -> None:
    api, _, observer = scene
    for at in range(MAX_KEPT + 1):
        await waiting(observer, f"n{at}")
    await waiting(observer, f"n{MAX_KEPT}")
    assert api.lists == MAX_KEPT + 1
    await waiting(observer, "n0")
    assert api.lists == MAX_KEPT + 2


def test_a_namespace_has_no_cluster_scoped_kinds() -> None:
    assert CLUSTER_SECRET_STORES in shown_in("")
    assert CLUSTER_SECRET_STORES not in shown_in("ns")
    assert SEALED_SECRETS in shown_in("ns")


async def test_objects_are_counted_outside_of_the_event_loop(
    scene: tuple[Lists, HandClock, Observer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bill of 250 ExternalSecrets takes longer than a turn of the loop may take."""
    threads: set[int] = set()
    for name in ("charge", "spending_of"):
        monkeypatch.setattr(f"manager.status_page.observed.{name}", _noted(threads, dict))
    monkeypatch.setattr(KindOverview, "add", _noted(threads, lambda: None))
    await scene[2].kind(EXTERNAL_SECRETS, "ns")
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def _noted(threads: set[int], made: Callable[[], Any]) -> Callable[..., Any]:
    def called(*_: Any) -> Any:
        threads.add(threading.get_ident())
        return made()

    return called
