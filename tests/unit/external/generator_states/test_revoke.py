"""Whose identity ends what a state records: the state is an object that a tenant may write."""

from typing import Any

import pytest

from external.generator_states.revoke import Revoker
from external.generators.registry import CLUSTER_GENERATORS
from external.generators.states import CLUSTER_GENERATOR
from external.providers.protocol import ConnectContext, ProviderDenied
from manager.core.errors import NeedsHuman
from manager.kube.resources import Body, Key
from tests.builders.api_in_memory import MemoryApi
from tests.builders.counted_tokens import CountedTokens
from tests.builders.generators import generator_context


class Desk:
    """A revoker over an API in memory; it notes for whom a context was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens = CountedTokens()
        monkeypatch.setattr("external.generator_states.revoke.KINDS", {"Grafana": self.tokens.kind})
        monkeypatch.setattr("external.generators.loading.KINDS", {"Grafana": self.tokens.kind})
        self.api = MemoryApi()
        self.asked: list[tuple[str, str, bool]] = []
        threads: Any = self
        client: Any = self.api
        self.revoker = Revoker(client, threads, self._context)

    async def _context(self, generator: Key, for_all: bool) -> ConnectContext:
        self.asked.append((generator.namespace, generator.name, for_all))
        return generator_context()

    async def run(self, tenant: str, work: Any) -> None:
        assert tenant == "namespace ns"
        work()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def state(resource: Any, **annotations: str) -> Body:
    meta = {"name": "gen-1", "namespace": "ns", "annotations": annotations}
    return {"metadata": meta, "spec": {"resource": resource, "state": {"name": "t1"}}}


def snapshot(**spec: Any) -> Body:
    return {"kind": "Grafana", "metadata": {"name": "made", "namespace": "kube-system"}, "spec": spec}


async def test_references_end_in_the_namespace_of_the_state(desk: Desk) -> None:
    await desk.revoker.end(state(snapshot()))

    assert (desk.asked, desk.tokens.ended) == ([("ns", "made", False)], ["t1"])


@pytest.mark.parametrize(
    ("holds", "for_all"),
    [({"grafanaSpec": {"madeFor": "all"}}, True), ({"grafanaSpec": {"madeFor": "other"}}, False), ({}, False)],
)
async def test_coffers_own_identity_is_for_what_an_administrator_wrote(desk: Desk, holds: Body, for_all: bool) -> None:
    """A tenant may name any ClusterGenerator in the annotation of a state with a spec of its own."""
    body = {"metadata": {"name": "shared"}, "spec": {"kind": "Grafana", "generator": holds}}
    desk.api.put(CLUSTER_GENERATORS, body)

    await desk.revoker.end(state(snapshot(madeFor="all"), **{CLUSTER_GENERATOR: "shared"}))

    assert desk.asked == [("ns", "made", for_all)]


async def test_a_cluster_generator_that_is_gone_proves_nothing(desk: Desk) -> None:
    await desk.revoker.end(state(snapshot(), **{CLUSTER_GENERATOR: "gone"}))

    assert desk.asked == [("ns", "made", False)]


async def test_what_leaves_nothing_at_a_provider_is_ended_at_once(desk: Desk) -> None:
    await desk.revoker.end(state({"kind": "BeyondtrustWorkloadCredentialsDynamicSecret"}))

    assert (desk.asked, desk.tokens.ended) == ([], [])


async def test_what_cannot_be_ended_is_named(desk: Desk) -> None:
    with pytest.raises(NeedsHuman, match="this version cannot end what Odd made"):
        await desk.revoker.end(state({"kind": "Odd"}))
    with pytest.raises(ProviderDenied, match=r"spec.resource.spec.odd: unknown field"):
        await desk.revoker.end(state(snapshot(odd=1)))
