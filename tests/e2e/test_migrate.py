"""A cluster moves from the originals to Coffer and back with the printed commands only, and nothing is rewritten.

One scene on one cluster of its own, because CRDs come and go. The originals' charts are doubles (see
`original_charts.py`); helm, kubectl and the API server are real, and the originals' objects are those that the
originals leave. No images run here: this harness plays the kubelet, and runs Coffer where its Deployment is.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.builders.manifests import CANARIES, allowed, canary, secret
from tests.cluster import build
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Object
from tests.cluster.moto import Moto
from tests.cluster.wait import wait_until
from tests.controller import CHART, Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY, finish
from tests.e2e.oracles import assert_nothing_leaked
from tests.e2e.original_charts import write_charts
from tests.e2e.test_external_takeover import leave, place, reads
from tests.e2e.test_sealed_takeover import key_of_the_original, left_by_the_original
from tests.e2e.test_upgrade import left_behind
from tests.e2e.world import World

FEW, MANY = 20, 200
"""Objects of each original: what `make test` moves, and `make soak`."""
HOME = "kube-system"
RELEASES = {"sealed": "sealed-secrets-controller", "external": "external-secrets", "reflector": "reflector"}
KEEP = "helm.sh/resource-policy"
TRACKED = {"argocd.argoproj.io/tracking-id": "secrets:apiextensions.k8s.io/CustomResourceDefinition:x"}
CRD = "sealedsecrets.bitnami.com"


class Installed(Installation):
    """What `helm install` made, and not this harness."""

    def _create(self) -> None:
        """Make nothing."""


@dataclass
class Scene:
    """The cluster, and who would run in it."""

    world: World
    folder: Path
    charts: dict[str, Path]
    count: int
    """Objects of each original."""
    namespaces: dict[str, str] = field(default_factory=dict)
    coffer: Coffer | None = None
    said: list[str] = field(default_factory=list)
    """Everything that commands printed, to search it for values."""

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a user's shell does."""
        programs = [Path(sys.executable).parent, *{build.binary(each).parent for each in ("helm", "kubectl")}]
        path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
        places = {f"HELM_{each}_HOME": str(self.folder / each) for each in ("CACHE", "CONFIG", "DATA")}
        environment = {**os.environ, "PATH": path, **places, "KUBECONFIG": str(self.world.plane.kubeconfig)}
        bash = ["bash", "-ec", command]
        done = subprocess.run(
            bash, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        self.said += [done.stdout, done.stderr]
        return done

    def must(self, command: str) -> str:
        """Run a command that must work; then let Pods follow."""
        done = self.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        self.kubelet()
        return done.stdout

    def kubelet(self) -> None:
        """Make Deployments look as their Pods would, and run Coffer where it is installed."""
        deployments = {each["metadata"]["name"]: each for each in self.world.kube.list("deployments", HOME)}
        for name, each in deployments.items():
            ready = each["spec"]["replicas"]
            if name != "coffer" and (each.get("status") or {}).get("readyReplicas", 0) != ready:
                status = {"status": {"replicas": ready, "readyReplicas": ready}}
                self.world.kube.patch("deployments", name, HOME, status, subresource="status")
        if "coffer" in deployments and self.coffer is None:
            installed = Installed(self.world.plane, self.world.kube, namespace=HOME)
            flags = [SMALL_KEY, *QUICK, "--process-sweep-interval=2"]
            self.coffer = Coffer(installed, flags=flags, environment=self.world.moto.environment())
            self.coffer.start()
            self.coffer.wait_ready()
        elif "coffer" not in deployments and self.coffer is not None:
            finish(self.coffer)
            self.coffer = None

    def migrate(self, words: str) -> subprocess.CompletedProcess[str]:
        """Run `coffer migrate`."""
        return self.run(f"coffer migrate {words}")

    def check(self) -> tuple[int, list[Object]]:
        """Return the exit code and the findings of a check."""
        done = self.migrate("check -o json")
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, json.loads(done.stdout)["items"]

    def versions(self) -> dict[tuple[str, str, str], tuple[str, str]]:
        """Return uid and resourceVersion of every Secret in the namespaces of the scene."""
        found = [each["metadata"] for ns in self.namespaces.values() for each in self.world.kube.list("secrets", ns)]
        return {("Secret", each["namespace"], each["name"]): (each["uid"], each["resourceVersion"]) for each in found}

    def taken_over(self, module: str) -> None:
        """Wait until a module works and has looked at every object once."""
        coffer = self.coffer
        assert coffer is not None
        observing = f'coffer_module_observing{{module="{module}"}}'
        wait_until(lambda: coffer.metrics().get(observing) == 0, timeout=40, what=f"{module} to take over")
        seen = {
            "sealed": partial(coffer.metric, "coffer_reconcile_total", 'controller="sealed"'),
            "external": partial(coffer.metric, "coffer_reconcile_total", 'controller="external"'),
            "reflector": partial(
                coffer.metric, "coffer_api_requests_total", 'resource="secrets",status="200",verb="get"'
            ),
        }
        wait_until(lambda: seen[module]() >= self.count, timeout=60, what=f"{module} to look at every object")


def fill(scene: Scene) -> None:
    """Leave 200 objects of each original, as the originals leave them."""
    world, namespaces = scene.world, scene.namespaces
    key, certificate = key_of_the_original(HOME, "sealed-secrets-key1", 1)
    world.apply(key)
    namespaces["sealed"], value, now = world.namespace(), canary(), datetime.now(UTC)
    world.moto.client().create_secret(Name="remote", SecretString=value)
    namespaces["external"], namespaces["sources"] = place(world, "AKIAMIGRATE"), world.namespace()
    namespaces["mirrors"] = world.namespace("mirrors")
    auto = allowed(auto=namespaces["mirrors"])
    names = [f"{world.unique}-{at}" for at in range(scene.count)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: left_by_the_original(world, namespaces["sealed"], name, certificate), names))
        list(pool.map(partial(leave, world, namespaces["external"], value, now), range(scene.count)))
        sources = pool.map(
            lambda name: world.apply(secret(namespaces["sources"], name, {"k": value}, annotations=auto))[0], names
        )
        mirrors = [left_behind(each, namespaces["mirrors"], at) for at, each in enumerate(sources)]
        list(pool.map(world.kube.create, mirrors))


@pytest.fixture(params=[FEW, pytest.param(MANY, marks=pytest.mark.soak)])
def scene(request: pytest.FixtureRequest, tmp_path: Path, moto: Moto) -> Iterator[Scene]:
    """A cluster that runs the three originals."""
    with ControlPlane() as plane, closing(plane.client()) as kube:
        scene = Scene(World(plane, kube, moto), tmp_path, write_charts(tmp_path / "charts"), request.param)
        for module, release in RELEASES.items():
            values = "--set webhook.create=false" if module == "external" else ""  # nothing would answer it here
            scene.must(f"helm install {release} {scene.charts[module]} -n {HOME} {values}")
        plane.restart_controllers()  # the garbage collector notices the new kinds now
        fill(scene)
        scene.must(
            f"helm upgrade {RELEASES['external']} {scene.charts['external']} -n {HOME} --set webhook.create=true"
        )
        yield scene
        if scene.coffer is not None:
            finish(scene.coffer)
        assert_nothing_leaked(CANARIES, ((f"output {at}", text) for at, text in enumerate(scene.said)))


def planned(scene: Scene) -> list[Object]:
    charts = " ".join(f"--original-chart {module}={chart}" for module, chart in scene.charts.items())
    done = scene.migrate(f"plan -o json --chart {CHART} {charts}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["items"]


def carry_out(scene: Scene, steps: list[Object], phase: str) -> None:
    """Run the printed commands of one phase, each as it stands."""
    for step in steps:
        if step["phase"] == phase and step["command"]:
            scene.must(step["command"])
            if " scale " in step["command"]:
                scene.taken_over(step["module"])


def blocking(findings: list[Object]) -> dict[str, str]:
    return {each["name"]: each["why"] for each in findings if each["mustBeCured"]}


@pytest.mark.timeout(900)
def test_a_cluster_moves_over_and_back_with_the_printed_commands(scene: Scene) -> None:
    code, found = scene.check()
    verdicts = Counter((each["kind"], each["verdict"]) for each in found if each.get("verdict"))
    assert code == 1
    assert verdicts == {
        ("SealedSecret", "nothing"): scene.count,
        ("ExternalSecret", "nothing"): scene.count,
        ("SecretStore", "nothing"): 1,
        ("Secret", "nothing"): 2 * scene.count,
    }, "sources and mirrors are Secrets"
    crds = {each["metadata"]["name"] for each in scene.world.kube.list("customresourcedefinitions")}
    assert blocking(found).keys() == {name for name in crds if name.endswith("external-secrets.io")}
    assert all("helm uninstall" in why for why in blocking(found).values())

    before, mark = scene.versions(), scene.world.mark()
    assert len(before) == 4 * scene.count + 1, "sealed, synced, sources, mirrors, and the credentials of the store"
    steps = planned(scene)

    carry_out(scene, steps, "move")

    assert scene.coffer is not None
    user = scene.coffer.installation.user
    assert [str(each) for each in scene.world.writes(user) if each.resource in ("secrets", "configmaps")] == []
    assert reads(scene.world, "AKIAMIGRATE") == []
    assert scene.versions() == before
    assert [
        each
        for each in scene.world.audit.writes(mark)
        if each.verb == "delete" and each.resource == "secrets" and each.namespace in scene.namespaces.values()
    ] == []
    names = {each["metadata"]["name"] for each in scene.world.kube.list("deployments", HOME)}
    assert names == {"coffer"}, "the originals are uninstalled"
    assert scene.world.kube.find("services", "sealed-secrets-controller", HOME) is not None

    carry_out(scene, steps, "back")

    names = {each["metadata"]["name"] for each in scene.world.kube.list("deployments", HOME)}
    assert names == {*RELEASES.values(), "external-secrets-webhook", "external-secrets-cert-controller"}
    assert scene.versions() == before
    cascades(scene)


def cascades(scene: Scene) -> None:
    """Delete CRDs as tools do, with and without keep; what `check` said comes true."""
    kube, stores = scene.world.kube, "clustersecretstores.external-secrets.io"
    kube.annotate("customresourcedefinitions", CRD, None, {**TRACKED, KEEP: "keep"})
    prune(scene, CRD)
    assert kube.find("customresourcedefinitions", CRD) is not None

    kube.annotate("customresourcedefinitions", CRD, None, {KEEP: None})
    chart = scene.charts["external"]
    scene.must(f"helm upgrade external-secrets {chart} -n {HOME} --reset-values --set webhook.create=false")
    kube.annotate("customresourcedefinitions", stores, None, {KEEP: "keep"})  # on the object, and not in the release
    told = blocking(scene.check()[1])
    assert "Argo CD" in told[CRD]
    assert "helm uninstall" in told[stores]

    prune(scene, CRD)
    scene.must(f"helm uninstall external-secrets -n {HOME}")
    wait_until(
        lambda: not [each for each in scene.versions() if each[1] == scene.namespaces["sealed"]],
        timeout=60,
        what="garbage collection of the Secrets of pruned SealedSecrets",
    )
    done = scene.migrate("verify before.json")
    assert done.returncode == 1
    lost = [line for line in done.stdout.splitlines() if line.startswith("!  lost")]
    assert f"!  lost  CustomResourceDefinition {CRD}" in lost
    assert f"!  lost  CustomResourceDefinition {stores}" in lost
    assert f"!  lost  SecretStore {scene.namespaces['external']}/store" in lost
    assert sum(f"Secret {scene.namespaces['sealed']}/" in line for line in lost) == scene.count * 2, "and their Secrets"


def prune(scene: Scene, name: str) -> None:
    """Do what Argo CD does with an object that is no longer in Git: delete it unless an annotation keeps it."""
    found: Any = scene.world.kube.get("customresourcedefinitions", name)
    if found["metadata"]["annotations"].get(KEEP) != "keep":
        scene.world.kube.delete_crds(name)
