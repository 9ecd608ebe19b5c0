"""What is read of a cluster: whole objects where decisions need them, metadata elsewhere, and no more than that."""

import pytest

from external.api.hashes import owner_hash
from manager.cli.migrate.listed import WEBHOOKS
from manager.cli.migrate.originals import ReleaseKey
from manager.core.errors import Forbidden
from manager.kube.auto_mirrors import REFLECTS
from manager.kube.resources import CONFIGMAPS, EXTERNAL_SECRETS, SEALED_SECRETS, SECRETS, Key, Resource
from tests.builders.migration_cluster import ClusterStandIn, owned, three_originals

SECRET = {"namespace": "ns", "name": "s"}


async def test_originals_are_found_with_their_releases_and_live_deployments() -> None:
    listed = await three_originals().listed()

    names = {module: [each["metadata"]["name"] for each in found] for module, found in listed.deployments.items()}
    assert names == {
        "sealed": ["sealed-secrets"],
        "external": ["external-secrets", "external-secrets-webhook", "external-secrets-cert-controller"],
        "reflector": ["reflector"],
    }
    assert listed.live["external"] == "kube-system/external-secrets"
    assert {each.name for each in listed.releases} == {"sealed-secrets", "external-secrets", "reflector"}


async def test_a_tenants_deployment_with_an_originals_labels_is_not_one() -> None:
    cluster = three_originals()
    cluster.allowed = False

    listed = await cluster.listed()

    assert listed.deployments == {"sealed": [], "external": [], "reflector": []}
    assert set(listed.live.values()) == {""}


async def test_a_deployment_that_is_scaled_down_is_known_and_not_live() -> None:
    cluster = ClusterStandIn()
    cluster.deployment("reflector", "reflector", "kube-system", replicas=0)

    listed = await cluster.listed()

    assert len(listed.deployments["reflector"]) == 1
    assert listed.live["reflector"] == ""


async def test_a_release_that_runs_and_has_no_record_in_a_secret_is_noted() -> None:
    """Helm may keep its records in ConfigMaps or a database; a release that is gone leaves only annotations."""
    cluster = ClusterStandIn()
    cluster.deployment("reflector", "reflector", "tools")
    cluster.crd("SealedSecret", "sealedsecrets", "bitnami.com", "v1alpha1", annotations=owned("gone", "tools"))

    assert (await cluster.listed()).releases == {ReleaseKey("tools", "reflector"): None}


async def test_the_last_revision_of_a_release_is_read_whatever_became_of_it() -> None:
    cluster = three_originals()
    cluster.release("external-secrets", "kube-system", "external-secrets", {"x": True}, revision=11)
    cluster.objects["", "secrets"][-1]["metadata"]["labels"]["status"] = "failed"
    cluster.release("external-secrets", "kube-system", "external-secrets", {"y": True}, revision=9)

    release = (await cluster.listed()).releases[ReleaseKey("kube-system", "external-secrets")]

    assert release is not None
    assert release.crds == {"x": True}


async def test_a_record_that_may_not_be_read_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = three_originals()
    find = cluster.find

    async def refuse(key: Key) -> object:
        if key.resource is SECRETS:
            raise Forbidden(403, "Forbidden", "get Secret")
        return await find(key)

    monkeypatch.setattr(cluster, "find", refuse)

    assert set((await cluster.listed()).releases.values()) == {None}


async def test_of_secrets_only_the_metadata_of_targets_mirrors_and_keys_is_kept() -> None:
    cluster = three_originals()
    cluster.put(SEALED_SECRETS, {"metadata": dict(SECRET), "spec": {}})
    for name, more in (("s", {}), ("other", {}), ("mirror", {"annotations": {REFLECTS: "a/b"}})):
        cluster.put(SECRETS, {"metadata": {"namespace": "ns", "name": name, **more}, "data": {"k": "dmFsdWU="}})
    cluster.put(
        CONFIGMAPS, {"metadata": {"namespace": "ns", "name": "m", "annotations": {REFLECTS: "a/b"}}, "data": {}}
    )

    listed = await cluster.listed()

    assert {key.name for key in listed.metadata} == {"s", "mirror", "m", "key"}
    assert all("data" not in each for each in listed.metadata.values())


@pytest.mark.parametrize(("labels", "whole"), [({}, False), ({"reconcile.external-secrets.io/created-by": "?"}, True)])
async def test_a_target_is_read_where_only_its_data_shows_whose_it_is(labels: dict[str, str], whole: bool) -> None:
    cluster = three_originals()
    cluster.put(EXTERNAL_SECRETS, {"metadata": dict(SECRET), "spec": {}})
    hashed = dict.fromkeys(labels, owner_hash("ns", "s"))
    cluster.put(SECRETS, {"metadata": {**SECRET, "labels": hashed}, "data": {"k": "dmFsdWU="}})

    listed = await cluster.listed()

    assert ("data" in listed.metadata[Key(SECRETS, "ns", "s")]) is whole


async def test_what_is_remembered_is_looked_at_whoever_names_it() -> None:
    cluster = three_originals()
    cluster.put(SECRETS, {"metadata": dict(SECRET)})

    assert Key(SECRETS, "ns", "s") not in (await cluster.listed()).metadata
    assert Key(SECRETS, "ns", "s") in (await cluster.listed(frozenset({("Secret", "ns", "s")}))).metadata


async def test_kinds_that_are_not_served_are_counted_by_metadata() -> None:
    cluster = three_originals()
    group = "generators.external-secrets.io"
    crd = cluster.crd("Grafana", "grafanas", group, "v1alpha1")
    tokens = Resource(group, "v1alpha1", "grafanas", "Grafana")
    cluster.put(tokens, {"metadata": {"namespace": "ns", "name": "p"}, "spec": {"a": "b"}})

    listed = await cluster.listed()

    (found,) = [bodies for resource, bodies in listed.bodies.items() if resource.plural == "grafanas"]
    assert [set(each) for each in found] == [{"metadata"}]
    assert listed.count(crd) == 1


@pytest.mark.parametrize("served", [True, False])
async def test_only_a_served_version_is_listed(served: bool) -> None:
    cluster = ClusterStandIn()
    crd = cluster.crd("ExternalSecret", "externalsecrets", "external-secrets.io", "v1beta1")
    crd["spec"]["versions"][0]["served"] = served

    resources = (await cluster.listed()).bodies

    assert [(each.version, each.metadata_only) for each in resources] == ([("v1beta1", True)] if served else [])


async def test_crds_of_others_are_not_read() -> None:
    cluster = ClusterStandIn()
    cluster.crd("Certificate", "certificates", "cert-manager.io", annotations=owned("cert-manager", "x"))

    listed = await cluster.listed()

    assert (listed.crds, listed.releases) == ([], {})


async def test_webhooks_know_their_kind() -> None:
    cluster = ClusterStandIn()
    for each in WEBHOOKS:
        cluster.put(each, {"metadata": {"name": "w"}})

    assert [each["kind"] for each in (await cluster.listed()).webhooks] == [each.kind for each in WEBHOOKS]


async def test_what_may_not_be_listed_ends_the_reading() -> None:
    cluster = three_originals()
    cluster.failures["clusterroles"] = Forbidden(403, "Forbidden", "list clusterroles")

    with pytest.raises(Forbidden):
        await cluster.listed()
