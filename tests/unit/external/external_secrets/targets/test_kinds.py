"""Kinds that `target.manifest` names: found by discovery, and told of only when something is new."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from external.external_secrets.targets.kinds import (
    RETRY_SECONDS,
    WATCH_PAUSE_SECONDS,
    NotServed,
    TargetKinds,
    next_pause,
)
from manager.core.errors import NeedsHuman, Unreachable
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Key, Resource
from tests.builders.api_in_memory import HandClock

SERVED = {
    "apps/v1": [
        {"name": "deployments", "kind": "Deployment", "namespaced": True},
        {"name": "deployments/scale", "kind": "Scale", "namespaced": True},
    ],
    "v1": [{"name": "namespaces", "kind": "Namespace", "namespaced": False}],
}


class Server:
    """Stands in for the API server: discovery, and lists and watches that a test writes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lists: list[Any] = []
        self.places: set[str] = set()
        self.events: list[list[tuple[str, Body]]] = []
        self.idle = asyncio.Event()

    async def resources(self, api_version: str) -> list[Body]:
        self.asked.append(api_version)
        return SERVED.get(api_version, [])

    async def pages(
        self, _resource: Resource, *, namespace: str, selector: str
    ) -> AsyncIterator[tuple[list[Body], str]]:
        assert selector == "reconcile.external-secrets.io/managed=true"
        self.places.add(namespace)
        if not self.lists:
            self.idle.set()
            await asyncio.Event().wait()
        listed = self.lists.pop(0)
        if isinstance(listed, Exception):
            raise listed
        yield listed, "1"

    async def watch(self, _resource: Resource, **_: Any) -> AsyncIterator[tuple[str, Body]]:
        for event in self.events.pop(0) if self.events else ():
            yield event


def body(name: str, version: str) -> Body:
    return {"metadata": {"name": name, "namespace": "ns", "resourceVersion": version}}


def kinds(
    server: Any, told: list[tuple[str, str]], *, enabled: bool = True, namespaces: frozenset[str] | None = None
) -> TargetKinds:
    def changed(key: Key, version: str) -> None:
        told.append((key.name, version))

    return TargetKinds(server, HandClock(), changed, lambda _: True, enabled=enabled, namespaces=namespaces)


async def test_a_kind_is_looked_up_once() -> None:
    server = Server()
    found = kinds(server, [])

    resource = await found.find("apps/v1", "Deployment")

    assert (resource.path("ns", "a"), resource.api_version) == ("/apis/apps/v1/namespaces/ns/deployments/a", "apps/v1")
    assert await found.find("apps/v1", "Deployment") is resource
    assert server.asked == ["apps/v1"]
    assert await found.find("v1", "Secret") is SECRETS
    assert await found.find("v1", "ConfigMap") is CONFIGMAPS


@pytest.mark.parametrize(
    ("api_version", "kind", "error", "text"),
    [
        ("v1", "Namespace", NeedsHuman, "outside of namespaces"),
        ("apps/v1", "Scale", NotServed, "serves no Scale of apps/v1"),
        ("example.com/v1", "Nothing", NotServed, "serves no Nothing"),
        ("../../api/v1", "Secret", NeedsHuman, "needs apiVersion and kind"),
        ("apps/v1?x=", "Deployment", NeedsHuman, "needs apiVersion and kind"),
        ("", "Deployment", NeedsHuman, "needs apiVersion and kind"),
        ("v1", "", NeedsHuman, "needs apiVersion and kind"),
    ],
)
async def test_what_is_no_kind_for_a_target_is_told(
    api_version: str, kind: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        await kinds(Server(), []).find(api_version, kind)


async def test_they_are_off_unless_allowed() -> None:
    with pytest.raises(NeedsHuman, match=r"external\.generic_targets"):
        await kinds(Server(), [], enabled=False).find("v1", "ConfigMap")


async def test_only_news_is_told_however_often_a_list_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("RETRY_SECONDS", "WATCH_PAUSE_SECONDS"):
        monkeypatch.setattr(f"external.external_secrets.targets.kinds.{pause}", 0.0)
    server, told = Server(), []
    server.lists = [
        [body("a", "1"), body("b", "1")],
        Unreachable(0, "x", "list"),
        [body("a", "2"), body("b", "2"), body("c", "5")],
    ]
    server.events = [[("MODIFIED", body("b", "2")), ("BOOKMARK", {}), ("ERROR", {})], [("DELETED", body("c", "6"))]]
    found = kinds(server, told)

    found.watch(await found.find("apps/v1", "Deployment"))
    await asyncio.wait_for(server.idle.wait(), 5)
    await found.close()

    assert told == [("a", "1"), ("b", "1"), ("b", "2"), ("a", "2"), ("c", "5"), ("c", "")]


async def test_what_went_while_nobody_watched_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("RETRY_SECONDS", "WATCH_PAUSE_SECONDS"):
        monkeypatch.setattr(f"external.external_secrets.targets.kinds.{pause}", 0.0)
    server, told = Server(), []
    server.lists = [[body("a", "1")], []]
    found = kinds(server, told)

    found.watch(await found.find("apps/v1", "Deployment"))
    await asyncio.wait_for(server.idle.wait(), 5)
    await found.close()

    assert told == [("a", "1"), ("a", "")]


@pytest.mark.parametrize(
    ("namespaces", "places"), [(None, {""}), (frozenset({"one", "two"}), {"one", "two"})], ids=["cluster", "namespaces"]
)
async def test_a_kind_is_watched_where_this_installation_works(
    namespaces: frozenset[str] | None, places: set[str]
) -> None:
    server = Server()
    found = kinds(server, [], namespaces=namespaces)
    resource = await found.find("apps/v1", "Deployment")

    found.watch(resource)
    found.watch(resource)
    while server.places != places:
        await asyncio.sleep(0)
    await found.close()

    assert len(found._watches) == len(places)


def test_a_watch_that_ends_at_once_is_repeated_with_back_off() -> None:
    pauses = [WATCH_PAUSE_SECONDS]
    for _ in range(10):
        pauses.append(next_pause(pauses[-1], 0.1))

    assert pauses[:4] == [
        WATCH_PAUSE_SECONDS,
        2 * WATCH_PAUSE_SECONDS,
        4 * WATCH_PAUSE_SECONDS,
        8 * WATCH_PAUSE_SECONDS,
    ]
    assert pauses[-1] == RETRY_SECONDS
    assert next_pause(RETRY_SECONDS, 300.0) == WATCH_PAUSE_SECONDS
