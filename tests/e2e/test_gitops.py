"""A GitOps tool that applies the examples again, after the controller has worked on them, changes nothing."""

import json
from pathlib import Path

import pytest
import yaml

from tests.builders.manifests import allowed, canary, sealed_secret, secret
from tests.cluster.kube import Object
from tests.cluster.moto import KEYS
from tests.e2e.world import World

EXAMPLES = Path(__file__).parents[2] / "examples"
CREDENTIALS, MIRROR = "aws-credentials", "rabbitmq-auth"
TRACKED = {"argocd.argoproj.io/tracking-id": "app:external-secrets.io/ExternalSecret:app/database-credentials"}


def example(name: str, namespace: str) -> Object:
    """Return an example, in a namespace of the test."""
    manifest: Object = yaml.safe_load((EXAMPLES / name).read_text())
    manifest["metadata"]["namespace"] = namespace
    return manifest


def committed(world: World, ns: str, source: str) -> list[Object]:
    """Return what a team commits for the story of the examples: everything but plain Secrets."""
    external_secret, mirror = example("external-secret.yaml", ns), example("rabbitmq-mirror.yaml", ns)
    external_secret["metadata"]["annotations"] = TRACKED
    mirror["metadata"]["annotations"] = dict.fromkeys(mirror["metadata"]["annotations"], f"{source}/{MIRROR}")
    values = example("aws-credentials.yaml", ns)["stringData"] | KEYS
    assert world.coffer
    sealed = sealed_secret(world.coffer.certificate(), ns, CREDENTIALS, values)
    return [sealed, example("secret-store.yaml", ns), external_secret, mirror]


def settled(world: World, ns: str, source: str, manifests: list[Object]) -> None:
    """Apply as Argo CD, and wait until every object has what it is for."""
    value = canary()
    remote = f"Codedang-Database-Secret-{world.unique}"
    manifests[2]["spec"]["data"][0]["remoteRef"]["key"] = remote
    world.moto.client().create_secret(Name=remote, SecretString=json.dumps({"url": value}))
    world.kube.apply(*manifests, manager="argocd-controller", force=False)
    world.apply(secret(source, MIRROR, {"password": value}, annotations=allowed(ns)))
    world.await_data(ns, "database-credentials", {"DATABASE_URL": value})
    world.await_data(ns, MIRROR, {"password": value})
    world.await_data(ns, CREDENTIALS, KEYS)


def wanted(each: Object) -> Object:
    """Return what a GitOps tool compares: all but what the API server and a controller write for themselves."""
    about = {
        name: value for name, value in each["metadata"].items() if name not in ("managedFields", "resourceVersion")
    }
    return {name: value for name, value in each.items() if name not in ("status", "metadata")} | {"metadata": about}


@pytest.mark.parametrize("manager", ["argocd-controller", "kustomize-controller", "helm"])
def test_applied_again_the_examples_show_no_difference_and_no_conflict(world: World, manager: str) -> None:
    ns, source = world.namespace(), world.namespace()
    manifests = committed(world, ns, source)
    settled(world, ns, source, manifests)
    before = [world.kube.get(f"{each['kind'].lower()}s", each["metadata"]["name"], ns) for each in manifests]

    after = world.kube.apply(*manifests, manager=manager, force=False)

    assert [wanted(each) for each in after] == [wanted(each) for each in before]


def test_a_target_carries_no_mark_by_which_a_tool_prunes(world: World) -> None:
    ns, source = world.namespace(), world.namespace()

    settled(world, ns, source, committed(world, ns, source))

    target = world.kube.get("secrets", "database-credentials", ns)
    assert not TRACKED.keys() & target["metadata"].get("annotations", {}).keys()
    assert world.kube.get("externalsecrets", "database-credentials", ns)["metadata"]["annotations"] == TRACKED
