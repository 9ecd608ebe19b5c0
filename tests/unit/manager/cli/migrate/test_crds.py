"""What is said of a CRD: who would delete it, and whether Coffer can read what it serves."""

from typing import Any

import pytest

from manager.cli.migrate.crds import FLUX_PRUNE, LAST_APPLIED, SYNC_OPTIONS, Served, crd_hazards, module_of_crd
from manager.cli.migrate.hazards import Hazard
from manager.cli.migrate.originals import RELEASE_NAME, RELEASE_NAMESPACE, ReleaseKey
from manager.cli.migrate.releases import KEEP, Release

NAME = "externalsecrets.external-secrets.io"
OWNER = ReleaseKey("eso", "external-secrets")
OWNED = {RELEASE_NAME: "external-secrets", RELEASE_NAMESPACE: "eso"}
ARGO_CD, FLUX = {"argocd.argoproj.io/tracking-id": "x"}, {"kustomize.toolkit.fluxcd.io/name": "x"}


def crd(annotations: Any = None, labels: Any = None, served: tuple[str, ...] = ("v1",), stored: Any = ("v1",)) -> Any:
    versions = [{"name": each, "served": True} for each in served] + [{"name": "v1alpha1", "served": False}]
    meta = {"name": NAME, "annotations": annotations or {}, "labels": labels or {}}
    return {
        "metadata": meta,
        "spec": {"group": "external-secrets.io", "versions": versions},
        "status": {"storedVersions": list(stored)},
    }


def said(body: Any, release: Release | None = None, *, known: bool = True) -> list[Hazard]:
    releases = {OWNER: release} if known else {}
    return list(crd_hazards(body, releases, {NAME: Served("v1", frozenset({"v1", "v1beta1"}))}, 74))


def release(*, keep: bool, name: str = NAME) -> Release:
    return Release("external-secrets", "2.9.0", {name: keep})


def test_a_release_without_keep_would_delete_every_object() -> None:
    (found,) = said(crd(OWNED), release(keep=False))

    assert found.blocks
    assert found.problem == f"`helm uninstall` of release {OWNER} deletes it, 74 objects and what they own"


def test_an_annotation_on_the_object_does_not_count_for_an_uninstall() -> None:
    (found,) = said(crd({**OWNED, KEEP: "keep"}), release(keep=False))

    assert found.blocks
    assert "on the object alone does not count" in found.cure


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(release(keep=True), id="kept by the release"),
        pytest.param(
            release(keep=False, name="other.external-secrets.io"), id="no template of it: from its crds folder"
        ),
    ],
)
def test_a_crd_that_its_release_leaves_is_no_hazard(given: Release) -> None:
    assert said(crd(OWNED), given) == []


def test_a_release_that_cannot_be_read_may_delete() -> None:
    (found,) = said(crd(OWNED), None)

    assert found.blocks
    assert "cannot be read" in found.problem


@pytest.mark.parametrize("annotations", [OWNED, {}])
def test_annotations_of_a_release_that_is_gone_mean_nothing(annotations: Any) -> None:
    assert said(crd(annotations), known=False) == []


def test_a_crd_that_kubectl_applied_goes_with_its_manifest() -> None:
    (found,) = said(crd({LAST_APPLIED: "{}"}), known=False)

    assert "`kubectl delete -f`" in found.problem
    assert not found.blocks


@pytest.mark.parametrize(
    ("annotations", "labels", "tool"),
    [
        (ARGO_CD, {}, "Argo CD"),
        ({}, {"argocd.argoproj.io/instance": "x"}, "Argo CD"),
        ({}, FLUX, "Flux"),
        (ARGO_CD | {SYNC_OPTIONS: "Prune=false"}, {}, "Argo CD"),
        (ARGO_CD | {KEEP: "keep"}, {}, "Argo CD"),
        ({KEEP: "keep"}, FLUX, "Flux"),
    ],
)
def test_a_gitops_tool_would_prune_what_is_not_guarded(annotations: Any, labels: Any, tool: str) -> None:
    (found,) = said(crd(annotations, labels))

    assert found.blocks
    assert found.problem.startswith(tool)


@pytest.mark.parametrize(
    ("annotations", "labels"),
    [
        (ARGO_CD | {SYNC_OPTIONS: "Prune=false, Delete=false"}, {}),
        (ARGO_CD | {KEEP: "keep", SYNC_OPTIONS: "ServerSideApply=true,Prune=false"}, {}),
        ({FLUX_PRUNE: "disabled"}, FLUX),
    ],
)
def test_what_is_guarded_is_no_hazard(annotations: Any, labels: Any) -> None:
    assert said(crd(annotations, labels)) == []


def test_a_conversion_webhook_must_go_before_its_server() -> None:
    body = crd()
    body["spec"]["conversion"] = {"strategy": "Webhook", "webhook": {"clientConfig": {}}}

    (found,) = said(body)

    assert found.blocks
    assert found.cure.startswith("remove spec.conversion")


@pytest.mark.parametrize("served", [("v1beta1",), ()])
def test_a_version_that_coffer_reads_must_be_served(served: tuple[str, ...]) -> None:
    (found,) = said(crd(served=served))

    assert found.blocks
    assert found.problem == "it does not serve v1, which Coffer reads"


@pytest.mark.parametrize(("stored", "named"), [(("v1", "v1alpha1"), "v1alpha1"), (("v2", "v1alpha1"), "v1alpha1, v2")])
def test_stored_versions_that_our_crd_does_not_list_are_told(stored: Any, named: str) -> None:
    (found,) = said(crd(stored=stored))

    assert found.problem == f"objects are stored in {named}, which Coffer's own CRD does not list"
    assert not found.blocks


def test_a_crd_that_coffer_does_not_use_is_not_compared() -> None:
    assert list(crd_hazards(crd(served=("v2",), stored=("v9",)), {}, {}, 0)) == []


@pytest.mark.parametrize(
    ("group", "module"), [("bitnami.com", "sealed"), ("generators.external-secrets.io", "external"), ("x.io", "")]
)
def test_the_group_says_whose_a_crd_is(group: str, module: str) -> None:
    assert module_of_crd({"spec": {"group": group}}) == module
