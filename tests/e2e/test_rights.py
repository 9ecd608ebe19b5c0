"""Coffer has exactly the rights that it uses: compares the audit log with the chart's rules."""

from collections.abc import Iterator
from typing import Any

from external.cluster_external_secrets.plan import FINALIZER as CLUSTER_FINALIZER
from external.cluster_external_secrets.plan import NAMESPACE_FINALIZER
from external.generators.registry import KINDS
from external.summaries import STORE_FINALIZER as FINALIZER
from tests.builders.manifests import (
    allowed,
    aws_by_account,
    canary,
    config_map,
    external_secret,
    fake,
    generated,
    generator,
    push_secret,
    reflects,
    sealed_secret,
    secret,
    service_account,
    store,
)
from tests.cluster.audit import Request
from tests.cluster.kube import Object
from tests.controller import Coffer, Installation
from tests.doubles.gitlab import GitLab
from tests.e2e.story import Story
from tests.e2e.world import World

FLAGS = ("--process-sweep-interval=5",)
ASKED_BY_ADMISSION = {
    ("", "external-secrets.io", f"{kind}/finalizers", "update")
    for kind in ("externalsecrets", "clusterexternalsecrets", "clusterpushsecrets")
}
"""The admission plugin OwnerReferencesPermissionEnforcement checks it when a target blocks its owner's deletion."""

ASKED_BESIDE_AN_ORIGINAL = {("", "authorization.k8s.io", "subjectaccessreviews", "create")}
"""Used for a Deployment that looks like an original; some of test_chart.py may still exist."""

Right = tuple[str, str, str, str]
"""Namespace ("" for all), API group, resource with subresource, verb."""


def given(installation: Installation) -> set[Right]:
    """Return every single right in the chart's rules."""
    return {
        (namespace, group, resource, verb)
        for namespace, rule in installation.rules()
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(installation: Installation, requests: list[Request]) -> Iterator[Right]:
    """Yield the rights that requests needed, with the namespace if a Role grants them."""
    rights = given(installation)
    for each in requests:
        resource = "/".join(filter(None, (each.resource, each.subresource)))
        own = (each.namespace, each.group, resource, each.verb)
        yield own if own in rights else ("", each.group, resource, each.verb)


def of_the_original(manifest: Object) -> Object:
    """Make a store look as the original left it: with a finalizer that Coffer removes."""
    manifest["metadata"]["finalizers"] = [FINALIZER]
    return manifest


def exercise(stage: World) -> None:
    """Make every module do everything that it can do."""
    assert stage.coffer is not None
    stage.coffer.http("/v1/verify", headers={"X-Forwarded-For": "10.0.0.1"})
    Story(stage).run()
    ns = stage.namespace()
    exercise_namespaces(stage, ns, stage.namespace())
    stage.apply(generator("", "UUID", "made"))
    stage.apply(external_secret(ns, "cluster", "store", {}, dataFrom=[generated("ClusterGenerator", "made")]))
    stage.await_ready("externalsecrets", ns, "cluster")
    stage.kube.delete("clustergenerators", "made")
    exercise_store(stage, "clustersecretstores", "")
    exercise_clusters(stage, ns)
    exercise_pushes(stage, ns)


def exercise_states(stage: World, ns: str) -> None:
    """Make a token at a provider, replace it by nothing, and end one whose deadline is over."""
    old = {"kind": "GeneratorState", "apiVersion": "generators.external-secrets.io/v1alpha1"}
    over = {"garbageCollectionDeadline": "2020-01-01T00:00:00Z", "resource": {"kind": "UUID"}, "state": {}}
    stage.apply(old | {"metadata": {"name": "old", "namespace": ns}, "spec": over})
    with GitLab() as gitlab:
        auth = {"token": {"secretRef": {"name": "gitlab", "key": "token"}}}
        spec = {"url": gitlab.url, "projectID": gitlab.project, "name": "ci", "scopes": ["read_registry"], "auth": auth}
        stage.apply(secret(ns, "gitlab", {"token": gitlab.access_token}))
        stage.apply(generator(ns, "GitlabDeployToken", "deploy", **spec))
        stage.apply(external_secret(ns, "deploy", "store", {}, dataFrom=[generated("GitlabDeployToken", "deploy")]))
        stage.await_ready("externalsecrets", ns, "deploy")
        stage.kube.delete("externalsecrets", "deploy", ns)
        stage.kube.wait_until(lambda: stage.kube.list("generatorstates", ns), lambda found: not found, what="no state")


def exercise_namespaces(stage: World, ns: str, target: str) -> None:
    """Make every module do what it can do inside of namespaces."""
    value = canary()
    stage.apply(
        of_the_original(store(ns, "store", fake({"remote": value}))),
        external_secret(ns, "going", "store", {"a": "remote"}, target={"deletionPolicy": "Delete"}),
        sealed_secret(stage.certificate, ns, "changed", {"a": value}),
        config_map(ns, "map", {"a": "1"}, annotations=allowed(target, auto=target)),
        config_map(target, "pulled", {"x": "1"}, annotations=reflects(ns, "map")),
    )
    stage.await_data(ns, "going", {"a": value})
    kinds = {"Fake": {"data": {"a": "1"}}, "Password": {}, "UUID": {}}
    stage.apply(*(generator(ns, kind, "made", **spec) for kind, spec in kinds.items()))
    made = [generated(kind, "made") for kind in kinds]
    stage.apply(external_secret(ns, "made", "store", {}, dataFrom=made))
    stage.await_ready("externalsecrets", ns, "made")
    others = [generated(kind, "none") for kind in KINDS if kind not in kinds]
    stage.apply(external_secret(ns, "others", "store", {}, dataFrom=others))
    stage.await_condition("externalsecrets", ns, "others", "False", text="there is no SSHKey")
    exercise_states(stage, ns)
    exercise_push(stage, ns)
    stage.await_data(ns, "changed", {"a": value})
    stage.kube.wait_until(lambda: stage.kube.get("configmaps", "map", target))
    stage.apply(sealed_secret(stage.certificate, ns, "changed", {"b": value}))
    stage.await_data(ns, "changed", {"b": value})
    stage.kube.patch("secrets", "changed", ns, {"stringData": {"b": "edited"}})
    stage.kube.delete("externalsecrets", "going", ns)
    stage.kube.delete("configmaps", "map", ns)
    stage.await_gone("externalsecrets", ns, "going")
    stage.await_gone("configmaps", target, "map")
    exercise_store(stage, "secretstores", ns)
    stage.apply(service_account(ns, "reader", "arn:aws:iam::123456789012:role/reader"))
    stage.apply(store(ns, "trusted", aws_by_account("reader")))
    stage.await_ready("secretstores", ns, "trusted")


def exercise_push(stage: World, ns: str) -> None:
    """Push a Secret, and delete what was pushed with its PushSecret, whose finalizer comes and goes."""
    stage.apply(secret(ns, "source", {"a": canary()}), store(ns, "taking", fake({})))
    stage.await_ready("secretstores", ns, "taking")
    stage.apply(push_secret(ns, "leaving", "taking", {"a": "right"}, deletionPolicy="Delete"))
    stage.await_ready("pushsecrets", ns, "leaving")
    stage.kube.delete("pushsecrets", "leaving", ns)
    stage.await_gone("pushsecrets", ns, "leaving")


def exercise_pushes(stage: World, ns: str) -> None:
    """Make a ClusterPushSecret create, change and remove a PushSecret whose finalizer comes and goes."""
    name = f"rights-{stage.unique}"
    stage.apply(secret(ns, "source", {"a": canary()}), store(ns, "pushed", fake({})))
    stage.await_ready("secretstores", ns, "pushed")
    spec = push_secret("", "", "pushed", {"a": "rights"}, deletionPolicy="Delete")["spec"]
    about = {"apiVersion": "external-secrets.io/v1alpha1", "kind": "ClusterPushSecret", "metadata": {"name": name}}
    chosen = [{"matchLabels": {"kubernetes.io/metadata.name": ns}}]
    stage.apply(about | {"spec": {"pushSecretSpec": spec, "namespaceSelectors": chosen}})
    stage.kube.wait_until(lambda: stage.kube.find("pushsecrets", name, ns))
    stage.await_ready("pushsecrets", ns, name)
    changed = spec | {"refreshInterval": "2h"}
    stage.apply(about | {"spec": {"pushSecretSpec": changed, "namespaceSelectors": chosen}})
    stage.kube.wait_until(lambda: stage.kube.get("pushsecrets", name, ns)["spec"]["refreshInterval"] == "2h")
    stage.apply(about | {"spec": {"pushSecretSpec": changed, "namespaceSelectors": []}})
    stage.await_gone("pushsecrets", ns, name)
    stage.kube.delete("clusterpushsecrets", name)


def exercise_clusters(stage: World, ns: str) -> None:
    """Make a ClusterExternalSecret create, change and remove; delete a namespace that the original blocked."""
    inner = external_secret("", "", "store", {"a": "remote"})["spec"]
    name, held = f"rights-{stage.unique}", stage.namespace()
    kind, finalizers = "clusterexternalsecrets", {"metadata": {"finalizers": [f"{NAMESPACE_FINALIZER}rights"]}}
    about: Any = {"apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret", "metadata": {"name": name}}
    about["metadata"] |= {"finalizers": [CLUSTER_FINALIZER]}
    stage.apply({**about, "spec": {"externalSecretSpec": inner, "namespaces": [ns]}})
    stage.kube.wait_until(lambda: stage.kube.find("externalsecrets", name, ns))
    stage.kube.patch(kind, name, None, {"spec": {"externalSecretSpec": {"refreshInterval": "30m"}}})
    stage.kube.wait_until(lambda: stage.kube.get("externalsecrets", name, ns)["spec"]["refreshInterval"] == "30m")
    stage.kube.patch(kind, name, None, {"spec": {"namespaces": []}})
    stage.await_gone("externalsecrets", ns, name)
    stage.kube.delete(kind, name)
    stage.await_gone(kind, "", name)
    stage.kube.patch("namespaces", held, None, finalizers)
    stage.kube.delete("namespaces", held)
    stage.await_gone("namespaces", "", held)


def exercise_store(stage: World, kind: str, place: str) -> None:
    """Create and delete a store as the original left it."""
    stage.apply(of_the_original(store(place, stage.unique, fake({"remote": "x"}))))
    stage.await_ready(kind, place, stage.unique)
    stage.kube.delete(kind, stage.unique, place)
    stage.await_gone(kind, place, stage.unique)


def test_every_right_of_the_chart_is_used_and_none_is_missing(stage: World, staged_coffer: Coffer) -> None:
    exercise(stage)

    installation = staged_coffer.installation
    requests = [each for each in stage.audit.requests(user=installation.user) if each.resource]
    refused = [each for each in requests if each.code == 403 and each.namespace in stage.namespaces]
    assert not refused
    unused = given(installation) - set(used(installation, requests))
    assert unused - ASKED_BESIDE_AN_ORIGINAL == ASKED_BY_ADMISSION, "rights that nothing needs"


def test_no_value_of_a_secret_is_listed_or_watched(stage: World, staged_coffer: Coffer) -> None:
    Story(stage).run()

    answers = [call for call in stage.faults.calls if call.plural == "secrets" and call.verb in {"list", "watch"}]
    home = staged_coffer.installation.namespace
    assert {call.namespace for call in answers} == {"", home}
    assert all("PartialObjectMetadata" in call.accept for call in answers if not call.namespace)
