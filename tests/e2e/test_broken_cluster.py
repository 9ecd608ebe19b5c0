"""A cluster with twelve planted faults: what the commands say names each of them, with a cure, and no value."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from manager.cli.main import main
from tests.builders.manifests import (
    allowed,
    aws,
    aws_keys,
    canary,
    external_secret,
    push_secret,
    secret,
    service_account,
    store,
)
from tests.cluster.wait import wait_until
from tests.e2e.oracles import assert_nothing_leaked
from tests.e2e.world import World

STALE_CRD = "pushsecrets.external-secrets.io"
MakeCoffer = Callable[..., Any]
OUTPUTS: list[tuple[str, str]] = []


def coffer(world: World, *arguments: str) -> Result:
    done = CliRunner().invoke(main, [f"--kubeconfig={world.plane.kubeconfig}", *arguments], catch_exceptions=False)
    assert done.exit_code in {0, 1}, done.output
    OUTPUTS.append((" ".join(arguments), done.output))
    return done


def faults(world: World, kind: str, place: str) -> str:
    """Return what explain says of an object, problems with their cures."""
    found = json.loads(coffer(world, "explain", kind, place, "-o", "json").stdout)["items"][0]
    coffer(world, "explain", kind, place)
    return "\n".join(f"{each['about']}: {each['problem']} -> {each['cure']}" for each in found["faults"])


def findings(world: World, own: str) -> dict[str, list[dict[str, str]]]:
    """Return what the doctor finds, by area."""
    account = "--service-account=coffer"
    done = coffer(world, "doctor", f"--controller-namespace={own}", account, "-o", "json")
    coffer(world, "doctor", f"--controller-namespace={own}", account)
    found: dict[str, list[dict[str, str]]] = {}
    for each in json.loads(done.stdout)["items"][0]["findings"]:
        found.setdefault(each["area"], []).append(each)
    return found


class Ward:
    """The broken cluster."""

    def __init__(self, world: World, own: str) -> None:
        self.world, self.own = world, own
        self.app, self.values = world.namespace(), [canary() for _ in range(4)]
        self.remote = {name: f"{name}-{world.unique}" for name in ("good", "denied", "expired")}

    def plant_in_external(self) -> None:
        """Wrong key, wrong region, missing property, denied IAM, expired token, foreign Secret."""
        world, app, good = self.world, self.app, self.remote["good"]
        for name in self.remote.values():
            world.moto.client().create_secret(Name=name, SecretString=json.dumps({"url": self.values[0]}))
        world.moto.partial[self.remote["denied"]] = "AccessDeniedException"
        world.moto.partial[self.remote["expired"]] = "ExpiredTokenException"
        elsewhere = aws()
        elsewhere["aws"]["region"] = "eu-west-1"
        world.apply(
            secret(app, "aws-credentials", aws_keys()),
            store(app, "aws", aws()),
            store(app, "elsewhere", elsewhere),
            secret(app, "foreign", {"mine": self.values[1]}),
            external_secret(app, "wrong-key", "aws", {"A": f"god-{world.unique}"}),
            external_secret(app, "wrong-region", "elsewhere", {"A": good}),
            external_secret(app, "no-property", "aws", {"A": (good, "ulr")}),
            external_secret(app, "denied", "aws", {"A": self.remote["denied"], "B": good}),
            external_secret(app, "expired", "aws", {"A": self.remote["expired"], "B": good}),
            external_secret(app, "foreign", "aws", {"A": good}),
        )
        for name in ("wrong-key", "wrong-region", "no-property", "denied", "expired", "foreign"):
            world.await_condition("externalsecrets", app, name, "False")

    def plant_in_mirrors(self) -> tuple[str, str]:
        """Conflicting mirrors, and deletes that are paused; return the younger source and the withdrawn one."""
        world = self.world
        first, second, target = (world.namespace() for _ in range(3))
        targets = [world.namespace() for _ in range(6)]
        world.apply(secret(first, "shared", {"a": self.values[2]}, annotations=allowed(target, auto=target)))
        world.await_data(target, "shared", {"a": self.values[2]})
        wait_until(lambda: self._older(first))
        world.apply(secret(second, "shared", {"a": self.values[3]}, annotations=allowed(target, auto=target)))
        world.apply(secret(first, "many", {"a": self.values[2]}, annotations=allowed(",".join(targets), auto="")))
        for each in targets:
            world.await_data(each, "many", {"a": self.values[2]})
        withdrawn = allowed("nowhere", auto="nowhere")
        world.apply(secret(first, "many", {"a": self.values[2]}, annotations=withdrawn))
        return second, first

    def _older(self, namespace: str) -> bool:
        """Return True once the next object gets a later second as its creation time."""
        made = self.world.kube.get("secrets", "shared", namespace)["metadata"]["creationTimestamp"]
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": self.app, "generateName": "time-"}}
        return bool(self.world.kube.create(config)["metadata"]["creationTimestamp"] > made)

    def plant_around(self) -> str:
        """A missing role, a stale CRD, a second controller and a clock that is wrong; return that one's namespace."""
        world, skewed = self.world, self.world.namespace()
        role = world.kube.get("clusterroles", f"coffer-{self.own}")
        rules = [each for each in role["rules"] if "secretstores/status" not in each["resources"]]
        world.kube.patch("clusterroles", role["metadata"]["name"], None, {"rules": rules})
        crd = world.kube.get("customresourcedefinitions", STALE_CRD)
        versions = json.loads(json.dumps(crd["spec"]["versions"]))
        del versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["dataTo"]
        world.kube.patch("customresourcedefinitions", STALE_CRD, None, {"spec": {"versions": versions}})
        world.apply(service_account(skewed, "coffer"))
        now = world.kube.get("leases", "coffer", self.own)["spec"]["renewTime"]
        assert now
        spec = {"holderIdentity": "coffer-9", "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"}
        about = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        world.apply({**about, "metadata": {"namespace": skewed, "name": "coffer"}, "spec": spec})
        return skewed


@pytest.mark.timeout(400)
def test_each_of_twelve_faults_is_named_with_its_cure(arena: World, arena_coffer: MakeCoffer) -> None:
    arena_coffer("coffer-0", "--modules-deletes-per-minute=2")
    assert arena.coffer is not None
    own = arena.coffer.installation.namespace
    ward = Ward(arena, own)
    crd = arena.kube.get("customresourcedefinitions", STALE_CRD)
    try:
        _named(ward)
    finally:
        arena.kube.patch("customresourcedefinitions", STALE_CRD, None, {"spec": {"versions": crd["spec"]["versions"]}})
        wait_until(lambda: _serves_whole_schema(ward), what="the schema of PushSecrets as it was")
    assert_nothing_leaked(ward.values, OUTPUTS)


def _serves_whole_schema(ward: Ward) -> bool:
    """Return True if the API server takes the field that was missing; its storage is new then, too."""
    probe = push_secret(ward.app, "probe", "aws", {"k": "r"}, dataTo=[{"storeRef": {"name": "aws"}}])
    path = ward.world.kube.path("pushsecrets", ward.app, "")
    ward.world.kube.request("POST", f"{path.rstrip('/')}?dryRun=All&fieldValidation=Strict", probe)
    return True


def _named(ward: Ward) -> None:
    world, app = ward.world, ward.app
    ward.plant_in_external()
    said = {name: faults(world, "externalsecret", f"{app}/{name}") for name in ("wrong-key", "wrong-region", "denied")}
    said |= {name: faults(world, "es", f"{app}/{name}") for name in ("no-property", "expired", "foreign")}
    assert "looked in" in said["wrong-key"]
    assert "correct the remote key" in said["wrong-key"]
    assert "eu-west-1" in said["wrong-region"]
    assert "region" in said["wrong-region"].partition("->")[2]
    assert "ulr" in said["no-property"]
    assert "AccessDenied" in said["denied"]
    assert "allow the identity" in said["denied"]
    assert "ExpiredToken" in said["expired"]
    assert "put new ones into the Secret" in said["expired"]
    assert "exists that is not this ExternalSecret's" in said["foreign"]
    assert "coffer.dev/adopt" in said["foreign"]

    younger, _ = ward.plant_in_mirrors()
    assert "ConflictingSource" in faults(world, "secret", f"{younger}/shared")

    skewed = ward.plant_around()
    found = wait_until(
        lambda: findings(world, ward.own), lambda each: "deletes" in each, what="the Event about paused deletes"
    )
    assert "modules.deletes_per_minute" in found["deletes"][0]["cure"]
    assert any("secretstores/status" in each["problem"] for each in found["rights"])
    assert "helm upgrade" in found["rights"][0]["cure"]
    assert [each["about"] for each in found["crds"]] == [f"CustomResourceDefinition {STALE_CRD}"]
    assert "dataTo" in found["crds"][0]["problem"]
    assert f"coffer crds apply {STALE_CRD}" in found["crds"][0]["cure"]
    assert "2 installations of Coffer" in found["controllers"][0]["problem"]
    clock = findings(world, skewed)["clocks"]
    assert "behind the API server's" in clock[0]["problem"]
    assert "NTP" in clock[0]["cure"]

    status = coffer(world, "status", f"--controller-namespace={ward.own}")
    assert status.exit_code == 1
    assert f"ExternalSecret {app}/foreign" in status.stdout
    assert "deletes are paused: Secret" in status.stdout
