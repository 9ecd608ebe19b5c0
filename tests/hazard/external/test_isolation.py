"""Who may see whose reads: sharing ends at identities, and at what a cluster store admits at that very moment."""

import asyncio
import select
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from external.providers.fake import FakeClient
from external.providers.protocol import ProviderError, SecretRequest
from manager.core.secret_value import SecretValue
from manager.kube.conditions import find_condition
from manager.kube.resources import CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, NAMESPACES, SECRET_STORES, SECRETS, Key
from tests.builders.external_module import ExternalModule
from tests.builders.external_objects import encoded


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the provider was asked so far."""
    keys: list[str] = []
    answer = FakeClient.read

    def read(
        client: FakeClient, requests: Sequence[SecretRequest]
    ) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        keys.extend(request.key for request in requests)
        return answer(client, requests)

    monkeypatch.setattr(FakeClient, "read", read)
    return keys


def external(bench: ExternalModule, namespace: str, store: Mapping[str, str], **annotations: str) -> None:
    bench.put(NAMESPACES, {"metadata": {"name": namespace, "labels": {}}})
    spec = {"secretStoreRef": store, "data": [{"secretKey": "k", "remoteRef": {"key": "remote"}}]}
    meta = {"name": "es", "namespace": namespace, "annotations": annotations}
    bench.put(EXTERNAL_SECRETS, {"metadata": meta, "spec": {**spec, "refreshInterval": "1h"}})


def message(bench: ExternalModule, namespace: str) -> str:
    body: Any = bench.body(EXTERNAL_SECRETS, "es", namespace) or {}
    return str((find_condition((body.get("status") or {}).get("conditions"), "Ready") or {}).get("message"))


async def test_two_namespaces_with_equal_stores_read_each_for_itself(bench: ExternalModule, asked: list[str]) -> None:
    for namespace in ("a", "b"):
        spec = {"provider": {"fake": {"data": [{"key": "remote", "value": "x"}]}}}
        bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": namespace}, "spec": spec})
        external(bench, namespace, {"name": "store"})
    await bench.settle()

    assert asked == ["remote", "remote"]


async def test_a_cluster_store_is_read_once_for_all_that_it_admits(bench: ExternalModule, asked: list[str]) -> None:
    bench.store("cluster", {"remote": "x"})
    for namespace in ("a", "b", "c"):
        external(bench, namespace, {"name": "cluster", "kind": "ClusterSecretStore"})
    await bench.settle()

    assert asked == ["remote"]
    assert {message(bench, each) for each in "abc"} == {"secret synced"}


async def test_who_is_admitted_no_longer_gets_not_even_what_was_just_read(
    bench: ExternalModule, asked: list[str]
) -> None:
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


@pytest.mark.parametrize(("place", "connected"), [({}, False), ({"namespace": "keys"}, True)])
async def test_a_kubeconfig_of_the_consumer_does_not_lead_a_cluster_store_to_the_node(
    bench: ExternalModule, place: Mapping[str, str], connected: bool
) -> None:
    """A cluster store may reach everything, but not where a tenant's kubeconfig says so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        config = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": f"https://127.0.0.1:{listening.getsockname()[1]}"}}],
            "users": [{"name": "u", "user": {"token": "canary"}}],
        }
        for namespace in ("ns", "keys"):
            body = {"apiVersion": "v1", "kind": "Secret", "data": encoded(config=yaml.safe_dump(config))}
            bench.put(SECRETS, body | {"metadata": {"name": "kubeconfig", "namespace": namespace}})
        reference = {"name": "kubeconfig", "key": "config", **place}
        spec = {"provider": {"kubernetes": {"remoteNamespace": "x", "authRef": reference}}}
        bench.put(CLUSTER_SECRET_STORES, {"metadata": {"name": "cluster"}, "spec": spec})
        external(bench, "ns", {"name": "cluster", "kind": "ClusterSecretStore"})
        settling = asyncio.create_task(bench.settle())
        seen = await asyncio.to_thread(_connected, listening, settling)
        await settling

    assert seen is connected
    assert connected or "external.egress_allowed" in message(bench, "ns")


def _connected(listening: socket.socket, settling: "asyncio.Task[None]") -> bool:
    """Wait until somebody connects, who is sent away, or until nobody will any more."""
    while not settling.done():
        if select.select([listening], [], [], 0.01)[0]:
            listening.accept()[0].close()
            return True
    return False
