"""Targets of any kind on the real API server: off by default; foreign objects are safe."""

from typing import Any

from tests.builders.manifests import canary, config_map, external_secret, fake, store
from tests.cluster.audit import Mark, Request
from tests.cluster.kube import Object, decoded
from tests.e2e.world import World

FLAGS = ("--external-generic-targets=true",)
VALUES = (
    "rbac.genericTargets[0].apiGroups[0]=",
    "rbac.genericTargets[0].resources[0]=configmaps",
    "rbac.genericTargets[1].apiGroups[0]=apps",
    "rbac.genericTargets[1].resources[0]=deployments",
)
MAP, DEPLOYMENT = {"apiVersion": "v1", "kind": "ConfigMap"}, {"apiVersion": "apps/v1", "kind": "Deployment"}
POD = """
replicas: 3
selector: {matchLabels: {app: a}}
template:
  metadata: {labels: {app: a}}
  spec: {containers: [{name: a, image: "registry/{{ .image }}"}]}
"""


def put(world: World, ns: str, called: str, manifest: Object, data: dict[str, Any], **target: Any) -> None:
    world.apply(external_secret(ns, called, "store", data, target={"manifest": manifest, **target}))


def await_map(world: World, ns: str, name: str, data: Object) -> Object:
    world.kube.wait_until(
        lambda: (world.kube.find("configmaps", name, ns) or {}).get("data"), lambda found: found == data, what=name
    )
    return world.kube.get("configmaps", name, ns)


def test_objects_of_any_kind_are_made_kept_and_removed(stage: World) -> None:
    ns, value = stage.namespace(), canary()
    stage.apply(store(ns, "store", fake({"remote": value, "image": "one"})), config_map(ns, "theirs", {"x": "1"}))
    spec = {"templateFrom": [{"target": "spec", "literal": POD}], "metadata": {"labels": {"l": "1"}}}
    put(stage, ns, "map", MAP, {"k": "remote"})
    put(stage, ns, "secret", {"apiVersion": "v1", "kind": "Secret"}, {"k": "remote"})
    put(stage, ns, "app", DEPLOYMENT, {"image": "image"}, template=spec)
    put(stage, ns, "theirs", MAP, {"k": "remote"})
    put(stage, ns, "joined", MAP, {"k": "remote"}, name="theirs", creationPolicy="Merge")
    put(stage, ns, "scoped", {"apiVersion": "v1", "kind": "Namespace"}, {"k": "remote"})
    put(stage, ns, "unknown", {"apiVersion": "example.com/v1", "kind": "Nothing"}, {"k": "remote"})
    put(
        stage, ns, "forbidden", {"apiVersion": "apps/v1", "kind": "DaemonSet"}, {"k": "remote"}, deletionPolicy="Delete"
    )
    put(stage, ns, "smuggled", {"apiVersion": "../../api/v1", "kind": "ConfigMap"}, {"k": "remote"})

    made = await_map(stage, ns, "map", {"k": value})
    assert made["metadata"]["ownerReferences"][0]["kind"] == "ExternalSecret"
    assert stage.await_ready("externalsecrets", ns, "map")["reason"] == "ResourceSynced"
    assert stage.await_event(ns, "map", "Created", "Created ConfigMap map")
    app = stage.kube.wait_until(lambda: stage.kube.find("deployments", "app", ns)) or {}
    assert (app["spec"]["replicas"], app["metadata"]["labels"]["l"]) == (3, "1")
    assert app["spec"]["template"]["spec"]["containers"][0]["image"] == "registry/one"
    secret = stage.kube.wait_until(lambda: stage.kube.find("secrets", "secret", ns)) or {}
    assert decoded(secret) == {"k": value}
    await_map(stage, ns, "theirs", {"x": "1", "k": value})
    stage.await_condition("externalsecrets", ns, "theirs", "False", text="hand it over with the annotation")
    stage.await_condition("externalsecrets", ns, "scoped", "False", text="outside of namespaces")
    stage.await_condition("externalsecrets", ns, "unknown", "False", text="serves no Nothing of example.com/v1")
    stage.await_condition("externalsecrets", ns, "forbidden", "False", text="rbac.genericTargets")
    stage.await_condition("externalsecrets", ns, "smuggled", "False", text="needs apiVersion and kind")

    for kind, name, patch in (
        ("configmaps", "map", {"data": {"k": "edited"}}),
        ("deployments", "app", {"spec": {"replicas": 9}}),
    ):
        stage.kube.patch(kind, name, ns, patch)
        stage.kube.wait_until(lambda kind=kind, name=name: whole(stage, kind, name, ns, value))
    for kind, name in (("configmaps", "map"), ("deployments", "app")):
        stage.kube.delete("externalsecrets", name, ns)
        stage.await_gone(kind, ns, name)
    for name in ("joined", "forbidden"):
        stage.kube.delete("externalsecrets", name, ns)
    stage.await_gone("externalsecrets", ns, "forbidden")
    assert stage.kube.get("configmaps", "theirs", ns)["data"]["x"] == "1"


def whole(stage: World, kind: str, name: str, ns: str, value: str) -> bool:
    found = stage.kube.get(kind, name, ns)
    return bool(found["data"] == {"k": value} if kind == "configmaps" else found["spec"]["replicas"] == 3)


def test_fields_that_others_add_cause_no_write(stage: World) -> None:
    """Others are the API server with its defaults and other field managers."""
    ns, user = stage.namespace(), stage.coffer.installation.user if stage.coffer else ""
    spec = {"templateFrom": [{"target": "spec", "literal": POD}]}
    stage.apply(store(ns, "store", fake({"image": "one"})))
    put(stage, ns, "app", DEPLOYMENT, {"image": "image"}, template=spec, deletionPolicy="Delete")
    stage.await_ready("externalsecrets", ns, "app")

    mark = stage.mark()
    for at in range(1, 10):
        stage.kube.patch("deployments", "app", ns, {"status": {"observedGeneration": at}}, "status")
        stage.kube.wait_until(lambda at=at: looked_at(stage, ns, user, mark) >= at)
    stage.kube.patch("deployments", "app", ns, {"spec": {"revisionHistoryLimit": 3}})
    stage.kube.wait_until(lambda: looked_at(stage, ns, user, mark) >= 10)

    stage.kube.patch("deployments", "app", ns, {"spec": {"replicas": 9}})
    stage.kube.wait_until(lambda: stage.kube.get("deployments", "app", ns)["spec"]["replicas"] == 3)
    wanted = [("update", "deployments")]
    stage.kube.wait_until(lambda: [(each.verb, each.resource) for each in written(stage, ns, user, mark)] == wanted)
    assert stage.condition("externalsecrets", ns, "app")["status"] == "True"


def looked_at(world: World, ns: str, user: str, mark: Mark) -> int:
    asked = [each for each in world.audit.requests(mark, user=user) if each.namespace == ns and each.name == "app"]
    return sum(each.resource == "deployments" and each.verb == "get" for each in asked)


def written(world: World, ns: str, user: str, mark: Mark) -> list[Request]:
    found = world.audit.writes(mark, user=user, ignoring=["events"])
    return [each for each in found if each.namespace == ns and not each.subresource]


def test_deletion_policy_delete_removes_only_what_is_ours(stage: World) -> None:
    """Only after the provider says that the key does not exist."""
    ns, value = stage.namespace(), canary()
    stage.apply(store(ns, "store", fake({"remote": value})))
    put(stage, ns, "map", MAP, {"k": "remote"}, deletionPolicy="Delete")
    await_map(stage, ns, "map", {"k": value})

    stage.kube.patch("secretstores", "store", ns, {"spec": {"provider": fake({"other": "x"})}})

    stage.await_gone("configmaps", ns, "map")
    stage.await_condition("externalsecrets", ns, "map", "True", text="ResourceDeleted")


def test_they_are_off_by_default(world: World) -> None:
    ns = world.namespace()
    world.apply(store(ns, "store", fake({"remote": canary()})))

    put(world, ns, "map", MAP, {"k": "remote"})

    world.await_condition("externalsecrets", ns, "map", "False", text="external.generic_targets")
    assert world.kube.find("configmaps", "map", ns) is None
