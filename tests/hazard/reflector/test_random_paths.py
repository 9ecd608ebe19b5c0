"""Whatever a tenant does, in whatever order: the end is that of the last state declared, and then all is quiet."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.core.errors import Conflict, Forbidden, NotFound, Unreachable
from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTS
from manager.kube.resources import SECRETS, Key
from reflector.rules.selection import PREFIX
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, AUTO_SELECTOR, ReflectorModule

HOMES, TARGETS = ("src", "src2"), ("team-1", "team-2")
AGE = {"src": "2026-01-01T00:00:00Z", "src2": "2026-02-01T00:00:00Z"}
OFFERS: tuple[dict[str, str], ...] = (
    {},
    ALLOWED,
    AUTO,
    {**AUTO, AUTO_NAMESPACES: "team-1"},
    {**AUTO, AUTO_SELECTOR: "stage=prod"},
    {**AUTO, AUTO_NAMESPACES: "team-.*", f"{PREFIX}target-name": "t"},
    {**AUTO, AUTO_NAMESPACES: "*"},
    {**AUTO, f"{PREFIX}labels": "tier", f"{PREFIX}annotations": "note", "note": "copied"},
    {**AUTO, f"{PREFIX}labels": "tier", f"{PREFIX}annotations": "note"},
)
ERRORS = (
    Unreachable(0, "TimeoutError", "test"),
    Conflict(409, "Conflict", "test"),
    Forbidden(403, "Forbidden", "test"),
    NotFound(404, "NotFound", "test"),
)


class Tenant:
    """Acts on a bench, and remembers what was declared last of each object and namespace."""

    def __init__(self, bench: ReflectorModule) -> None:
        self.bench = bench
        self.declared: dict[Key, Callable[[ReflectorModule], object]] = {}
        self.labels: dict[str, str] = {}

    def source(self, home: str, offer: int, value: str) -> None:
        """Make or change a source."""
        about: Any = {"creationTimestamp": AGE[home], "labels": {"tier": value}}
        self._declare(home, lambda bench: bench.secret(home, value, OFFERS[offer], **about))

    def pull(self, target: str, home: str) -> None:
        """Make a mirror that asks for a source."""
        self._declare(target, lambda bench: bench.pull(target, source=f"{home}/s"))

    def foreign(self, target: str) -> None:
        """Put something else where a mirror may be."""
        self._declare(target, lambda bench: bench.secret(target, "foreign", {"a": "b"}))

    def remove(self, namespace: str) -> None:
        """Take away whatever is there."""
        if self.bench.body(namespace) is not None:
            self.bench.remove(namespace)
        self.declared.pop(Key(SECRETS, namespace, "s"), None)

    def spoil(self, target: str) -> None:
        """Change the data of a mirror."""
        body = self.bench.body(target)
        if body is not None and REFLECTS in body["metadata"]["annotations"]:
            self.bench.secret(target, "spoilt", body["metadata"]["annotations"])

    def label(self, target: str, stage: str) -> None:
        """Change the label of a namespace."""
        self.bench.namespace(target, stage=stage)
        self.labels[target] = stage

    def show(self, namespace: str) -> None:
        """Let the watch show one object, and nothing else."""
        self.bench.show(SECRETS, namespace)

    def crash(self) -> None:
        """End the controller and start another."""
        self.bench.restart()

    def trouble(self, verb: str, error: int) -> None:
        """Let one request fail."""
        self.bench.api.fail(verb, ERRORS[error])

    def _declare(self, namespace: str, make: Callable[[ReflectorModule], object]) -> None:
        make(self.bench)
        self.declared[Key(SECRETS, namespace, "s")] = make


def fresh() -> ReflectorModule:
    bench = ReflectorModule()
    bench.namespace("src2")
    return bench


async def calm(bench: ReflectorModule) -> None:
    """Let everything that waits come about: grace, back-off, and patience with what was spoilt again and again."""
    for seconds in (1, 40, 70, 70, 700):
        await bench.settle()
        bench.pass_by(seconds)
    await bench.settle()


def world(bench: ReflectorModule) -> dict[str, Any]:
    """Return what a person sees: of pulls only that they are there, because they keep what they had when frozen."""
    found = {}
    for key, body in bench.api.objects.items():
        if key.resource is SECRETS:
            annotations = body["metadata"]["annotations"]
            pulled = REFLECTS in annotations and annotations.get(AUTO_REFLECTS) != "True"
            source = annotations.get(REFLECTS)
            copied = (body["metadata"].get("labels", {}).get("tier"), annotations.get("note"))
            found[f"{key.namespace}/{key.name}"] = "pull" if pulled else (source, body["data"], copied)
    return found


ACTS = st.one_of(
    st.tuples(st.just("source"), st.sampled_from(HOMES), st.integers(0, len(OFFERS) - 1), st.sampled_from(["1", "2"])),
    st.tuples(st.just("pull"), st.sampled_from(TARGETS), st.sampled_from(HOMES)),
    st.tuples(st.just("foreign"), st.sampled_from(TARGETS)),
    st.tuples(st.just("remove"), st.sampled_from(HOMES + TARGETS)),
    st.tuples(st.just("spoil"), st.sampled_from(TARGETS)),
    st.tuples(st.just("label"), st.sampled_from(TARGETS), st.sampled_from(["prod", "dev"])),
    st.tuples(st.just("show"), st.sampled_from(HOMES + TARGETS)),
    st.tuples(st.just("trouble"), st.sampled_from(["get", "create", "patch", "delete"]), st.integers(0, 3)),
    st.tuples(st.just("crash")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("work")),
    st.tuples(st.just("see")),
)


async def walk(acts: list[tuple[Any, ...]]) -> None:
    """Act, let it come to rest, and compare with a cluster where the last states were declared from the beginning."""
    walked = fresh()
    tenant = Tenant(walked)
    for name, *arguments in acts:
        if name in {"settle", "work"}:
            await getattr(walked, name)()
        elif name == "see":
            walked.see()
        else:
            getattr(tenant, name)(*arguments)
    walked.api.failures.clear()
    await calm(walked)
    writes = walked.writes()
    walked.pass_by(3_600)
    await walked.settle()
    assert walked.writes() == writes, "a quiet cluster was written to"

    declared = fresh()
    for namespace, stage in tenant.labels.items():
        declared.namespace(namespace, stage=stage)
    for make in tenant.declared.values():
        make(declared)
    await calm(declared)
    assert world(walked) == world(declared)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTS, max_size=12))
def test_the_end_does_not_depend_on_the_path(acts: list[tuple[Any, ...]]) -> None:
    asyncio.run(walk(acts))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=5_000, deadline=None)
@given(st.lists(ACTS, max_size=20))
def test_the_end_does_not_depend_on_long_paths(acts: list[tuple[Any, ...]]) -> None:
    asyncio.run(walk(acts))
