"""Every value of the chart does what its comment says, and is explained."""

from typing import Any
from zlib import crc32

import pytest

from tests.unit.charts.effects import EFFECTS, TESTED_ELSEWHERE, Effect
from tests.unit.charts.rendering import at, documents, many, parsed
from tools.chart_values import VALUES, values

DEFAULT = "default"


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: merged(first[name], each) if isinstance(each, dict) and isinstance(first.get(name), dict) else each
        for name, each in second.items()
    }
    return {**first, **both}


def nested(path: str, value: Any) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    return {name: nested(rest, value) if rest else value}


def case(path: str) -> str:
    return path.replace(".", "-").lower()


def without(row: Effect) -> str:
    """Return the case of a row without its value: rows that need the same values share one."""
    return f"without-{crc32(str(row.also).encode())}"


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[str]]:
    """Render all rows at once, and what they need without their value.

    A fixture: the time limit of a unit test does not count the one run of helm that all rows share.
    """
    cases: dict[str, Any] = {}
    for row in EFFECTS:
        cases[case(row.path)] = merged(dict(row.also), nested(row.path, row.value))
        assert cases.setdefault(without(row), dict(row.also)) == row.also
    return documents(cases)


def seen(found: list[str], place: str) -> Any:
    """Return the value at a place; only documents of its kind are parsed."""
    kind = place.partition("/")[0]
    return at(parsed(each for each in found if f"\nkind: {kind}\n" in each), place)


@pytest.mark.parametrize("row", EFFECTS, ids=lambda row: row.path)
def test_a_value_has_its_effect(row: Effect, rendered: dict[str, list[str]]) -> None:
    assert seen(rendered[case(row.path)], row.place) == row.wanted
    assert seen(rendered[without(row)], row.place) != row.wanted, "this place says the same without the value"


def test_every_value_has_a_row() -> None:
    known = {row.path for row in EFFECTS} | set(TESTED_ELSEWHERE)
    paths = {each.path for each in values(VALUES.read_text()) if each.leaf}

    assert paths - known == set()
    assert known - paths == set()


def test_every_value_is_explained() -> None:
    assert [each.path for each in values(VALUES.read_text()) if each.leaf and not each.about] == []


def test_every_object_has_the_common_labels_and_annotations() -> None:
    everything = {
        "commonLabels": {"team": "a"},
        "commonAnnotations": {"note": "b"},
        "ingress": {"enabled": True},
        "networkPolicy": {"enabled": True},
        "grafanaDashboard": {"enabled": True},
        "metrics": {
            "tls": {"enabled": True, "secretName": "s"},
            "authorization": {"enabled": True, "subjects": [{"kind": "User", "name": "u"}]},
            "serviceMonitor": {"enabled": True},
            "podMonitor": {"enabled": True},
            "rules": {"enabled": True},
        },
    }
    objects = many({"everything": everything})["everything"]

    assert len(objects) > 25
    for each in objects:
        assert each["metadata"]["labels"]["team"] == "a", each["metadata"]["name"]
        assert each["metadata"]["annotations"]["note"] == "b", each["metadata"]["name"]


def test_labels_that_select_the_pods_cannot_be_replaced() -> None:
    (objects,) = many({"one": {"commonLabels": {"app.kubernetes.io/name": "other"}, "podLabels": {"a": "b"}}}).values()

    pod = at(objects, "Deployment/coffer spec.template.metadata.labels")
    assert pod["app.kubernetes.io/name"] == "coffer"
    assert pod.items() >= at(objects, "Deployment/coffer spec.selector.matchLabels").items()


def test_a_value_of_this_chart_wins_over_the_parents() -> None:
    own = {"nodeSelector": {"own": "x"}, "global": {"nodeSelector": {"parent": "y"}, "anything": 1}}
    secrets = {"imagePullSecrets": [{"name": "a"}], "global": {"imagePullSecrets": [{"name": "b"}]}}
    found = many({"selector": own, "secrets": secrets})

    assert at(found["selector"], "Deployment/coffer spec.template.spec.nodeSelector") == {"own": "x"}
    names = at(found["secrets"], "Deployment/coffer spec.template.spec.imagePullSecrets")
    assert [each["name"] for each in names] == ["a", "b"]


@pytest.mark.parametrize(
    ("mode", "cluster", "left_out"),
    [
        ("auto", "openshift", True),
        ("auto", "other", False),
        ("force", "other", True),
        ("disabled", "openshift", False),
    ],
)
def test_openshift_chooses_the_ids(mode: str, cluster: str, left_out: bool) -> None:
    flags = ["--api-versions=security.openshift.io/v1"] if cluster == "openshift" else []
    given = {"openshift": {"adaptSecurityContext": mode}, "securityContext": {"runAsUser": 7}}

    objects = many({"one": given}, *flags)["one"]

    pod = at(objects, "Deployment/coffer spec.template.spec")
    contexts = [pod["securityContext"], pod["containers"][0]["securityContext"]]
    assert [("runAsUser" not in each) for each in contexts] == [left_out] * 2
    assert pod["securityContext"]["runAsNonRoot"] is True
