"""Namespaces that may be read by name only: their labels arrive, and one that cannot be read is not known."""

from typing import Any

import pytest
import structlog

from manager.core.errors import Forbidden, Unreachable
from manager.kube.cache import Change, MetadataCache
from manager.kube.resources import NAMESPACES, SECRETS, Key
from manager.runtime.informer import Informer
from manager.runtime.namespaces_by_name import NamespacesByName


class Readable:
    """An API server that answers for single namespaces."""

    def __init__(self, *names: str) -> None:
        self.known = {name: place(name) for name in names}
        self.refuses: dict[str, Exception] = {}

    async def find(self, key: Key) -> dict[str, Any] | None:
        assert key.resource is NAMESPACES
        if key.name in self.refuses:
            raise self.refuses[key.name]
        return self.known.get(key.name)


def place(name: str, version: str = "1", uid: str = "", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": uid or f"u-{name}", "resourceVersion": version, "labels": labels}}


class Bench:
    def __init__(self, *names: str) -> None:
        self.changes: list[Change] = []
        self.cache, self.api = MetadataCache(), Readable("one", "two", "three")
        client: Any = self.api
        handlers = {SECRETS: [self.changes.append], NAMESPACES: [self.changes.append]}
        self.reader = NamespacesByName(client, Informer(self.cache, handlers, names))

    def known(self) -> list[str]:
        return [key.name for key, _ in self.cache.items(NAMESPACES)]

    def names(self) -> list[tuple[str, bool]]:
        """Return the name of each change and whether the namespace is there after it."""
        found = [(change.key.name, change.after is not None) for change in self.changes]
        self.changes.clear()
        return found


@pytest.fixture
async def bench() -> Bench:
    made = Bench("one", "two")
    await made.reader.read()
    assert made.names() == [("one", True), ("two", True)]
    return made


async def test_those_of_the_scope_are_read_and_no_others(bench: Bench) -> None:
    await bench.reader.look()

    assert bench.known() == ["one", "two"]
    assert bench.names() == []


async def test_labels_that_changed_are_told(bench: Bench) -> None:
    bench.api.known["one"] = place("one", "2", team="x")
    await bench.reader.look()

    (change,) = bench.changes
    assert change.after is not None
    assert change.after.labels == {"team": "x"}


@pytest.mark.parametrize("refused", [True, False])
async def test_one_that_goes_and_comes_again_is_told(bench: Bench, refused: bool) -> None:
    if refused:
        bench.api.refuses["two"] = Forbidden(403, "Forbidden", "get")
    else:
        del bench.api.known["two"]
    for _ in range(2):
        await bench.reader.look()
    assert bench.names() == [("two", False)]

    bench.api.refuses.clear()
    bench.api.known["two"] = place("two", "9", uid="another")
    await bench.reader.look()

    assert bench.names() == [("two", True)]


async def test_one_that_may_not_be_read_is_logged_once(bench: Bench) -> None:
    bench.api.refuses["two"] = Forbidden(403, "Forbidden", "get")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await bench.reader.look()

    assert [(each["log_level"], each["namespace"]) for each in logs] == [("error", "two")]


async def test_without_an_answer_nothing_changes(bench: Bench) -> None:
    bench.api.refuses["one"] = Unreachable(503, "Unavailable", "get")
    await bench.reader.look()

    assert bench.names() == []
    assert bench.known() == ["one", "two"]
    with pytest.raises(Unreachable):
        await bench.reader.read()


def test_they_are_read_only_where_they_cannot_be_watched() -> None:
    nobody: Any = None
    assert Bench("one").reader.needed
    assert not Bench("").reader.needed
    assert not NamespacesByName(nobody, Informer(MetadataCache(), {SECRETS: []}, ("one",))).needed
