"""Whose an object is, by its labels and its release."""

from typing import Any

import pytest

from manager.cli.migrate.originals import (
    CHART_LABEL,
    NAME_LABEL,
    ORIGINALS,
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    ReleaseKey,
    chart_version,
    module_of,
    release_of,
    releases_of,
)
from manager.runtime.predecessors import SELECTORS


@pytest.mark.parametrize(
    ("labels", "module"),
    [
        ({NAME_LABEL: "sealed-secrets"}, "sealed"),
        ({"name": "sealed-secrets-controller"}, "sealed"),
        ({NAME_LABEL: "external-secrets-cert-controller"}, "external"),
        ({NAME_LABEL: "reflector"}, "reflector"),
        ({NAME_LABEL: "coffer"}, ""),
        (None, ""),
    ],
)
def test_labels_name_the_module(labels: Any, module: str) -> None:
    assert module_of({"labels": labels}) == module


def test_every_original_is_found_by_the_labels_that_the_controller_looks_for() -> None:
    for module, original in ORIGINALS.items():
        assert f"{NAME_LABEL}={original.names[0]}" in SELECTORS[module]


@pytest.mark.parametrize(
    ("annotations", "release"),
    [
        ({RELEASE_NAME: "r", RELEASE_NAMESPACE: "ns"}, ReleaseKey("ns", "r")),
        ({RELEASE_NAME: "r"}, None),
        (None, None),
    ],
)
def test_annotations_name_the_release(annotations: Any, release: Any) -> None:
    assert release_of({"annotations": annotations}) == release


def test_releases_are_those_of_originals() -> None:
    def made(name: str, release: str) -> Any:
        marks = {RELEASE_NAME: release, RELEASE_NAMESPACE: "ns"}
        return {"metadata": {"labels": {NAME_LABEL: name}, "annotations": marks}}

    found = releases_of(
        [made("reflector", "a"), made("nginx", "b"), {"metadata": {"labels": {NAME_LABEL: "reflector"}}}]
    )

    assert found == {ReleaseKey("ns", "a"): "reflector"}


@pytest.mark.parametrize(
    ("label", "version"),
    [("external-secrets-2.9.0", "2.9.0"), ("external-secrets-2.9.0_b1", "2.9.0+b1"), ("other-1.0", ""), (None, "")],
)
def test_the_version_of_a_chart_stands_in_a_label(label: Any, version: str) -> None:
    labels = {CHART_LABEL: label} if label else None

    assert chart_version({"labels": labels}, "external-secrets") == version
