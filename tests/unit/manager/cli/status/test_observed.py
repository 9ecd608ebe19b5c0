"""What is read of a cluster, also by a user with few rights and where CRDs are missing."""

from typing import TYPE_CHECKING, cast

from manager.cli.status.observed import OF_MODULE, Observed, observe
from manager.core.errors import Forbidden, NotFound
from manager.kube.resources import DEPLOYMENTS, LEASES, SEALED_SECRETS, SECRETS
from manager.kube.writer import SEALING_KEY_LABEL
from tests.builders.migration_cluster import ClusterStandIn, three_originals

if TYPE_CHECKING:
    from manager.kube.client import KubeClient


async def observed(cluster: ClusterStandIn) -> Observed:
    return await observe(cast("KubeClient", cluster), "coffer", "coffer")


async def test_lease_keys_and_deployments_are_read_where_coffer_is() -> None:
    cluster = ClusterStandIn()
    cluster.put(LEASES, {"metadata": {"namespace": "coffer", "name": "coffer"}, "spec": {}})
    key = {"namespace": "coffer", "name": "key", "labels": {SEALING_KEY_LABEL: "active"}}
    cluster.put(SECRETS, {"metadata": key, "data": {"tls.key": "x"}})
    cluster.put(SECRETS, {"metadata": {"namespace": "coffer", "name": "other"}})
    own = {"namespace": "coffer", "name": "coffer", "labels": {"app.kubernetes.io/name": "coffer"}}
    cluster.put(DEPLOYMENTS, {"metadata": own})
    cluster.put(SEALED_SECRETS, {"metadata": {"namespace": "a", "name": "s"}, "spec": {}})

    found = await observed(cluster)

    assert found.lease is not None
    assert [each["metadata"]["name"] for each in found.keys] == ["key"]
    assert "data" not in found.keys[0]
    assert [each["metadata"]["name"] for each in found.deployments] == ["coffer"]
    assert [each["metadata"]["name"] for each in found.of(SEALED_SECRETS)] == ["s"]
    assert (found.originals, found.unread) == ({}, [])


async def test_originals_that_run_are_named() -> None:
    found = await observed(three_originals())

    assert set(found.originals) == {"sealed", "external", "reflector"}


async def test_what_may_not_be_read_is_noted_and_a_missing_crd_is_not() -> None:
    cluster = ClusterStandIn()
    cluster.failures = {
        "sealedsecrets": Forbidden(403, "Forbidden", "list sealedsecrets"),
        "secrets": Forbidden(403, "Forbidden", "list secrets"),
        "externalsecrets": NotFound(404, "NotFound", "list externalsecrets"),
    }

    found = await observed(cluster)

    assert found.unread == ["sealedsecrets", "secrets in namespace coffer"]
    assert all(found.of(each) == [] for each in OF_MODULE)
