"""Observations reach every handler; what was missed is found by a sweep."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog

from manager.core.errors import Forbidden, Gone
from manager.kube.cache import MAX_ANNOTATION_BYTES, Change, MetadataCache
from manager.kube.resources import CONFIGMAPS, NAMESPACES, SECRETS, Key, Resource
from manager.runtime.informer import Informer


def body(name: str, version: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "uid": f"u-{name}", "resourceVersion": version}}


class Lists:
    """A client whose lists are given."""

    def __init__(self, items: dict[Resource, list[dict[str, Any]]], version: str = "50") -> None:
        self.items, self.version = items, version
        self.errors: list[Exception] = []

    async def pages(
        self, resource: Resource, *, namespace: str = ""
    ) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        if self.errors:
            raise self.errors.pop()
        found = [each for each in self.items.get(resource, []) if namespace in ("", each["metadata"]["namespace"])]
        for each in found:
            yield [each], self.version
        if not found:
            yield [], self.version


class Watcher:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.cache = MetadataCache()
        self.feed = Informer(self.cache, {SECRETS: [self.changes.append], CONFIGMAPS: [self.changes.append]})

    def names(self) -> list[tuple[str, bool]]:
        """Return the name of each change and whether the object is there after it."""
        found = [(change.key.name, change.after is not None) for change in self.changes]
        self.changes.clear()
        return found


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


def test_a_change_reaches_every_handler_of_its_resource() -> None:
    first: list[Change] = []
    second: list[Change] = []
    feed = Informer(MetadataCache(), {SECRETS: [first.append, second.append]})

    feed.observe(SECRETS, "ADDED", body("a", "1"))

    assert len(first) == len(second) == 1
    assert feed.resources == (SECRETS,)


def test_nothing_new_reaches_nobody(watcher: Watcher) -> None:
    watcher.feed.observe(SECRETS, "ADDED", body("a", "1"))
    watcher.feed.observe(SECRETS, None, body("a", "1"))

    assert watcher.names() == [("a", True)]


def test_a_handler_that_fails_hides_nothing_from_the_others() -> None:
    seen: list[Change] = []

    def broken(_: Change) -> None:
        raise ValueError("canary-1")

    feed = Informer(MetadataCache(), {SECRETS: [broken, seen.append]})
    with structlog.testing.capture_logs() as logs:
        feed.observe(SECRETS, "ADDED", body("a", "1"))

    assert len(seen) == 1
    assert "canary-1" not in str(logs)


def test_a_fault_in_telling_of_a_refusal_does_not_end_the_watch() -> None:
    def broken(key: Key, uid: str, why: str) -> None:
        raise RuntimeError(f"{key} {uid} {why}")

    seen: list[Change] = []
    cache = MetadataCache()
    cache.keep(SECRETS, "coffer")
    informer = Informer(cache, {SECRETS: (seen.append,)}, refused=broken)
    meta = {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "1"}

    informer.observe(SECRETS, "ADDED", {"metadata": {**meta, "annotations": {"coffer": "x" * MAX_ANNOTATION_BYTES}}})
    informer.observe(SECRETS, "ADDED", {"metadata": {**meta, "name": "b"}})

    assert [each.key.name for each in seen] == ["b"]


def test_an_object_that_cannot_be_read_is_named_by_its_kind_only(watcher: Watcher) -> None:
    with structlog.testing.capture_logs() as logs:
        watcher.feed.observe(SECRETS, "ADDED", {"metadata": {"namespace": "canary-2"}})

    assert watcher.names() == []
    assert logs[0]["resource"] == "secrets"
    assert "canary-2" not in str(logs)


async def test_filling_tells_nobody_and_replaying_tells_all(watcher: Watcher) -> None:
    client: Any = Lists({SECRETS: [body("a", "1"), body("b", "2")]})
    await watcher.feed.fill(client, SECRETS)
    assert watcher.names() == []
    replayed: list[Change] = []

    watcher.feed.replay({SECRETS: replayed.append})

    assert [change.key.name for change in replayed] == ["a", "b"]
    assert all(change.before is None for change in replayed)


async def test_an_object_that_cannot_be_read_leaves_the_list_of_the_others(watcher: Watcher) -> None:
    def digest(given: dict[str, Any]) -> str:
        return str(given["spec"])

    watcher.cache.digest(SECRETS, digest)
    client: Any = Lists({SECRETS: [body("bad", "1"), {**body("good", "2"), "spec": "s"}]})

    await watcher.feed.fill(client, SECRETS)

    assert [key.name for key, _ in watcher.cache.items(SECRETS)] == ["good"]


async def test_a_sweep_finds_what_is_new_changed_and_gone(watcher: Watcher) -> None:
    for each in (body("same", "1"), body("changed", "2"), body("gone", "3")):
        watcher.feed.observe(SECRETS, None, each)
    watcher.names()
    client: Any = Lists({SECRETS: [body("same", "1"), body("changed", "20"), body("new", "30")]})

    await watcher.feed.sweep(client)

    assert watcher.names() == [("changed", True), ("new", True), ("gone", False)]


async def test_what_is_newer_than_the_list_is_not_missing(watcher: Watcher) -> None:
    watcher.feed.observe(SECRETS, "ADDED", body("fresh", "51"))
    watcher.names()
    client: Any = Lists({}, version="50")

    await watcher.feed.sweep(client)

    assert watcher.names() == []
    assert watcher.cache.get(Key(SECRETS, "ns", "fresh")) is not None


class Interrupted(Lists):
    """A client whose list is interrupted by what a watch reports, after its first page."""

    def __init__(self, items: dict[Resource, list[dict[str, Any]]], meanwhile: Callable[[], None]) -> None:
        super().__init__(items)
        self.meanwhile = meanwhile

    async def pages(
        self, resource: Resource, *, namespace: str = ""
    ) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        async for page in super().pages(resource, namespace=namespace):
            yield page
            self.meanwhile()


class Overtaken(Interrupted):
    """A client whose list is overtaken by what a watch reports: it comes before the first page."""

    async def pages(
        self, resource: Resource, *, namespace: str = ""
    ) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        self.meanwhile()
        async for page in Lists.pages(self, resource, namespace=namespace):
            yield page


@pytest.mark.parametrize("known", [True, False])
async def test_what_goes_while_a_list_is_read_does_not_come_back_from_it(watcher: Watcher, known: bool) -> None:
    if known:
        watcher.feed.observe(SECRETS, "ADDED", body("b", "2"))

    def went() -> None:
        watcher.feed.observe(SECRETS, "DELETED", body("b", "60"))

    client: Any = Interrupted({SECRETS: [body("a", "1"), body("b", "2")]}, went)

    await watcher.feed.sweep(client)

    assert watcher.cache.get(Key(SECRETS, "ns", "b")) is None


async def test_what_comes_anew_while_a_list_is_read_stays(watcher: Watcher) -> None:
    def replaced() -> None:
        watcher.feed.observe(SECRETS, "DELETED", body("b", "60"))
        watcher.feed.observe(SECRETS, "ADDED", body("b", "61"))

    client: Any = Interrupted({SECRETS: [body("a", "1"), body("b", "2")]}, replaced)

    await watcher.feed.sweep(client)

    found = watcher.cache.get(Key(SECRETS, "ns", "b"))
    assert found is not None
    assert found.version == "61"


def test_what_is_not_in_kopfs_list_has_gone(watcher: Watcher) -> None:
    for each in (body("stays", "1"), body("gone", "2"), body("newer", "9")):
        watcher.feed.observe(SECRETS, None, each)
    watcher.names()

    watcher.feed.listed(SECRETS, "", {Key(SECRETS, "ns", "stays")}, "5")

    assert watcher.names() == [("gone", False)]


async def test_what_kopf_lists_while_we_list_is_heeded_afterwards(watcher: Watcher) -> None:
    """What went between our list and kopf's is in no watch: ours is older and still holds it."""

    def kopf_lists() -> None:
        watcher.feed.listed(SECRETS, "", {Key(SECRETS, "ns", "a")}, "60")

    client: Any = Interrupted({SECRETS: [body("a", "1"), body("b", "2")]}, kopf_lists)

    await watcher.feed.fill(client, SECRETS)

    assert [key.name for key, _ in watcher.cache.items(SECRETS)] == ["a"]


async def test_lists_of_one_resource_go_one_after_another(watcher: Watcher) -> None:
    client: Any = Lists({SECRETS: [body("a", "1")]})

    await asyncio.gather(watcher.feed.fill(client, SECRETS), watcher.feed.sweep(client))

    assert watcher.cache.count(SECRETS) == 1


async def test_a_list_that_expires_is_begun_again(watcher: Watcher) -> None:
    client: Any = Lists({SECRETS: [body("a", "1")]})
    client.errors = [Gone(410, "Expired", "x"), Gone(410, "Expired", "x")]

    await watcher.feed.fill(client, SECRETS)

    assert watcher.cache.count(SECRETS) == 1


async def test_a_list_that_always_expires_is_an_error(watcher: Watcher) -> None:
    client: Any = Lists({})
    client.errors = [Gone(410, "Expired", "x")] * 3

    with pytest.raises(Gone):
        await watcher.feed.fill(client, SECRETS)


async def test_a_kind_that_cannot_be_listed_leaves_the_sweep_of_the_others(watcher: Watcher) -> None:
    watcher.feed.observe(CONFIGMAPS, None, body("gone", "1"))
    watcher.names()
    client: Any = Lists({})
    client.errors = [Forbidden(403, "Forbidden", "list secrets")]

    await watcher.feed.sweep(client)

    assert watcher.names() == [("gone", False)]


async def test_what_a_watch_showed_counts_too_and_what_it_shows_while_a_list_is_under_way_does_not(
    watcher: Watcher,
) -> None:
    client: Any = Overtaken({SECRETS: [body("a", "7")]}, lambda: watcher.feed.observe(SECRETS, None, body("b", "60")))
    await watcher.feed.sweep(client)
    assert not watcher.feed.restored.is_set()

    client = Lists({SECRETS: [body("a", "7")]}, version="55")
    await watcher.feed.sweep(client)
    assert watcher.feed.restored.is_set()


@pytest.mark.parametrize(("version", "restored"), [("49", True), ("50", False), ("1000", False), ("odd", False)])
async def test_a_list_from_an_earlier_moment_shows_that_etcd_was_restored(
    watcher: Watcher, version: str, restored: bool
) -> None:
    lists: Any = Lists({SECRETS: [body("a", "7")]})
    await watcher.feed.sweep(lists)

    lists.version = version
    await watcher.feed.sweep(lists)

    assert watcher.feed.restored.is_set() is restored


@pytest.fixture
def confined() -> Watcher:
    """Look at two namespaces, each with lists of its own."""
    watcher = Watcher()
    watcher.feed = Informer(watcher.cache, {SECRETS: [watcher.changes.append]}, ("one", "two"))
    return watcher


def of(namespace: str, name: str, version: str = "1") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, "uid": f"u-{name}", "resourceVersion": version}}


async def test_only_the_namespaces_that_are_looked_at_are_listed(confined: Watcher) -> None:
    client: Any = Lists({SECRETS: [of("one", "a"), of("two", "b"), of("three", "c")]})

    await confined.feed.fill(client, SECRETS)

    assert [key.name for key, _ in confined.cache.items(SECRETS)] == ["a", "b"]


async def test_a_list_of_one_namespace_says_nothing_of_another(confined: Watcher) -> None:
    for each in (of("one", "a"), of("two", "b")):
        confined.feed.observe(SECRETS, None, each)
    confined.names()
    client: Any = Lists({SECRETS: [of("one", "a")]})

    confined.feed.listed(SECRETS, "one", set(), "50")
    assert confined.names() == [("a", False)]
    await confined.feed.sweep(client)
    assert confined.names() == [("a", True), ("b", False)]


async def test_what_a_watch_tells_deleted_while_its_namespace_is_listed_does_not_come_back(confined: Watcher) -> None:
    def deleted() -> None:
        confined.feed.observe(SECRETS, "DELETED", of("one", "b", "60"))

    client: Any = Interrupted({SECRETS: [of("one", "a"), of("one", "b", "2")]}, deleted)

    await confined.feed.fill(client, SECRETS)

    assert [key.name for key, _ in confined.cache.items(SECRETS)] == ["a"]


async def test_of_several_namespaces_one_may_be_closed(confined: Watcher) -> None:
    client: Any = Lists({SECRETS: [of("one", "a"), of("two", "b")]})
    client.errors = [Forbidden(403, "Forbidden", "list secrets")]

    await confined.feed.fill(client, SECRETS)

    assert [key.name for key, _ in confined.cache.items(SECRETS)] == ["b"]


def test_confined_only_what_is_in_namespaces_is_watched(confined: Watcher) -> None:
    assert confined.feed.watchable((SECRETS, NAMESPACES)) == (SECRETS,)


def test_without_namespaces_everything_is_watched(watcher: Watcher) -> None:
    assert watcher.feed.watchable((SECRETS, NAMESPACES)) == (SECRETS, NAMESPACES)


async def test_without_namespaces_a_refused_list_is_an_error(watcher: Watcher) -> None:
    client: Any = Lists({})
    client.errors = [Forbidden(403, "Forbidden", "list secrets")]

    with pytest.raises(Forbidden):
        await watcher.feed.fill(client, SECRETS)
