"""Reads the record of a Helm release: which CRDs its manifest keeps, and which values it was given."""

import base64
import gzip
import json
from typing import Any

import pytest

from manager.cli.migrate.releases import MAX_BYTES, Release, read_release

CRD = """# Source: x/templates/crd.yaml
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {name}
{annotations}
spec:
  group: external-secrets.io
  names: {{kind: CustomResourceDefinition}}
"""
KEPT = """  annotations: {"helm.sh/resource-policy": " Keep "}"""
OTHER = "kind: Deployment\nmetadata: {name: d}\nspec: {x: CustomResourceDefinition}\n"


def secret(manifest: str, *, zipped: bool = True, **record: Any) -> Any:
    content = json.dumps({"manifest": manifest, "chart": {"metadata": {"name": "c", "version": "1.2.3"}}, **record})
    packed = gzip.compress(content.encode()) if zipped else content.encode()
    twice = base64.b64encode(base64.b64encode(packed)).decode()
    return {"metadata": {"name": "sh.helm.release.v1.c.v1"}, "data": {"release": twice}}


def crds(manifest: str) -> Any:
    found = read_release(secret(manifest))
    assert found is not None
    return found.crds


@pytest.mark.parametrize("zipped", [True, False])
def test_keep_is_read_from_the_manifest(zipped: bool) -> None:
    documents = [CRD.format(name="kept", annotations=KEPT), OTHER, CRD.format(name="not", annotations="  labels: {}")]

    found = read_release(secret("---\n" + "---\n".join(documents), zipped=zipped))

    assert found == Release("c", "1.2.3", {"kept": True, "not": False})


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ("", {}),
        (OTHER, {}),
        ('spec: {}\nkind: CustomResourceDefinition\nmetadata: {name: "late"}\n', {"late": False}),
        ("kind: CustomResourceDefinition\nmetadata: {}\n", {}),
    ],
)
def test_other_orders_and_kinds_are_read(manifest: str, expected: Any) -> None:
    assert crds(manifest) == expected


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": {"release": "!!!"}},
        {"data": {"release": base64.b64encode(base64.b64encode(b"\x1f\x8bnot gzip")).decode()}},
        secret("", chart=None),
        secret("kind: CustomResourceDefinition\nmetadata: [\n"),
    ],
)
def test_a_record_that_cannot_be_read_is_none(body: Any) -> None:
    assert read_release(body) is None


@pytest.mark.parametrize(("config", "expected"), [({"a": {"b": 1}}, {"a": {"b": 1}}), (None, {}), (["a"], {})])
def test_the_values_are_those_that_the_release_was_given(config: Any, expected: Any) -> None:
    found = read_release(secret("", config=config))

    assert found is not None
    assert found.values == expected
    assert "values" not in repr(found), "they may hold secrets"


def test_a_record_that_unpacks_to_too_much_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manager.cli.migrate.releases.MAX_BYTES", 1000)
    assert MAX_BYTES > 15 << 20

    assert read_release(secret("x" * 2000)) is None
