"""No reference of an ExternalSecret leaves its namespace: every field of the CRD that names an object is tried.

Those of stores are walked on the real API server, in tests/e2e/test_security.py. A new field fails here until it has a
case.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from external.generators.fake import FAKE
from external.summaries import external_secret_summary
from manager.kube.resources import CONFIGMAPS, EXTERNAL_SECRETS, SECRET_STORES, SECRETS, Body
from tests.builders.external_module import ExternalModule
from tests.builders.external_objects import encoded
from tools.crds import FOLDER

OWN_TARGET = {"spec.target"}
"""Names what is written, not what is read; it has no namespace, and the writer is given the object's own."""

UNSERVED = {"spec.data[].sourceRef.generatorRef"}
"""Refused before anything is read; the original does not serve it either (test_allowed.py)."""

STORE = {"name": "there", "namespace": "other"}
SOURCE = {"name": "there", "namespace": "other", "items": [{"key": "k"}]}
ENTRY = {"secretKey": "k", "remoteRef": {"key": "remote"}}
CASES: dict[str, Body] = {
    "spec.secretStoreRef": {"secretStoreRef": STORE},
    "spec.data[].sourceRef.storeRef": {"data": [{**ENTRY, "sourceRef": {"storeRef": STORE}}]},
    "spec.dataFrom[].sourceRef.storeRef": {
        "dataFrom": [{"extract": {"key": "remote"}, "sourceRef": {"storeRef": STORE}}],
        "data": None,
    },
    "spec.dataFrom[].sourceRef.generatorRef": {
        "dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Fake", **STORE}}}],
        "data": None,
    },
    "spec.target.template.templateFrom[].configMap": {
        "target": {"template": {"templateFrom": [{"configMap": SOURCE}]}}
    },
    "spec.target.template.templateFrom[].secret": {"target": {"template": {"templateFrom": [{"secret": SOURCE}]}}},
}


def naming(schema: Body, path: str) -> Iterator[str]:
    """Yield the path of every object in a schema that has a name and so may be a reference."""
    properties: Body = schema.get("properties", {})
    if properties.get("name", {}).get("type") == "string":
        yield path
    for name, each in properties.items():
        yield from naming(each, f"{path}.{name}")
    if "items" in schema:
        yield from naming(schema["items"], f"{path}[]")


def references(plural: str, inside: str = "") -> set[str]:
    """Return those of a CRD's spec, with paths from `spec` on."""
    crd = yaml.load((FOLDER / f"{plural}.yaml").read_text(), Loader=yaml.CSafeLoader)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return set(naming(schema["properties"][inside] if inside else schema, "spec"))


def test_every_reference_has_a_case() -> None:
    found = references("externalsecrets")

    assert found - OWN_TARGET - UNSERVED == set(CASES)
    assert references("clusterexternalsecrets", "externalSecretSpec") == found, "its copies stand in their namespaces"


@pytest.mark.parametrize("path", CASES)
async def test_a_reference_stays_in_its_namespace_whatever_stands_beside_it(bench: ExternalModule, path: str) -> None:
    """A field `namespace` is unknown there: the schema prunes it, and where an older one kept it nothing is read."""
    values = [{"key": "remote", "value": '{"k": "theirs"}'}]
    there = {"name": "there", "namespace": "other"}
    bench.put(SECRET_STORES, {"metadata": there, "spec": {"provider": {"fake": {"data": values}}}})
    bench.put(FAKE.resource, {"metadata": there, "spec": {"data": {"k": "theirs"}}})
    bench.put(CONFIGMAPS, {"metadata": there, "data": {"k": "theirs"}})
    bench.put(SECRETS, {"metadata": there, "data": encoded(k="theirs")})
    bench.store(values={"remote": "mine"})

    bench.external(**CASES[path])
    await bench.settle()

    assert bench.ready()[0] == "False"
    assert ".namespace: unknown field" in bench.ready()[2]
    assert bench.data() is None
    assert not [place for verb, place in bench.api.calls if "other/" in place and "SecretStore" not in place]
    body: Any = bench.body(EXTERNAL_SECRETS, "es")
    digest = external_secret_summary(body)
    assert {key.namespace for key in (*digest.stores, *digest.templates)} == {"ns"}


def test_a_kind_that_is_neither_is_a_store_of_the_own_namespace() -> None:
    body = {"metadata": {"name": "es", "namespace": "ns"}, "spec": {"secretStoreRef": {"name": "there", "kind": "Odd"}}}

    assert [(each.resource, each.namespace) for each in external_secret_summary(body).stores] == [(SECRET_STORES, "ns")]
