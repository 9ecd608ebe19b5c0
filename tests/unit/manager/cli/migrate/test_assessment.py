"""The whole report of a cluster, and when it is called safe."""

from typing import Any

import pytest

from external.crds import CRDS as EXTERNAL_CRDS
from manager.cli.migrate.assessment import OURS, Report, assessed
from manager.cli.migrate.crds import Served
from manager.cli.migrate.hazards import Hazard, Kind
from manager.cli.migrate.listed import BINDINGS, CLUSTER_ROLES, CRON_JOBS
from manager.findings import ObjectFinding, Verdict
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRETS,
    Key,
    Resource,
)
from manager.settings.model import Settings
from sealed.api import CRDS as SEALED_CRDS
from tests.builders.manifests import allowed, external_secret, secret
from tests.builders.migration_cluster import ClusterStandIn, owned, three_originals


async def report(cluster: ClusterStandIn) -> Report:
    listed, builder = await cluster.viewed()
    return assessed(listed, builder, Settings(), "coffer", 0.0)


def test_the_crds_are_those_that_coffer_brings() -> None:
    versions = {
        f"{each.resource.plural}.{each.resource.group}": Served(
            each.resource.version, frozenset({each.resource.version, *each.unserved})
        )
        for each in (*SEALED_CRDS, *EXTERNAL_CRDS)
    }

    assert versions == OURS


async def test_a_release_without_keep_is_not_safe_and_with_it_it_is() -> None:
    unsafe, safe = await report(three_originals()), await report(three_originals(keep=True))

    assert (unsafe.safe, unsafe.blocking) == (False, 1)
    assert (safe.safe, safe.blocking) == (True, 0)


async def test_originals_that_run_are_named_as_writers() -> None:
    found = [each for each in (await report(three_originals(keep=True))).hazards if each.kind is Kind.WRITER]

    assert [each.about for each in found] == [
        "Deployment kube-system/sealed-secrets",
        "Deployment kube-system/external-secrets",
        "Deployment kube-system/reflector",
    ]
    assert not any(each.blocks for each in found)


@pytest.mark.parametrize(("suspended", "blocking"), [(False, 1), (True, 0)])
async def test_a_cron_job_that_runs_an_original_is_not_safe(suspended: bool, blocking: int) -> None:
    cluster = ClusterStandIn()
    meta = {"namespace": "tools", "name": "r", "labels": {"app.kubernetes.io/name": "reflector"}}
    cluster.put(CRON_JOBS, {"metadata": meta, "spec": {"suspend": suspended}})

    found = await report(cluster)

    assert [each.about for each in found.hazards] == ["CronJob tools/r"] * blocking
    assert found.blocking == blocking


async def test_a_role_without_a_replacement_is_not_safe() -> None:
    cluster = three_originals(keep=True)
    rules = [{"apiGroups": ["external-secrets.io"], "resources": ["externalsecrets"], "verbs": ["get"]}]
    meta = {"name": "external-secrets-view", "annotations": owned("external-secrets", "kube-system")}
    cluster.put(CLUSTER_ROLES, {"metadata": meta, "rules": rules})
    ref = {"kind": "ClusterRole", "name": "external-secrets-view"}
    cluster.put(BINDINGS[0], {"metadata": {"name": "b"}, "roleRef": ref, "subjects": [{"kind": "Group", "name": "g"}]})

    assert not (await report(cluster)).safe


async def test_every_kind_is_assessed_once() -> None:
    cluster = three_originals(keep=True)
    for kind, plural in (("ClusterExternalSecret", "clusterexternalsecrets"), ("PushSecret", "pushsecrets")):
        cluster.crd(kind, plural, "external-secrets.io", "v1" if kind.startswith("Cluster") else "v1alpha1")
    cluster.crd("GeneratorState", "generatorstates", "generators.external-secrets.io", "v1alpha1")
    states = Resource("generators.external-secrets.io", "v1alpha1", "generatorstates", "GeneratorState")
    cluster.put(SEALED_SECRETS, {"metadata": {"namespace": "ns", "name": "s"}, "spec": {"encryptedData": {}}})
    cluster.put(EXTERNAL_SECRETS, external_secret("ns", "e", "store", {"k": "r"}))
    cluster.put(CLUSTER_EXTERNAL_SECRETS, {"metadata": {"name": "c"}, "spec": {}})
    cluster.put(PUSH_SECRETS, {"metadata": {"namespace": "ns", "name": "p"}})
    cluster.put(states, {"metadata": {"namespace": "ns", "name": "g"}})
    cluster.namespace("other")
    source: Any = secret("ns", "source", {}, annotations=allowed(auto="other"))
    cluster.put(SECRETS, source)

    found = await report(cluster)

    assert {(each.key.resource.kind, each.verdict) for each in found.findings} == {
        ("SealedSecret", Verdict.DIFFERS),
        ("ExternalSecret", Verdict.UNSERVED),
        ("ClusterExternalSecret", Verdict.UNSERVED),
        ("PushSecret", Verdict.UNSERVED),
        ("Secret", Verdict.NOTHING),
        ("Secret", Verdict.DIFFERS),
    }
    assert found.counts()["reflector", "Secret"] == {Verdict.NOTHING: 1, Verdict.DIFFERS: 1}


@pytest.mark.parametrize(("modules", "left"), [((), 4), (("sealed",), 2), (("sealed", "external"), 0)])
def test_modules_that_stay_are_left_out(modules: tuple[str, ...], left: int) -> None:
    findings = [ObjectFinding(each, Key(SECRETS, "ns", each), Verdict.NOTHING) for each in ("sealed", "external")]
    hazards = [Hazard(Kind.CRD, each, "x", "y", blocks=True) for each in ("sealed", "external")]

    found = Report(tuple(findings), tuple(hazards)).without(modules)

    assert len(found.findings) + len(found.hazards) == left
    assert found.safe is (left == 0)


@pytest.mark.parametrize(("namespace", "left"), [("", 2), ("a", 1), ("c", 0)])
def test_one_namespace_can_be_asked_for(namespace: str, left: int) -> None:
    findings = tuple(ObjectFinding("sealed", Key(SECRETS, each, "s"), Verdict.NOTHING) for each in ("a", "b"))

    assert len(Report(findings, ()).within(namespace).findings) == left
