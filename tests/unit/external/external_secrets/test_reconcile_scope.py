"""Limited to some namespaces: what is cluster-wide is neither read nor written, and users are told what to do."""

from collections.abc import AsyncIterator

import pytest

from external.generators.registry import CLUSTER_GENERATORS
from manager.kube.resources import CLUSTER_EXTERNAL_SECRETS, CLUSTER_SECRET_STORES, NAMESPACES
from manager.settings.model import ExternalSettings, ModulesSettings, Settings
from tests.builders.external_module import ExternalModule

SCOPED = ModulesSettings(scope=("ns",))


@pytest.fixture
async def confined() -> AsyncIterator[ExternalModule]:
    made = ExternalModule(Settings(modules=SCOPED))
    yield made
    await made.close()


async def test_nothing_cluster_wide_is_watched(confined: ExternalModule, bench: ExternalModule) -> None:
    assert confined.module.namespaces == frozenset({"ns"})
    assert not [each.plural for each in confined.module.handlers if not each.namespaced]
    assert bench.module.namespaces is None
    assert {CLUSTER_SECRET_STORES, CLUSTER_EXTERNAL_SECRETS, NAMESPACES} <= bench.module.handlers.keys()


async def test_a_store_of_the_namespace_serves_as_everywhere(confined: ExternalModule) -> None:
    confined.store(values={"remote": "canary"})
    confined.external()
    await confined.settle()

    assert confined.data() == {"k": b"canary"}
    assert confined.ready()[0] == "True"


async def test_a_cluster_store_is_refused_with_the_way_out(confined: ExternalModule) -> None:
    confined.store("cluster", {"remote": "canary"})
    confined.external(secretStoreRef={"name": "cluster", "kind": "ClusterSecretStore"})
    await confined.settle()

    status, reason, message = confined.ready()
    assert (status, reason) == ("False", "SecretSyncedError")
    assert 'ClusterSecretStore "cluster" cannot be used: this installation is limited to namespaces' in message
    assert "create a SecretStore in this namespace" in message
    assert confined.data() is None
    assert not [place for _, place in confined.api.calls if "ClusterSecretStore" in place]


async def test_a_cluster_generator_is_refused_with_the_way_out(confined: ExternalModule) -> None:
    spec = {"kind": "UUID", "generator": {"uuidSpec": {}}}
    confined.put(CLUSTER_GENERATORS, {"metadata": {"name": "made"}, "spec": spec})
    entry = {"sourceRef": {"generatorRef": {"kind": "ClusterGenerator", "name": "made"}}}
    confined.external(data=None, secretStoreRef=None, dataFrom=[entry])
    await confined.settle()

    assert "ClusterGenerator made cannot be used: this installation is limited to namespaces" in confined.ready()[2]
    assert not [place for _, place in confined.api.calls if "ClusterGenerator" in place]


async def test_what_is_left_to_another_controller_stays_with_it() -> None:
    """The setting says that somebody else serves cluster stores."""
    bench = ExternalModule(Settings(modules=SCOPED, external=ExternalSettings(cluster_stores=False)))
    bench.external(secretStoreRef={"name": "cluster", "kind": "ClusterSecretStore"})
    await bench.settle()
    await bench.close()

    assert bench.ready() == ("", "", "")
