"""The chart, installed once by real helm; and a module beside a running original."""

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.builders.manifests import allowed, canary, sealed_secret, secret
from tests.cluster import build
from tests.cluster.controlplane import ControlPlane
from tests.cluster.wait import wait_until
from tests.controller import CHART
from tests.e2e.world import World


def helm(plane: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(build.binary("helm")), f"--kubeconfig={plane.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_helm_installs_one_release_and_refuses_a_second(arena: World) -> None:
    first, second = arena.namespace("first"), arena.namespace("second")
    try:
        done = helm(arena.plane, "install", "coffer", str(CHART), f"--namespace={first}")
        assert done.returncode == 0, done.stderr
        assert f"--controller-namespace {first}" in done.stdout
        deployment = arena.kube.get("deployments", "coffer", first)
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "coffer"

        refused = helm(arena.plane, "install", "again", str(CHART), f"--namespace={second}")

        assert refused.returncode != 0
        assert 'ClusterRole "coffer' in refused.stderr
        assert arena.kube.find("deployments", "coffer", second) is None
    finally:
        helm(arena.plane, "uninstall", "coffer", f"--namespace={first}")
    assert arena.kube.find("clusterroles", "coffer") is None


def running(arena: World, namespace: str, name: str) -> None:
    """Create a running Deployment with an original's labels."""
    labels = {"app.kubernetes.io/name": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "r", "image": "r"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    arena.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    status = {"status": {"readyReplicas": 1, "replicas": 1}}
    arena.kube.patch("deployments", name, namespace, status, subresource="status")


def allow_everywhere(arena: World, namespace: str) -> Callable[[], object]:
    """Give a namespace's ServiceAccount an original's rights; return a function that removes them."""
    api, group = "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
    metadata = {"name": f"original-{namespace}"}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    ref = {"apiGroup": group, "kind": "ClusterRole", "name": metadata["name"]}
    arena.apply(
        {"apiVersion": api, "kind": "ClusterRole", "metadata": metadata, "rules": [rule]},
        {"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": metadata, "roleRef": ref, "subjects": [subject]},
    )
    return lambda: [arena.kube.delete(kind, metadata["name"]) for kind in ("clusterrolebindings", "clusterroles")]


@pytest.fixture
def with_rights(arena: World) -> Iterator[str]:
    """A namespace whose ServiceAccount may create Secrets everywhere."""
    namespace = arena.namespace("original")
    take_away = allow_everywhere(arena, namespace)
    yield namespace
    take_away()


def test_beside_a_live_original_a_module_only_observes(arena: World, arena_coffer: Any, with_rights: str) -> None:
    """A tenant's Deployment with an original's labels stops nothing: it lacks the rights."""
    ns, pushed = with_rights, arena.namespace("pushed")
    running(arena, ns, "reflector")
    running(arena, arena.namespace("tenant"), "sealed-secrets")
    value = canary()
    arena.apply(secret(ns, "shared", {"key": value}, annotations=allowed(auto=f"{pushed}")))

    coffer = arena_coffer("coffer-0", "--process-sweep-interval=1")
    coffer.wait_leading()

    observing = 'coffer_module_observing{module="reflector"}'

    def observes() -> None:
        wait_until(lambda: coffer.metrics().get(observing) == 1, timeout=10, what="the reflector to observe")

    observes()
    assert coffer.metrics()['coffer_module_observing{module="sealed"}'] == 0
    assert arena.data(pushed, "shared") is None
    assert any(f"{ns}/reflector" in str(line.get("original")) for line in coffer.lines())

    arena.kube.delete("deployments", "reflector", ns)

    wait_until(lambda: arena.data(pushed, "shared") == {"key": value}, timeout=30, what="the reflector to take over")
    assert coffer.metrics()[observing] == 0

    running(arena, ns, "reflector")  # it may be scaled up at any time
    observes()
    later, sealed = canary(), {"password": canary()}
    arena.kube.patch("secrets", "shared", ns, {"stringData": {"key": later}})
    wait_until(lambda: coffer.metric("coffer_queue_depth", 'controller="reflector",state="queued"'), timeout=10)
    arena.apply(sealed_secret(arena.certificate, ns, "sealed", sealed))
    arena.await_data(ns, "sealed", sealed)
    assert arena.data(pushed, "shared") == {"key": value}, "the other modules go on, this one does not"

    arena.kube.delete("deployments", "reflector", ns)
    arena.await_data(pushed, "shared", {"key": later}, timeout=30)
