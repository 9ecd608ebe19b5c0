"""The watch on the sealing keys: what a list shows is true, whatever was known before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from manager.kube.resources import Body
from sealed.keys.registry import KeyRegistry
from sealed.keys.watch import KeyWatch
from tests.builders.api_in_memory import no_jitter
from tests.builders.sealed_module import Inline, key_secret
from tests.builders.sealed_vectors import certificate, other_key

OLD = key_secret("old", version="50")
NEW = key_secret("new", other_key(), version="200", cert=certificate(other_key(), begins=timedelta(hours=-1)))


class Lists:
    """The sealing keys that the API server lists, one answer after another, and how long each takes to come."""

    def __init__(self) -> None:
        self.answers: list[tuple[list[Body], str]] = []
        self.late: dict[str, asyncio.Event] = {}

    async def pages(self, *_: object, **__: object) -> AsyncIterator[tuple[list[Body], str]]:
        items, version = self.answers.pop(0)
        if version in self.late:
            await self.late[version].wait()
        yield items, version

    async def find(self, *_: object) -> None:
        return None


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
def registry() -> KeyRegistry:
    return KeyRegistry(Inline(), "CertNotBefore", lambda: None)


@pytest.fixture
def watch(lists: Lists, registry: KeyRegistry) -> KeyWatch:
    client: Any = lists
    return KeyWatch(client, registry, "coffer", (), "sealed-secrets-key", no_jitter())


def names(registry: KeyRegistry) -> list[str]:
    return [each.secret[1] for each in registry.keys]


async def test_a_key_that_a_restore_of_etcd_took_away_seals_no_more(
    lists: Lists, registry: KeyRegistry, watch: KeyWatch
) -> None:
    """A standby serves the certificate, too, and what is sealed for a lost key never opens again."""
    lists.answers = [([OLD, NEW], "210"), ([OLD], "120")]
    await watch.refresh()
    assert names(registry) == ["new", "old"]

    await watch.refresh()

    assert names(registry) == ["old"]


async def test_a_key_is_as_a_restore_of_etcd_left_it(lists: Lists, registry: KeyRegistry, watch: KeyWatch) -> None:
    restored = key_secret("new", version="60")
    lists.answers = [([NEW], "210"), ([restored], "120")]
    await watch.refresh()
    before = registry.keys[0].id

    await watch.refresh()

    assert [each.id for each in registry.keys] != [before]


async def test_two_lists_at_a_time_do_not_look_like_a_restore(
    lists: Lists, registry: KeyRegistry, watch: KeyWatch
) -> None:
    """A key that the earlier one could not show yet would be lost until the next list."""
    lists.answers = [([OLD], "120"), ([OLD, NEW], "210")]
    lists.late["120"] = asyncio.Event()
    both = [asyncio.create_task(watch.refresh()) for _ in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    lists.late["120"].set()
    await asyncio.gather(*both)

    assert names(registry) == ["new", "old"]
