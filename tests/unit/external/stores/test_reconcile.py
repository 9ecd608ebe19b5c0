"""What becomes of a store while it stands, and when it goes."""

from typing import Any

import pytest

from external.providers.fake import FakeClient
from external.providers.kubernetes.client import Cluster
from external.providers.protocol import ProviderDenied
from external.providers.vault.client import KeyValue
from external.summaries import STORE_FINALIZER as FINALIZER
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Resource
from manager.settings.model import ExternalSettings, Settings
from tests.builders.external_module import ExternalModule


async def test_a_store_that_became_invalid_says_so_at_the_next_check(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
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


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"condition": [{"namespaces": ["other"]}]}, "spec.condition: unknown field; did you mean conditions?"),
        ({"conditions": {"namespaces": ["other"]}}, "spec.conditions: Input should be a valid list"),
        ({"conditions": [{"namespaceSelecter": {}}]}, "spec.conditions[0].namespaceSelecter: unknown field"),
    ],
)
async def test_a_store_with_unreadable_conditions_admits_no_namespace(
    bench: ExternalModule, field: dict[str, Any], said: str
) -> None:
    """It was stored when the schema kept what it did not know, and was ready since."""
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Valid", "message": "m"}]}}
    spec = {"provider": {"fake": {"data": [{"key": "remote", "value": "x"}]}}} | field
    bench.put(CLUSTER_SECRET_STORES, {"metadata": {"name": "cluster"}, "spec": spec} | ready)
    bench.external(secretStoreRef={"name": "cluster", "kind": "ClusterSecretStore"})
    await bench.settle()

    assert bench.data() is None
    assert bench.ready()[0] == "False"
    bench.pass_by(ExternalSettings().store_requeue_interval * 2)
    await bench.settle()
    status, reason, message = bench.ready("cluster", CLUSTER_SECRET_STORES)
    assert (status, reason) == ("False", "InvalidProviderConfig")
    assert said in message


async def test_cluster_stores_are_left_alone_if_switched_off() -> None:
    bench = ExternalModule(Settings(external=ExternalSettings(cluster_stores=False)))
    bench.store("cluster", {"remote": "x"})
    bench.store(values={"remote": "x"})
    bench.external(secretStoreRef={"name": "cluster", "kind": "ClusterSecretStore"})
    bench.external("absent", secretStoreRef={"name": "none", "kind": "ClusterSecretStore"})
    bench.external("fine")
    await bench.settle()

    assert bench.ready("cluster", CLUSTER_SECRET_STORES) == bench.ready() == bench.ready("absent") == ("", "", "")
    assert (bench.data(), bench.data("fine")) == (None, {"k": b"x"})
    await bench.close()


async def test_the_originals_reading_of_expressions_is_a_setting() -> None:
    bench = ExternalModule(Settings(external=ExternalSettings(partial_namespace_regexes=True)))
    bench.namespace()
    bench.store("cluster", {"remote": "x"}, conditions=[{"namespaceRegexes": ["n"]}])
    bench.external(secretStoreRef={"name": "cluster", "kind": "ClusterSecretStore"})
    await bench.settle()

    assert bench.data() == {"k": b"x"}
    assert "NamespaceRegexes" not in bench.stage.reasons(), "nobody is left out, so nothing is told"
    await bench.close()


@pytest.mark.parametrize("resource", [SECRET_STORES, CLUSTER_SECRET_STORES])
async def test_the_originals_finalizer_does_not_hold_a_store_back(bench: ExternalModule, resource: Resource) -> None:
    name = "cluster-store" if resource is CLUSTER_SECRET_STORES else "store"
    bench.store(name)
    made = bench.body(resource, name) or {}
    made["metadata"] |= {"finalizers": ["mine", FINALIZER], "deletionTimestamp": "now"}
    bench.api.put(resource, made)
    await bench.settle()

    assert (bench.body(resource, name) or {})["metadata"]["finalizers"] == ["mine"]


async def test_a_partly_matching_expression_is_named_where_it_denies(
    bench: ExternalModule,
) -> None:
    for name in ("ns", "prod", "nonprod"):
        bench.namespace(name)
    bench.store("cluster", {"remote": "x"}, conditions=[{"namespaceRegexes": ["prod", "n", "("]}])
    bench.external(secretStoreRef={"name": "cluster", "kind": "ClusterSecretStore"})
    await bench.settle()

    denied = 'is not allowed from namespace "ns": denied by spec.condition ("n" matches only a part of the name'
    assert denied in bench.ready()[2]
    said = {each["message"] for each in bench.api.events if each["reason"] == "NamespaceRegexes"}
    start = 'spec.conditions: the expression "{}" must match a whole name; external-secrets would also admit {}: write'
    assert any(each.startswith(start.format("prod", "nonprod")) for each in said)
    assert any(each.startswith(start.format("n", "nonprod, ns")) for each in said)
    assert "spec.conditions[0].namespaceRegexes[2]: it is no RE2 expression, and matches nothing" in said
    assert bench.ready("cluster", CLUSTER_SECRET_STORES)[0] == "True"


async def test_an_invalid_selector_admits_no_namespace_and_is_named(bench: ExternalModule) -> None:
    bench.namespace("ns")
    wrong = {"matchExpressions": [{"key": "env", "operator": "NotIn"}]}
    bench.store("cluster", {"remote": "x"}, conditions=[{"namespaceSelector": wrong}])
    bench.external(secretStoreRef={"name": "cluster", "kind": "ClusterSecretStore"})
    await bench.settle()

    assert 'is not allowed from namespace "ns"' in bench.ready()[2]
    said = {each["message"] for each in bench.api.events if each["reason"] == "NamespaceRegexes"}
    place = "spec.conditions[0].namespaceSelector.matchExpressions[0].values"
    assert said == {f"{place}: NotIn takes at least one value; the selector admits nobody"}


async def test_what_a_tenant_writes_as_an_expression_is_not_printed(
    bench: ExternalModule, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.store("cluster", {"remote": "x"}, conditions=[{"namespaceRegexes": ["canary("]}])
    bench.store(values={"remote": "x"})
    reference = {"name": "cluster", "kind": "ClusterSecretStore"}
    bench.external("by-condition", secretStoreRef=reference)
    bench.external("by-find", data=None, dataFrom=[{"find": {"name": {"regexp": "canary("}}}])
    step = {"regexp": {"source": "canary(", "target": "x"}}
    bench.external("by-rewrite", data=None, dataFrom=[{"extract": {"key": "remote"}, "rewrite": [step]}])
    await bench.settle()

    assert {bench.ready(name)[0] for name in ("by-condition", "by-find", "by-rewrite")} == {"False"}
    assert "canary" not in capfd.readouterr().err


async def test_check_and_set_is_refused_if_the_engine_lacks_it(bench: ExternalModule) -> None:
    server = {"server": "https://vault.example", "version": "v1", "checkAndSet": {"required": True}}
    meta = {"name": "store", "namespace": "ns"}
    bench.put(SECRET_STORES, {"metadata": meta, "spec": {"provider": {"vault": server}}})
    await bench.settle()

    told = "spec.provider.vault.checkAndSet.required: only version v2"
    assert told in bench.ready("store", SECRET_STORES)[2]


TOKEN = {"name": "t", "key": "k"}


@pytest.mark.parametrize(
    ("provider", "capabilities"),
    [
        ({"fake": {"data": []}}, "ReadWrite"),
        ({"vault": {"server": "https://vault.example"}}, "ReadWrite"),
        (
            {"openBao": {"server": "https://bao.example", "auth": {"tokenSecretRef": {"name": "t", "key": "k"}}}},
            "ReadOnly",
        ),
        ({"webhook": {"url": "https://{{ .remoteRef.key }}.example"}}, "ReadWrite"),
        ({"kubernetes": {"auth": {"token": {"bearerToken": TOKEN}}}}, "ReadWrite"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else each,
)
async def test_a_store_tells_what_its_provider_can_do(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, provider: dict[str, object], capabilities: str
) -> None:
    for kind in (KeyValue, Cluster):
        monkeypatch.setattr(kind, "validate", lambda _: None)  # nobody is there
    bench.secret("t", k="x")
    bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": "ns"}, "spec": {"provider": provider}})
    await bench.settle()

    assert bench.ready("store", SECRET_STORES)[:2] == ("True", "Valid")
    assert (bench.body(SECRET_STORES, "store") or {})["status"]["capabilities"] == capabilities


BAO = {
    "server": "https://bao.example",
    "auth": {"tokenSecretRef": {"name": "t", "key": "k"}},  # of each consumer
}


async def test_a_store_with_consumer_credentials_shows_capabilities(bench: ExternalModule) -> None:
    bench.put(CLUSTER_SECRET_STORES, {"metadata": {"name": "store"}, "spec": {"provider": {"openBao": BAO}}})
    await bench.settle()

    assert (bench.body(CLUSTER_SECRET_STORES, "store") or {})["status"]["capabilities"] == "ReadOnly"


async def test_a_store_with_another_provider_updates_capabilities(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeyValue, "validate", lambda _: None)
    bench.secret("t", k="x")
    for provider, capabilities in (({"openBao": BAO}, "ReadOnly"), ({"fake": {"data": []}}, "ReadWrite")):
        bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": "ns"}, "spec": {"provider": provider}})
        await bench.settle()

        assert bench.ready("store", SECRET_STORES)[:2] == ("True", "Valid")
        assert (bench.body(SECRET_STORES, "store") or {})["status"]["capabilities"] == capabilities


async def test_a_store_that_cannot_be_validated_is_ready_as_unknown(bench: ExternalModule) -> None:
    spec = {"provider": {"fake": {"data": [{"key": "remote", "value": "x"}], "validationResult": 1}}}
    bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": "ns"}, "spec": spec})
    bench.external()
    await bench.settle()

    told = ("True", "ValidationUnknown", "could not determine validation status")
    assert bench.ready("store", SECRET_STORES) == told
    assert "ValidationUnknown" in bench.stage.reasons()
    assert "capabilities" not in (bench.body(SECRET_STORES, "store") or {})["status"]
    assert bench.data() == {"k": b"x"}
