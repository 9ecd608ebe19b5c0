"""Stores: which namespaces may use one, when it is ready, and what waits for it."""

import json

import pytest

from tests.builders.manifests import canary, external_secret, fake, meta, store
from tests.cluster.kube import Object
from tests.e2e.world import World


@pytest.mark.parametrize("kind", ["secretstores", "clustersecretstores"])
def test_the_originals_finalizer_blocks_no_stores_deletion(world: World, kind: str) -> None:
    ns = world.namespace()
    place = ns if kind == "secretstores" else ""
    manifest = store(place, ns, fake({}))
    manifest["metadata"]["finalizers"] = ["secretstore.externalsecrets.io/finalizer"]
    world.apply(manifest)
    world.await_ready(kind, place, ns)

    world.kube.delete(kind, ns, place)

    world.await_gone(kind, place, ns)


def test_nobody_polls_for_a_store_that_is_not_there(world: World) -> None:
    ns, value = world.namespace(), canary()
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}))
    world.await_condition("externalsecrets", ns, "app", "False", text="store")

    world.apply(store(ns, "store", fake({"remote": value})))

    world.await_data(ns, "app", {"password": value}, timeout=8)
    world.await_ready("externalsecrets", ns, "app")


def test_a_store_of_another_controller_class_is_left_alone(world: World) -> None:
    ns = world.namespace()
    world.apply(store(ns, "theirs", fake({"remote": "x"}), controller="another"))
    world.apply(external_secret(ns, "theirs", "theirs", {"password": "remote"}))
    world.apply(store(ns, "store", fake({"remote": "x"}), controller="default"))
    world.apply(external_secret(ns, "ours", "store", {"password": "remote"}))

    world.await_ready("externalsecrets", ns, "ours")
    assert world.condition("secretstores", ns, "theirs") == {}
    assert world.data(ns, "theirs") is None
    assert world.condition("externalsecrets", ns, "theirs").get("status") != "True"


@pytest.mark.parametrize(
    ("conditions", "admitted"),
    [
        ([], True),
        ([{"namespaces": ["elsewhere"]}], False),
        ([{"namespaces": ["elsewhere"]}, {"namespaces": ["{namespace}"]}], True),
        ([{"namespaceSelector": {"matchLabels": {"team": "a"}}}], True),
        ([{"namespaceSelector": {"matchLabels": {"team": "a", "stage": "prod"}}}], False),
        ([{"namespaceSelector": {"matchLabels": {"team": "b"}}}, {"namespaceRegexes": ["test-.*"]}], True),
        ([{"namespaceRegexes": ["est-"]}], False),
        ([{"namespaceRegexes": ["("]}], False),
    ],
)
def test_a_cluster_store_admits_whom_its_conditions_name(
    world: World, conditions: list[Object], admitted: bool
) -> None:
    ns, value = world.namespace(team="a"), canary()
    here = json.loads(json.dumps(conditions).replace("{namespace}", ns))
    world.apply(store("", ns, fake({"remote": value}), conditions=here))
    try:
        world.apply(external_secret(ns, "app", f"cluster/{ns}", {"password": "remote"}))
        if admitted:
            world.await_data(ns, "app", {"password": value})
        else:
            world.await_condition("externalsecrets", ns, "app", "False", text="not allowed")
            assert world.data(ns, "app") is None
    finally:
        world.kube.delete("clustersecretstores", ns)


def test_a_provider_that_is_not_served_is_stored_and_named(world: World) -> None:
    ns = world.namespace()
    spec = {"oracle": {"region": "r", "vault": "v", "principalType": "Workload"}}
    world.apply(
        {"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": meta(ns, "oracle")}
        | {"spec": {"provider": spec}}
    )
    generated = [{"sourceRef": {"generatorRef": {"kind": "Grafana", "name": "x"}}}]
    world.apply(external_secret(ns, "app", "oracle", {}, dataFrom=generated))

    world.await_condition("secretstores", ns, "oracle", "False", text="oracle")
    assert world.kube.get("secretstores", "oracle", ns)["spec"]["provider"] == spec
    world.await_condition("externalsecrets", ns, "app", "False", text="generatorRef")
