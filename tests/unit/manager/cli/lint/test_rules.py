"""What is wrong with one manifest: each fault with its field, and nothing of what is right."""

from pathlib import Path
from typing import Any

import pytest

from manager.cli.lint.references import References
from manager.cli.lint.rules import problems
from manager.cli.manifests.reading import Manifest, manifests
from manager.cli.manifests.verdicts import Problem, Weight

ROOT = Path(__file__).parents[5]
ESO, SEALED = "external-secrets.io/v1", "bitnami.com/v1alpha1"
ENTRY = {"secretKey": "a", "remoteRef": {"key": "r"}}
BLOB = "AgB" + "A" * 2000


def manifest(kind: str, api: str = ESO, name: str = "x", namespace: str = "ns", **more: Any) -> Manifest:
    meta = {"name": name, "namespace": namespace, **more.pop("meta", {})}
    return Manifest("f.yaml", 1, {"apiVersion": api, "kind": kind, "metadata": meta, **more})


def external(**spec: Any) -> Manifest:
    return manifest("ExternalSecret", spec={"secretStoreRef": {"name": "store"}, "data": [ENTRY], **spec})


def sealed(values: dict[str, Any], **more: Any) -> Manifest:
    return manifest("SealedSecret", SEALED, spec={"encryptedData": values}, **more)


def store(provider: dict[str, Any], **spec: Any) -> Manifest:
    return manifest("SecretStore", spec={"provider": provider, **spec})


def said(given: Manifest) -> str:
    return "\n".join(each.text for each in problems(given))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (external(refreshIntervall="1h"), "spec.refreshIntervall: unknown field; did you mean refreshInterval?"),
        (external(refreshInterval="1 hour"), "spec.refreshInterval"),
        (
            external(data=[{**ENTRY, "remoteReff": {}}]),
            "spec.data[0].remoteReff: unknown field; did you mean remoteRef",
        ),
        (external(data=[]), "either data or dataFrom should be specified"),
        (external(data=[ENTRY, ENTRY]), "duplicate secretKey found: a"),
        (external(secretStoreRef=None), "spec.data[0]: it has no store"),
        (
            external(syncWindows={"kind": "allow", "windows": [{"schedule": "61 * * * *", "duration": "1h"}]}),
            "schedule",
        ),
        (external(target={"creationPolicy": "Own"}), "spec.target.creationPolicy"),
        (external(target={"creationPolicy": "Merge", "deletionPolicy": "Delete"}), "deletionPolicy"),
        (
            external(
                target={
                    "template": {
                        "metadata": {
                            "annotations": {"reflector.v1.k8s.emberstack.com/reflection-alowed": "true"},
                        }
                    }
                }
            ),
            "spec.target.template.metadata.annotations: reflector.v1.k8s.emberstack.com/reflection-alowed: unknown",
        ),
        (manifest("ExternalSecret", "external-secrets.io/v1alpha9", spec={}), "apiVersion: v1alpha9 is not served"),
        (manifest("ExternalSecrets", spec={}), "is none of external-secrets.io; did you mean ExternalSecret?"),
        (manifest("ExternalSecret", name="", spec={"data": [ENTRY]}), "metadata.name: it is missing"),
        (Manifest("f", 1, {"kind": "Secret"}), "apiVersion and kind: both are needed"),
        (store({"awss": {}}), "spec.provider.awss: unknown field; did you mean aws?"),
        (store({"aws": {"service": "SecretManager", "region": "x"}}), "spec.provider.aws.service"),
        (sealed({"a": "c2VjcmV0"}), "spec.encryptedData[a] is not sealed"),
        (
            sealed({"a": BLOB}, meta={"annotations": {"reflector.v1.k8s.emberstack.com/reflects": "a/b"}}),
            "has no effect here",
        ),
        (
            manifest(
                "Secret",
                "v1",
                meta={"annotations": {"reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces": "a*b("}},
            ),
            "not a regular expression",
        ),
        (manifest("PushSecret", "external-secrets.io/v1alpha1", spec={"selectr": {}}), "did you mean selector?"),
        (manifest("ClusterExternalSecret", namespace="", spec={"namespaceSelectr": {}}), "namespaceSelectr: unknown"),
    ],
)
def test_a_fault_is_told_with_its_field(given: Manifest, text: str) -> None:
    assert text in said(given)


@pytest.mark.parametrize(
    "given",
    [
        external(),
        external(secretStoreRef=None, data=[{**ENTRY, "sourceRef": {"storeRef": {"name": "s"}}}]),
        store({"fake": {"data": [{"key": "k", "value": "v"}]}}),
        manifest("Deployment", "apps/v1", spec={"nonsense": True}),
        manifest("Secret", "v1", data={"a": "b"}),
        manifest("ExternalSecret", "external-secrets.io/v1", spec={"dataFrom": [{"extract": {"key": "k"}}]}),
    ],
)
def test_what_is_right_is_not_told(given: Manifest) -> None:
    assert said(given) == ""


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda each: each.name)
def test_the_examples_are_right(file: Path) -> None:
    given, unread = manifests([str(file)])

    assert unread == []
    assert [problem for each in given for problem in problems(each) if problem.weight is Weight.FAULT] == []


def test_a_provider_that_is_not_served_is_a_warning() -> None:
    found = list(problems(store({"oracle": {"region": "r", "vault": "v"}})))

    assert [each.weight for each in found] == [Weight.WARNING]
    assert "spec.provider.oracle: not served by this version" in found[0].text


@pytest.mark.parametrize("spec", [None, [], "x", 5, {"data": "x", "target": 3}, {"provider": []}])
@pytest.mark.parametrize("kind", ["ExternalSecret", "SecretStore", "PushSecret", "ClusterExternalSecret"])
def test_a_malformed_object_is_told_and_breaks_nothing(kind: str, spec: object) -> None:
    api = "external-secrets.io/v1alpha1" if kind == "PushSecret" else ESO
    body = {"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, "spec": spec}

    assert list(problems(Manifest("f", 1, body)))


def test_a_name_that_is_much_like_one_in_the_files_is_told() -> None:
    given = [external(secretStoreRef={"name": "stor"}), store({"fake": {}}), store({"fake": {}})]
    references = References(
        [given[0], Manifest("f", 2, {**given[1].body, "metadata": {"name": "store", "namespace": "ns"}})]
    )

    assert list(references.problems(given[0])) == [
        Problem("SecretStore stor is not in the files; did you mean store?", Weight.WARNING)
    ]
    assert next(References(given).problems(given[1])).text.endswith("more than once: the last one wins")
    assert list(References([given[0]]).problems(given[0])) == []


def test_a_store_of_the_other_kind_is_told() -> None:
    cluster = Manifest("f", 1, {"apiVersion": ESO, "kind": "ClusterSecretStore", "metadata": {"name": "store"}})

    (found,) = References([external(), cluster]).problems(external())

    assert found.text == "SecretStore store is not in the files, but ClusterSecretStore store is"


def test_values_are_never_quoted() -> None:
    value = "hunter2-hunter2"
    given = [
        sealed({"a": value}),
        external(data=[{"secretKey": "a", "remoteRef": value}]),
        store({"fake": {"data": [{"key": "k", "value": {"x": value}}]}}),
        manifest("Secret", "v1", data={"a": value}, stringData={"b": value}),
    ]

    assert value not in "".join(map(said, given))
