"""A PushSecret that is edited or deleted while its provider is written: what was written is not forgotten."""

from typing import Any

import pytest

from external.push_summaries import FINALIZER
from manager.kube.resources import PUSH_SECRETS
from tests.builders.external_module import ExternalModule
from tests.builders.push_provider import Remote, entry, push_secret, ready, recorded, started


def once(action: Any) -> Any:
    """Return a callable that acts the first time only."""
    left = [action]

    def called() -> None:
        if left:
            left.pop()()

    return called


async def test_a_deletion_during_the_first_push_leaves_nothing_behind(bench: ExternalModule, remote: Remote) -> None:
    def deleted() -> None:
        body = bench.body(PUSH_SECRETS, "ps") or {}
        meta = body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z", "generation": 2}
        bench.api.put(PUSH_SECRETS, body | {"metadata": meta})

    remote.after_write = once(deleted)
    await started(bench, deletionPolicy="Delete")

    assert remote.calls["write"] == 1
    assert remote.values == {}
    assert (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"] == []


@pytest.mark.parametrize("edits", [1, 2])
async def test_a_rename_during_the_first_push_deletes_the_first_name(
    bench: ExternalModule, remote: Remote, edits: int
) -> None:
    names = iter([f"name{at}" for at in range(edits)])

    def renamed() -> None:
        data = [entry(remote=next(names, f"name{edits - 1}"))]
        push_secret(bench, meta={"finalizers": [FINALIZER]}, deletionPolicy="Delete", data=data)

    left = [renamed] * edits

    def after_write() -> None:
        if left:
            left.pop()()

    remote.after_write = after_write
    await started(bench, deletionPolicy="Delete")

    assert sorted(key for _, key in remote.values) == [f"name{edits - 1}"]
    assert recorded(bench) == {"SecretStore/store": [f"name{edits - 1}"]}
    assert ready(bench)[0] == "True"


async def test_an_object_of_the_same_name_gets_no_record_of_the_former_one(
    bench: ExternalModule, remote: Remote
) -> None:
    def replaced() -> None:
        bench.remove(PUSH_SECRETS, "ps")
        push_secret(bench, meta={"uid": "another"}, deletionPolicy="Delete", data=[entry(remote="other")])

    remote.after_write = once(replaced)
    await started(bench, deletionPolicy="Delete")

    assert recorded(bench) == {"SecretStore/store": ["other"]}
