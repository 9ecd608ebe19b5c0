"""ClusterExternalSecrets on the real API server."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.builders.manifests import canary, external_secret, fake, store
from tests.cluster.kube import Object
from tests.e2e.world import World

KIND = "clusterexternalsecrets"
READY = [{"type": "Ready", "status": "True"}]


@pytest.fixture
def spread(world: World) -> Iterator[World]:
    """The world; ClusterExternalSecrets with its name are deleted at the end."""
    yield world
    for each in world.kube.list(KIND):
        if world.unique in each["metadata"]["name"]:
            world.kube.delete(KIND, each["metadata"]["name"])
    for ns in world.namespaces:
        world.kube.wait_until(
            lambda ns=ns: not [each for each in world.kube.list("externalsecrets", ns) if owned(each)]
        )


def owned(found: Object) -> bool:
    return any(each["kind"] == "ClusterExternalSecret" for each in found["metadata"].get("ownerReferences", ()))


def cluster(world: World, name: str, **spec: Any) -> Object:
    """Return a ClusterExternalSecret of this test that reads `remote` from a store `store`."""
    inner = external_secret("", "", "store", {"key": "remote"})["spec"]
    about = {"apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret"}
    return {**about, "metadata": {"name": f"{name}-{world.unique}"}, "spec": {"externalSecretSpec": inner, **spec}}


def status(world: World, made: Object) -> Object:
    found: Object = world.kube.get(KIND, made["metadata"]["name"]).get("status", {})
    return found


def await_status(world: World, made: Object, **wanted: Any) -> None:
    """Wait for exactly this status; `conditions` is READY unless told otherwise."""
    whole = {"conditions": READY, "externalSecretName": made["metadata"]["name"], **wanted}
    world.kube.wait_until(partial(status, world, made), lambda found: found == whole, what=f"the status {whole}")


def test_it_follows_its_namespaces_and_deletes_only_its_own(spread: World) -> None:
    world, value = spread, canary()
    team = {f"team{world.unique}": "a"}
    one, two = world.namespace(**team), world.namespace()
    for ns in (one, two):
        world.apply(store(ns, "store", fake({"remote": value})))
    theirs = external_secret(two, "shared", "store", {"key": "remote"}, target={"name": "theirs"})
    world.apply(theirs)
    selector = {"matchLabels": team}
    [made] = world.apply(
        cluster(
            world, "app", namespaceSelectors=[selector], externalSecretName="shared",
            externalSecretMetadata={"labels": {"l": "1"}, "annotations": {"n": "1"}},
        )
    )  # fmt: skip
    name = made["metadata"]["name"]
    await_status(world, made, externalSecretName="shared", provisionedNamespaces=[one])
    copy = world.kube.get("externalsecrets", "shared", one)
    assert (copy["metadata"]["labels"], copy["metadata"]["annotations"]) == ({"l": "1"}, {"n": "1"})
    world.await_data(one, "shared", {"key": value})

    world.kube.patch("namespaces", two, None, {"metadata": {"labels": team}})
    taken = [{"namespace": two, "reason": "external secret already exists in namespace"}]
    failed = [{"type": "Ready", "status": "False", "message": "one or more namespaces failed"}]
    await_status(
        world, made, externalSecretName="shared", provisionedNamespaces=[one], failedNamespaces=taken, conditions=failed
    )
    world.kube.delete("externalsecrets", "shared", two)
    await_status(world, made, externalSecretName="shared", provisionedNamespaces=sorted([one, two]))

    world.kube.annotate(KIND, name, None, {"external-secrets.io/force-sync": "1"})
    world.kube.patch(KIND, name, None, {"spec": {"externalSecretSpec": {"refreshInterval": "30m"}}})

    def followed() -> bool:
        found = [world.kube.get("externalsecrets", "shared", ns) for ns in (one, two)]
        return all(
            each["spec"]["refreshInterval"] == "30m"
            and each["metadata"]["annotations"] == {"n": "1", "external-secrets.io/force-sync": "1"}
            for each in found
        )

    world.kube.wait_until(followed)
    world.kube.annotate(KIND, name, None, {"external-secrets.io/force-sync": None})
    world.kube.wait_until(
        lambda: world.kube.get("externalsecrets", "shared", two)["metadata"]["annotations"] == {"n": "1"}
    )

    world.kube.patch("namespaces", two, None, {"metadata": {"labels": {f"team{world.unique}": None}}})
    world.await_gone("externalsecrets", two, "shared")
    world.kube.patch(KIND, name, None, {"spec": {"externalSecretName": "renamed"}})
    await_status(world, made, externalSecretName="renamed", provisionedNamespaces=[one])
    world.await_gone("externalsecrets", one, "shared")
    world.kube.get("externalsecrets", "renamed", one)

    world.kube.delete(KIND, name)
    world.await_gone("externalsecrets", one, "renamed")


def test_which_namespaces_are_chosen(spread: World) -> None:
    world = spread
    label = f"part{world.unique}"
    one, two, three = (world.namespace(**{label: each}) for each in ("x", "y", "z"))
    absent = f"absent-{world.unique}"
    table: dict[str, tuple[Object, list[str]]] = {
        "none": ({"namespaceSelectors": [{"matchLabels": {label: "nobody"}}]}, []),
        "single": ({"namespaceSelector": {"matchLabels": {label: "x"}}}, [one]),
        "either": ({"namespaceSelectors": [{"matchLabels": {label: each}} for each in "xz"]}, [one, three]),
        "expression": (
            {"namespaceSelectors": [{"matchExpressions": [{"key": label, "operator": "In", "values": ["y", "z"]}]}]},
            [two, three],
        ),
        "named": ({"namespaces": [two, absent]}, [two]),
        "both": ({"namespaces": [two], "namespaceSelector": {"matchLabels": {label: "x"}}}, [one, two]),
    }
    made = {name: world.apply(cluster(world, name, **chosen))[0] for name, (chosen, _) in table.items()}

    for name, (_, where) in table.items():
        await_status(world, made[name], **({"provisionedNamespaces": sorted(where)} if where else {}))


def test_what_the_original_left_hangs_nowhere(spread: World) -> None:
    """The original puts finalizers on the object and on namespaces, also on those that are no longer selected."""
    world = spread
    ns = world.namespace()
    manifest = cluster(world, "left", namespaces=[ns])
    name = manifest["metadata"]["name"]
    manifest["metadata"]["finalizers"] = ["externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"]
    world.kube.patch(
        "namespaces", ns, None, {"metadata": {"finalizers": [f"externalsecrets.external-secrets.io/ces-{name}"]}}
    )
    [made] = world.apply(manifest)
    await_status(world, made, provisionedNamespaces=[ns])
    other = world.namespace()
    stranded = "externalsecrets.external-secrets.io/ces-gone-long-ago"
    world.kube.patch("namespaces", other, None, {"metadata": {"finalizers": [stranded]}})

    world.kube.delete("namespaces", other)
    world.kube.delete(KIND, name)

    def let_go(namespace: str) -> bool:
        found = world.kube.find("namespaces", namespace)
        return found is None or not found["metadata"].get("finalizers")

    world.kube.wait_until(lambda: not world.kube.find(KIND, name), what="the object to go")
    for namespace in (ns, other):
        world.kube.wait_until(partial(let_go, namespace), what="the finalizer to go")
