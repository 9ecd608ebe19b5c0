"""ClusterPushSecrets: one PushSecret in every namespace they choose."""

from typing import Any

import pytest

from external.push_summaries import FINALIZER
from manager.core.errors import Forbidden
from manager.kube.resources import CLUSTER_PUSH_SECRETS, NAMESPACES, PUSH_SECRETS, SECRETS, Body
from tests.builders.external_module import ExternalModule
from tests.builders.external_objects import encoded
from tests.builders.push_provider import Remote, entry, install

TAKEN = "push secret already exists in namespace"
SPEC: Body = {
    "secretStoreRefs": [{"name": "cluster", "kind": "ClusterSecretStore"}],
    "selector": {"secret": {"name": "src"}},
    "data": [entry()],
}
ALL: Body = {"namespaceSelectors": [{}]}
READY = {"type": "Ready", "status": "True"}


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    return install(monkeypatch)


def cluster(bench: ExternalModule, meta: Any = None, **spec: Any) -> None:
    """Place a ClusterPushSecret `cps`."""
    whole = {"pushSecretSpec": SPEC, **spec}
    bench.put(CLUSTER_PUSH_SECRETS, {"metadata": {"name": "cps", **(meta or {})}, "spec": whole})


def made(bench: ExternalModule, namespace: str, name: str = "cps") -> Body | None:
    return bench.body(PUSH_SECRETS, name, namespace)


def status(bench: ExternalModule) -> dict[str, Any]:
    """Return the status without what is empty."""
    given = (bench.body(CLUSTER_PUSH_SECRETS, "cps") or {}).get("status") or {}
    return {name: value for name, value in given.items() if value}


async def test_every_chosen_namespace_gets_one_that_is_owned(bench: ExternalModule, remote: Remote) -> None:
    for name, labels in (("a", {"env": "prod"}), ("b", {"env": "dev"})):
        bench.namespace(name, **labels)
    selectors = [{"matchExpressions": [{"key": "env", "operator": "In", "values": ["prod"]}]}]
    cluster(bench, namespaceSelectors=selectors, pushSecretMetadata={"labels": {"l": "1"}, "annotations": {"n": "2"}})
    await bench.settle()

    found = made(bench, "a") or {}
    owner = found["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["controller"]) == ("ClusterPushSecret", True)
    assert owner["apiVersion"] == "external-secrets.io/v1alpha1"
    assert (found["metadata"]["labels"], found["metadata"]["annotations"]) == ({"l": "1"}, {"n": "2"})
    assert found["spec"] == SPEC
    assert made(bench, "b") is None
    assert status(bench) == {"conditions": [READY], "provisionedNamespaces": ["a"], "pushSecretName": "cps"}


async def test_a_foreign_one_is_left_until_it_is_gone(bench: ExternalModule, remote: Remote) -> None:
    bench.namespace("ns")
    theirs = bench.put(PUSH_SECRETS, {"metadata": {"name": "cps", "namespace": "ns"}, "spec": {"secretStoreRefs": []}})
    cluster(bench, **ALL)
    await bench.settle()
    assert (made(bench, "ns") or {})["spec"] == theirs["spec"]
    assert status(bench)["failedNamespaces"] == [{"namespace": "ns", "reason": TAKEN}]
    assert status(bench)["conditions"][0]["message"] == "one or more namespaces failed"

    bench.remove(PUSH_SECRETS, "cps")
    await bench.settle()
    assert (made(bench, "ns") or {})["spec"] == SPEC


async def test_a_namespace_that_is_deselected_loses_its_own(bench: ExternalModule, remote: Remote) -> None:
    bench.namespace("ns", env="prod")
    cluster(bench, namespaceSelectors=[{"matchLabels": {"env": "prod"}}])
    await bench.settle()
    bench.namespace("ns", env="dev")
    await bench.settle()

    assert made(bench, "ns") is None
    assert status(bench) == {"conditions": [READY], "pushSecretName": "cps"}


async def test_a_failed_namespace_is_tried_again(bench: ExternalModule, remote: Remote) -> None:
    bench.namespace("ns")
    bench.api.fail("create", Forbidden(403, "Forbidden", "create pushsecrets ns/cps"))
    cluster(bench, **ALL)
    await bench.settle()
    assert status(bench)["failedNamespaces"][0]["namespace"] == "ns"

    bench.pass_by(1)
    await bench.settle()
    assert status(bench)["provisionedNamespaces"] == ["ns"]


async def test_a_terminating_namespace_is_skipped(bench: ExternalModule, remote: Remote) -> None:
    bench.put(NAMESPACES, {"metadata": {"name": "ns", "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    cluster(bench, **ALL)
    await bench.settle()

    assert made(bench, "ns") is None
    assert status(bench)["conditions"] == [READY]


async def test_a_renamed_one_keeps_what_it_has_pushed(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new PushSecret claims the remote key before the old one goes, whose clean-up then leaves it."""
    bench.namespace("ns")
    bench.store("cluster")
    bench.put(SECRETS, {"metadata": {"name": "src", "namespace": "ns"}, "type": "Opaque", "data": encoded(k="v")})
    await bench.settle()
    spec = SPEC | {"deletionPolicy": "Delete"}
    cluster(bench, **ALL, pushSecretSpec=spec)
    await bench.settle()
    assert remote.text("remote") == "v"
    marked(bench, monkeypatch)

    bench.pass_by(1)
    cluster(bench, **ALL, pushSecretSpec=spec, pushSecretName="renamed")
    await bench.settle()

    assert made(bench, "ns", "cps") is None
    assert (remote.text("remote"), remote.owners["a", "remote"], remote.calls["delete"]) == ("v", "ns/renamed", 0)
    assert status(bench)["pushSecretName"] == "renamed"


def marked(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a delete of an object with a finalizer only mark it, and remove it when the finalizer goes."""
    delete, patch = bench.api.delete, bench.api.patch

    async def marks(key: Any, *, uid: str, version: str) -> None:
        body = bench.api.objects[key]
        if FINALIZER in (body["metadata"].get("finalizers") or ()):
            meta = body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:01Z"}
            bench.api.put(key.resource, body | {"metadata": meta})
        else:
            await delete(key, uid=uid, version=version)

    async def patches(key: Any, change: Any, **more: Any) -> Any:
        written = await patch(key, change, **more)
        if "deletionTimestamp" in written["metadata"] and not written["metadata"].get("finalizers"):
            del bench.api.objects[key]
        return written

    monkeypatch.setattr(bench.api, "delete", marks)
    monkeypatch.setattr(bench.api, "patch", patches)
