"""The process dies after any write of a push: the next one ends where the first would, and pushes nothing twice."""

import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from external.push_summaries import FINALIZER
from manager.kube.resources import PUSH_SECRETS, Body, Key
from tests.builders.external_module import ExternalModule
from tests.builders.push_provider import Remote, entry, install, push_secret, ready, recorded

KEYS = [f"k{at}" for at in range(6)]  # more than are pushed at once
Objects = dict[Key, Body]
State = tuple[Objects, Remote]


def copied(objects: Objects) -> Objects:
    """Return copies under the same keys: a resource is compared by identity."""
    return {key: copy.deepcopy(body) for key, body in objects.items()}


class Snapshots:
    """What the API server and the provider hold after each write, so that another process can start from there."""

    def __init__(self, bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[State] = []
        self._bench, self._remote = bench, remote
        remote.after_write = self.take
        patch = bench.api.patch

        async def patched(key: Key, *given: Any, **named: Any) -> Body:
            written = await patch(key, *given, **named)
            if key.resource is PUSH_SECRETS:
                self.take()
            return written

        monkeypatch.setattr(bench.api, "patch", patched)

    def take(self) -> None:
        """Keep a copy of both sides."""
        remote = Remote()
        for name in ("values", "owners", "versions"):
            setattr(remote, name, dict(getattr(self._remote, name)))
        self.taken.append((copied(self._bench.api.objects), remote))


@pytest.fixture
async def again(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[State], Any]]:
    """Let another process work from a snapshot; return its module and what its provider holds."""
    made: list[ExternalModule] = []

    async def work(state: State) -> tuple[ExternalModule, Remote]:
        objects, before = state
        remote = install(monkeypatch)
        for name in ("values", "owners", "versions"):
            setattr(remote, name, dict(getattr(before, name)))
        module = ExternalModule()
        made.append(module)
        module.api.objects.update(copied(objects))
        await module.settle()
        return module, remote

    yield work
    for each in made:
        await each.close()


async def prepared(bench: ExternalModule, **spec: Any) -> None:
    bench.store()
    values: dict[str, Any] = {key: f"value of {key}" for key in KEYS}
    bench.secret("src", **values)
    await bench.settle()
    data = [entry(key, f"remote-{key}") for key in KEYS]
    push_secret(bench, deletionPolicy="Delete", data=data, **spec)


async def test_a_crash_in_a_first_push_loses_no_record(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, again: Callable[[State], Any]
) -> None:
    remote = install(monkeypatch)
    await prepared(bench)
    snapshots = Snapshots(bench, remote, monkeypatch)
    await bench.settle()
    wanted, total = recorded(bench), len(KEYS)
    assert remote.calls["write"] == total

    for state in snapshots.taken:
        written = len(state[1].values)
        module, after = await again(state)
        assert (recorded(module), ready(module)[1], after.values) == (wanted, "Synced", remote.values)
        assert after.calls["write"] == total - written, "what was written before the crash is not written again"


async def test_a_crash_in_a_rename_leaves_nothing_behind(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, again: Callable[[State], Any]
) -> None:
    remote = install(monkeypatch)
    await prepared(bench)
    await bench.settle()
    snapshots = Snapshots(bench, remote, monkeypatch)
    data = [entry(key, f"renamed-{key}") for key in KEYS]
    push_secret(bench, meta={"finalizers": [FINALIZER]}, deletionPolicy="Delete", data=data)
    await bench.settle()
    assert sorted(key for _, key in remote.values) == [f"renamed-{key}" for key in KEYS]

    for state in snapshots.taken:
        module, after = await again(state)
        assert (recorded(module), after.values) == (recorded(bench), remote.values)


async def test_a_crash_in_a_deletion_is_finished_by_the_next(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, again: Callable[[State], Any]
) -> None:
    remote = install(monkeypatch)
    await prepared(bench)
    await bench.settle()
    body = bench.body(PUSH_SECRETS, "ps") or {}
    deleted = body | {"metadata": body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    half = Remote()
    for name in ("values", "owners", "versions"):
        setattr(half, name, dict(list(getattr(remote, name).items())[:3]))
    objects = copied(bench.api.objects) | {Key(PUSH_SECRETS, "ns", "ps"): deleted}

    module, after = await again((objects, half))

    assert after.values == {}
    assert (module.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"] == []
