"""The CRDs come with the release, stay when it goes, and fit into helm's record of it."""

import base64
import gzip
from functools import cache
from typing import Any

import yaml

from manager.kube.crds import KEEP
from tests.controller import CHART, CRDS
from tests.unit.charts.rendering import helm

MAX_RELEASE_BYTES = 1024 * 1024
"""Of a Secret: helm keeps chart and manifests of a release in one, compressed and in base64."""
SHARE = 0.5
"""Of it that the chart may take: values, hooks and a parent chart need room too."""


@cache
def metadata(*values: str) -> dict[str, dict[str, Any]]:
    """Return name -> metadata of every CRD; the rest of them takes long to read."""
    done = helm("template", "coffer", str(CHART), *(f"--set={value}" for value in values))
    assert done.returncode == 0, done.stderr
    found = {}
    for document in done.stdout.split("\n---\n"):
        if "\nkind: CustomResourceDefinition\n" in document:
            head = yaml.safe_load(document.partition("\nspec:\n")[0])
            found[head["metadata"]["name"]] = head["metadata"]
    return found


def test_every_crd_is_installed_as_it_was_generated() -> None:
    done = helm("template", "coffer", str(CHART))
    files = [file.read_text() for file in CRDS.glob("*.yaml")]

    assert len(metadata()) == len(files)
    for text in files:
        assert text.partition("\nspec:\n")[2].rstrip() in done.stdout


def test_crds_stay_unless_they_are_told_to_go() -> None:
    for each in metadata().values():
        assert each["annotations"].items() >= KEEP.items()
    for each in metadata("crds.keep=false").values():
        assert not set(each.get("annotations", {})) & set(KEEP)


def test_crds_get_annotations_and_common_labels() -> None:
    given = ("crds.annotations.a=b", "commonLabels.team=c", "commonAnnotations.note=d")
    for name, each in metadata(*given).items():
        assert each["annotations"].items() >= {"a": "b", "note": "d", **KEEP}.items()
        assert each["labels"]["team"] == "c"
        assert ("external-secrets.io/component" in each["labels"]) is name.endswith("external-secrets.io")


def test_sync_options_of_users_leave_the_crds_kept() -> None:
    """Argo CD reads one annotation for all of its options."""
    given = "crds.annotations.argocd\\.argoproj\\.io/sync-options=ServerSideApply=true"
    (kept,) = {each["annotations"]["argocd.argoproj.io/sync-options"] for each in metadata(given).values()}
    (free,) = {
        each["annotations"]["argocd.argoproj.io/sync-options"] for each in metadata(given, "crds.keep=false").values()
    }

    assert kept == "Prune=false,ServerSideApply=true"
    assert free == "ServerSideApply=true"


def test_only_the_crds_of_modules_that_are_on_are_installed() -> None:
    assert metadata("crds.install=false") == {}
    assert metadata("scope={a}") == {}
    assert set(metadata("modules.external=false")) == {"sealedsecrets.bitnami.com"}
    assert "sealedsecrets.bitnami.com" not in metadata("modules.sealed=false")
    assert metadata("modules.sealed=false", "modules.external=false") == {}


def test_a_release_fits_into_the_secret_that_helm_keeps_it_in() -> None:
    chart = b"".join(file.read_bytes() for file in sorted(CHART.rglob("*")) if file.is_file())
    manifests = helm("template", "coffer", str(CHART)).stdout.encode()

    record = base64.b64encode(gzip.compress(base64.b64encode(chart) + manifests))

    assert len(record) < MAX_RELEASE_BYTES * SHARE
