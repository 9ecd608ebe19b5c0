"""Who may see whose reads: sharing ends at identities, and at what a cluster store admits at that very moment."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from external.providers.fake import FakeClient
from external.providers.protocol import ProviderError, Want
from manager.kube.conditions import find_condition
from manager.kube.resources import EXTERNAL_SECRETS, NAMESPACES, SECRET_STORES, SECRETS, Key
from manager.plain import Plain
from tests.unit.external.bench import Bench


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the provider was asked so far."""
    keys: list[str] = []
    answer = FakeClient.read

    def read(client: FakeClient, wants: Sequence[Want]) -> Mapping[Want, Plain | ProviderError]:
        keys.extend(want.key for want in wants)
        return answer(client, wants)

    monkeypatch.setattr(FakeClient, "read", read)
    return keys


def external(bench: Bench, namespace: str, store: Mapping[str, str], **annotations: str) -> None:
    bench.put(NAMESPACES, {"metadata": {"name": namespace, "labels": {}}})
    spec = {"secretStoreRef": store, "data": [{"secretKey": "k", "remoteRef": {"key": "remote"}}]}
    meta = {"name": "es", "namespace": namespace, "annotations": annotations}
    bench.put(EXTERNAL_SECRETS, {"metadata": meta, "spec": {**spec, "refreshInterval": "1h"}})


def message(bench: Bench, namespace: str) -> str:
    body: Any = bench.body(EXTERNAL_SECRETS, "es", namespace) or {}
    return str((find_condition((body.get("status") or {}).get("conditions"), "Ready") or {}).get("message"))


async def test_two_namespaces_with_equal_stores_read_each_for_itself(bench: Bench, asked: list[str]) -> None:
    for namespace in ("a", "b"):
        spec = {"provider": {"fake": {"data": [{"key": "remote", "value": "x"}]}}}
        bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": namespace}, "spec": spec})
        external(bench, namespace, {"name": "store"})
    await bench.settle()

    assert asked == ["remote", "remote"]


async def test_a_cluster_store_is_read_once_for_all_that_it_admits(bench: Bench, asked: list[str]) -> None:
    bench.store("cluster", {"remote": "x"})
    for namespace in ("a", "b", "c"):
        external(bench, namespace, {"name": "cluster", "kind": "ClusterSecretStore"})
    await bench.settle()

    assert asked == ["remote"]
    assert {message(bench, each) for each in "abc"} == {"secret synced"}


async def test_who_is_admitted_no_longer_gets_not_even_what_was_just_read(bench: Bench, asked: list[str]) -> None:
    reference = {"name": "cluster", "kind": "ClusterSecretStore"}
    bench.put(NAMESPACES, {"metadata": {"name": "b", "labels": {"team": "x"}}})
    bench.store(
        "cluster",
        {"remote": "x"},
        conditions=[{"namespaces": ["a"]}, {"namespaceSelector": {"matchLabels": {"team": "x"}}}],
    )
    external(bench, "a", reference)
    await bench.settle()
    bench.put(NAMESPACES, {"metadata": {"name": "b", "labels": {}}})
    await bench.settle()

    external(bench, "b", reference)
    await bench.settle()

    assert "denied by spec.condition" in message(bench, "b")
    assert Key(SECRETS, "b", "es") not in bench.api.objects
    assert asked == ["remote"]
