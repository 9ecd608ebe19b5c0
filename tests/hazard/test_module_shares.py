"""Whichever module it is: whoever brings thousands of objects leaves workers to those who come."""

import asyncio
from typing import Any

import pytest

from external.module import build as external
from manager.kube.resources import CONFIGMAPS, EXTERNAL_SECRETS, SEALED_SECRETS, SECRET_STORES, SECRETS, Key, Resource
from manager.runtime.controller import Controller
from reflector.module import build as reflector
from sealed.module import build as sealed
from tests.builders.api_in_memory import Stage


def controller(name: str) -> Controller:
    """Return one of the controllers as its module wires it."""
    built = [build(Stage().context) for build in (sealed, external, reflector)]
    (found,) = [each for module in built for each in module.controllers if each.name == name]
    return found


CASES: list[Any] = [
    ("sealed", SEALED_SECRETS),
    ("external", EXTERNAL_SECRETS),
    ("stores", SECRET_STORES),
    ("reflector", SECRETS),
    ("reflector", CONFIGMAPS),
]


@pytest.mark.parametrize(("name", "resource"), CASES)
async def test_a_loud_namespace_holds_half_of_the_workers(name: str, resource: Resource) -> None:
    found = controller(name)
    for at in range(10 * found.concurrency):
        found.queue.add(Key(resource, "loud", f"large-{at}"))

    held = [await asyncio.wait_for(found.queue.get(), 5) for _ in range(max(1, found.concurrency // 2))]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(found.queue.get(), 0.01)
    found.queue.add(Key(resource, "quiet", "small"))

    assert (await asyncio.wait_for(found.queue.get(), 5)).namespace == "quiet"
    found.queue.done(held[0])
    assert (await asyncio.wait_for(found.queue.get(), 5)).namespace == "loud"


@pytest.mark.parametrize(("name", "resource"), CASES)
async def test_a_quiet_namespace_comes_next_in_the_queue(name: str, resource: Resource) -> None:
    queue = controller(name).queue
    for at in range(5_000):
        queue.add(Key(resource, "loud", f"bad-{at}"))
    queue.add(Key(resource, "quiet", "app"))

    first = [await asyncio.wait_for(queue.get(), 5) for _ in range(2)]

    assert Key(resource, "quiet", "app") in first
