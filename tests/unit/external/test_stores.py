"""What becomes of a store while it stands, and when it goes."""

import pytest

from external.providers.fake import FakeClient
from external.providers.protocol import ProviderDenied
from external.stores import FINALIZER
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Resource
from tests.unit.external.bench import Bench


async def test_a_store_that_is_valid_no_longer_says_so_when_it_is_looked_at_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store(values={"remote": "x"}, refreshInterval=60)
    await bench.settle()
    assert bench.ready("store", SECRET_STORES)[0] == "True"

    def refuse(_: FakeClient) -> None:
        raise ProviderDenied("revoked")

    monkeypatch.setattr(FakeClient, "validate", refuse)
    bench.pass_by(70)
    await bench.settle()

    assert bench.ready("store", SECRET_STORES) == (
        "False",
        "InvalidProviderConfig",
        "unable to validate store: revoked",
    )


@pytest.mark.parametrize("resource", [SECRET_STORES, CLUSTER_SECRET_STORES])
async def test_the_originals_finalizer_does_not_hold_a_store_back(bench: Bench, resource: Resource) -> None:
    name = "cluster-store" if resource is CLUSTER_SECRET_STORES else "store"
    bench.store(name)
    made = bench.body(resource, name) or {}
    made["metadata"] |= {"finalizers": ["mine", FINALIZER], "deletionTimestamp": "now"}
    bench.api.put(resource, made)
    await bench.settle()

    assert (bench.body(resource, name) or {})["metadata"]["finalizers"] == ["mine"]
