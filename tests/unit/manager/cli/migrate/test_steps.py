"""The commands of a move and of the ways back, made from what was found."""

import re
from typing import Any

import pytest

from manager.cli.migrate.assessment import assessed
from manager.cli.migrate.listed import SERVICES, WEBHOOKS
from manager.cli.migrate.steps import BACK, MOVE, UNDO, Charts, Planner, Step
from manager.kube.resources import PUSH_SECRETS
from manager.settings.model import Settings
from tests.builders.migration_cluster import ClusterStandIn, three_originals

LOCAL = Charts(originals={"external": "./eso", "sealed": "./sealed", "reflector": "./reflector"})


async def planned(cluster: ClusterStandIn, charts: Charts = LOCAL, own: str = "") -> list[Step]:
    listed, builder = await cluster.viewed()
    return Planner(listed, assessed(listed, builder, Settings(), own, 0.0), charts, own).steps()


def commands(steps: list[Step], phase: str, module: str = "") -> list[str]:
    return [each.command for each in steps if each.phase == phase and module in ("", each.module) and each.command]


def webhook(cluster: ClusterStandIn) -> None:
    labels = {"app.kubernetes.io/name": "external-secrets-webhook"}
    cluster.put(WEBHOOKS[0], {"metadata": {"name": "externalsecret-validate", "labels": labels}, "webhooks": []})


async def test_a_move_goes_step_by_step() -> None:
    cluster = three_originals()
    webhook(cluster)

    steps = await planned(cluster)

    home = "-n kube-system"
    verify, new = "coffer migrate verify before.json", "--create-namespace"
    keep = r"'crds.annotations.helm\.sh/resource-policy=keep'"
    assert commands(steps, MOVE) == [
        f"(umask 077; helm get values sealed-secrets {home} -o yaml > kube-system.sealed-secrets-values.yaml)",
        f"(umask 077; helm get values external-secrets {home} -o yaml > kube-system.external-secrets-values.yaml)",
        f"(umask 077; helm get values reflector {home} -o yaml > kube-system.reflector-values.yaml)",
        f"coffer keys backup {home} sealing-keys-kube-system.yaml",
        f"helm upgrade external-secrets ./eso {home} --reuse-values --set-string {keep}",
        "coffer migrate check --save before.json",
        f"helm upgrade --install coffer charts/coffer {home} {new} --set service.name=coffer-sealing",
        f"kubectl {home} scale deployment/sealed-secrets --replicas=0",
        verify,
        f"kubectl {home} scale deployment/external-secrets --replicas=0",
        verify,
        f"kubectl {home} scale deployment/reflector --replicas=0",
        verify,
        f"helm uninstall sealed-secrets {home}",
        f"helm upgrade coffer charts/coffer {home} --reuse-values --set service.name=sealed-secrets-controller",
        verify,
        "kubectl delete validatingwebhookconfiguration externalsecret-validate",
        f"helm uninstall external-secrets {home}",
        verify,
        f"helm uninstall reflector {home}",
        verify,
    ]


async def test_both_ways_back_start_without_coffer_and_end_with_a_proof() -> None:
    steps = await planned(three_originals())

    undo, back = commands(steps, UNDO), commands(steps, BACK)
    assert {undo[0], back[0]} == {"helm uninstall coffer -n kube-system --wait"}
    assert {undo[-1], back[-1]} == {"coffer migrate verify before.json"}
    assert "kubectl -n kube-system scale deployment/external-secrets --replicas=2" in undo
    assert not [each for each in undo if "webhook" in each], "its webhooks were never stopped"
    installs = [each for each in back if each.startswith("helm install")]
    assert (
        installs[0] == "helm install sealed-secrets ./sealed -n kube-system -f kube-system.sealed-secrets-values.yaml"
    )
    assert installs[1].startswith(
        "helm install external-secrets ./eso -n kube-system -f kube-system.external-secrets-values.yaml"
    )
    assert installs[1].endswith(r"--set-string 'crds.annotations.helm\.sh/resource-policy=keep' --take-ownership")


@pytest.mark.parametrize(("service", "deleted"), [("external-secrets-webhook", True), ("our-policies", False)])
async def test_webhooks_are_deleted_if_they_are_the_originals(service: str, deleted: bool) -> None:
    """A policy of the administrators may watch the same kinds: only labels or the Service tell them apart."""
    cluster, home = three_originals(), "kube-system"
    labels = {"app.kubernetes.io/name": "external-secrets-webhook"}
    cluster.put(SERVICES, {"metadata": {"namespace": home, "name": "external-secrets-webhook", "labels": labels}})
    hook = {
        "rules": [{"apiGroups": ["external-secrets.io"], "resources": ["externalsecrets"]}],
        "clientConfig": {"service": {"namespace": home, "name": service}},
    }
    cluster.put(WEBHOOKS[0], {"metadata": {"name": "check"}, "webhooks": [hook]})

    found = [each for each in commands(await planned(cluster), MOVE) if "delete validatingwebhook" in each]

    assert bool(found) is deleted


async def test_a_release_that_keeps_its_crds_needs_no_upgrade() -> None:
    assert not [each for each in commands(await planned(three_originals(keep=True)), MOVE) if "./eso" in each]


async def test_public_charts_are_named_with_the_version_that_runs() -> None:
    steps = await planned(three_originals(), Charts())

    upgrade = next(each for each in commands(steps, MOVE) if "upgrade external-secrets" in each)
    assert "external-secrets --repo https://charts.external-secrets.io --version 2.9.0" in upgrade


async def test_every_command_reaches_the_cluster_that_was_read() -> None:
    steps = await planned(three_originals(), Charts(kubeconfig="/my file", context="prod"))

    for each in commands(steps, MOVE) + commands(steps, UNDO) + commands(steps, BACK):
        assert "--kubeconfig '/my file'" in each
        assert re.search(r"helm .*--kube-context prod" if "helm " in each else r"--context prod", each)


ARGO_CD, SYNC_OPTIONS, KEEP = (
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/sync-options",
    "helm.sh/resource-policy",
)
GUARDED = {SYNC_OPTIONS: "Prune=false", KEEP: "keep"}


@pytest.mark.parametrize(
    ("annotations", "labels", "annotated"),
    [
        ({ARGO_CD: "x"}, {}, f"{SYNC_OPTIONS}=Prune=false {KEEP}=keep"),
        ({ARGO_CD: "x", KEEP: "keep"}, {}, f"{SYNC_OPTIONS}=Prune=false {KEEP}=keep"),
        ({ARGO_CD: "x", SYNC_OPTIONS: "Replace=true"}, {}, f"{SYNC_OPTIONS}=Replace=true,Prune=false {KEEP}=keep"),
        ({ARGO_CD: "x", **GUARDED}, {}, ""),
        ({KEEP: "keep"}, {"kustomize.toolkit.fluxcd.io/name": "x"}, "kustomize.toolkit.fluxcd.io/prune=disabled"),
        ({}, {}, ""),
    ],
)
async def test_crds_that_a_gitops_tool_tracks_are_annotated(annotations: Any, labels: Any, annotated: str) -> None:
    """Each tool has an annotation of its own; Argo CD prunes in spite of Helm's."""
    cluster = ClusterStandIn()
    cluster.crd("SealedSecret", "sealedsecrets", "bitnami.com", "v1alpha1", annotations=annotations, labels=labels)
    cluster.deployment("sealed-secrets", "", "kube-system")

    found = [each for each in commands(await planned(cluster), MOVE) if "annotate" in each]

    wanted = f"kubectl annotate crd sealedsecrets.bitnami.com {annotated} --overwrite"
    assert found == ([wanted] if annotated else [])


async def test_a_module_with_unserved_objects_stays_with_its_original() -> None:
    cluster = three_originals()
    cluster.crd("PushSecret", "pushsecrets", "external-secrets.io", "v1alpha1")
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    cluster.put(PUSH_SECRETS, {"metadata": {"namespace": "ns", "name": "p"}, "spec": {}, "status": status})

    steps = await planned(cluster)

    assert "coffer migrate check --without external --save before.json" in commands(steps, MOVE)
    (stays,) = [each for each in steps if not each.command]
    assert stays.why.startswith("external-secrets stays: ")
    install = next(each for each in commands(steps, MOVE) if "--install coffer" in each)
    assert "--set modules.external=false" in install
    assert not [each for each in steps if each.module == "external" and each.command]
    assert [each for each in commands(steps, MOVE, "sealed") if each.startswith("helm uninstall")]


async def test_an_original_without_a_release_of_its_own_is_deleted_by_name() -> None:
    """A manifest that kubectl applied, and an umbrella chart, which holds other things too."""
    cluster = ClusterStandIn()
    cluster.deployment("reflector", "", "tools")
    cluster.deployment("external-secrets", "platform", "tools")
    cluster.release("platform", "tools", "platform")

    steps = await planned(cluster)

    moved = commands(steps, MOVE)
    assert "kubectl -n tools delete deployment/reflector" in moved
    assert "kubectl -n tools delete deployment/external-secrets" in moved
    assert not [each for each in moved if "helm uninstall" in each]
    assert [each.why for each in steps if each.phase == BACK and not each.command] == [
        "apply the manifest again that external-secrets was installed from",
        "apply the manifest again that kubernetes-reflector was installed from",
    ]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("", "helm upgrade --install coffer charts/coffer -n sealing --create-namespace"),
        ("coffer", "--create-namespace --set 'settings.sealed.key_namespaces={sealing}'"),
    ],
)
async def test_coffer_goes_where_the_sealing_keys_are_or_reads_them_there(own: str, expected: str) -> None:
    cluster = ClusterStandIn()
    cluster.deployment("sealed-secrets", "", "sealing")
    cluster.sealing_key("sealing")
    cluster.sealing_key("tenant")  # whoever may label a Secret must not seal for everybody

    install = next(each for each in commands(await planned(cluster, own=own), MOVE) if "--install coffer" in each)

    assert install.endswith(expected)


async def test_a_service_of_another_name_keeps_its_name_for_kubeseal() -> None:
    cluster = three_originals()
    cluster.service("my-sealing", "other", "sealed-secrets")
    cluster.service("sealed-secrets-metrics", "kube-system", "sealed-secrets")

    moved = commands(await planned(cluster, own="other"), MOVE)

    assert any(each.endswith("--reuse-values --set service.name=my-sealing") for each in moved)


async def test_a_cluster_without_originals_only_gets_coffer() -> None:
    moved = commands(await planned(ClusterStandIn()), MOVE)

    assert moved == [
        "coffer migrate check --save before.json",
        "helm upgrade --install coffer charts/coffer -n kube-system --create-namespace",
    ]


async def test_a_module_that_is_left_out_stays_without_a_word() -> None:
    listed, builder = await three_originals().viewed()
    report = assessed(listed, builder, Settings(), "", 0.0).without(("reflector",))

    steps = Planner(listed, report, LOCAL, "", ("reflector",)).steps()

    assert all(each.command for each in steps)
    assert not [each for each in steps if each.module == "reflector"]
    assert any("--set modules.reflector=false" in each.command for each in steps)
