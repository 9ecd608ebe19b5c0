"""What a Secret becomes by a push."""

import base64
from typing import Any

import pytest

from external.api.push_metadata.kubernetes import KubernetesPushSpec
from external.providers.kubernetes.pushed_secret import desired_secret
from external.providers.push import PushRefused, PushRequest, RemoteRef, SourceMeta
from manager.core.secret_value import SecretValue

OWNER = "coffer.dev/push-secret"
MARK = {OWNER: "ns/a"}
NO_SOURCE = SourceMeta()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def request(name: str = "", key: str = "", source: SourceMeta = NO_SOURCE, **values: str) -> PushRequest:
    given = {key: SecretValue(each.encode()) for key, each in values.items()}
    return PushRequest(RemoteRef("app", name), key, given, "ns/a", recorded=True, source=source)


def spec(**fields: Any) -> KubernetesPushSpec:
    return KubernetesPushSpec.model_validate(fields)


def remote(labels: Any = None, annotations: Any = None, **data: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": "app", "resourceVersion": "1", "annotations": {**(annotations or {}), **MARK}}
    meta |= {"labels": labels} if labels else {}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque"}
    return body | {"data": {name: encoded(each) for name, each in data.items()}}


def wanted(found: Any, asked: PushRequest, **fields: Any) -> Any:
    return desired_secret(found, "app", asked, spec(**fields))


@pytest.mark.parametrize(
    ("asked", "data"),
    [
        (request("p", "a", a="1", b="2"), {"old": "x", "p": "1"}),
        (request("p", a="1", b="2"), {"old": "x", "p": '{"a":"1","b":"2"}'}),
        (request(a="1", b="2"), {"a": "1", "b": "2"}),
    ],
)
def test_a_property_joins_the_keys_and_the_whole_source_replaces_them(asked: PushRequest, data: dict[str, str]) -> None:
    found = wanted(remote(old="x"), asked)

    assert found["data"] == {name: encoded(each) for name, each in data.items()}
    assert wanted(found, asked) is found


def test_a_key_without_a_property_has_no_place() -> None:
    with pytest.raises(PushRefused, match="requires property in RemoteRef to push secret value"):
        wanted(None, request(key="a", a="1"))
    with pytest.raises(PushRefused, match=r"remoteRef.property: a Secret has no such key"):
        wanted(None, request("a/b", "a", a="1"))


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({}, {"r": "1", "s": "1", "both": "source"}),
        ({"labels": {"both": "entry"}}, {"r": "1", "s": "1", "both": "entry"}),
        ({"labels": {"e": "1"}, "sourceMergePolicy": "Replace"}, {"r": "1", "both": "remote", "e": "1"}),
        ({"targetMergePolicy": "Replace"}, {"s": "1", "both": "source"}),
        ({"targetMergePolicy": "Replace", "sourceMergePolicy": "Replace"}, {}),
        ({"targetMergePolicy": "Ignore", "labels": {"e": "1"}}, {"r": "1", "both": "remote"}),
    ],
)
def test_labels_and_annotations_follow_the_merge_policies(fields: dict[str, Any], labels: dict[str, str]) -> None:
    of_source, of_remote = {"s": "1", "both": "source"}, {"r": "1", "both": "remote"}
    more = {"annotations": fields["labels"]} if "labels" in fields else {}
    asked = request("p", "a", SourceMeta("", of_source, of_source), a="1")

    meta = wanted(remote(of_remote, of_remote, p="1"), asked, **fields, **more)["metadata"]

    assert meta.get("labels", {}) == labels
    assert meta["annotations"] == labels | MARK


@pytest.mark.parametrize(
    "name",
    [
        "kubectl.kubernetes.io/last-applied-configuration",
        "reconcile.external-secrets.io/managed",
        "reflector.v1.k8s.emberstack.com/reflects",
        "reflector.v1.k8s.emberstack.com/reflected-version",
        "reflector.v1.k8s.emberstack.com/auto-reflects",
        "sealedsecrets.bitnami.com/sealed-secrets-key",
        "argocd.argoproj.io/tracking-id",
        "coffer.dev/push-secret",
    ],
)
def test_what_says_whose_the_source_is_stays_with_it(name: str) -> None:
    """A copy with these would count as applied, managed, mirrored or sealed by what made the source."""
    source = SourceMeta("Opaque", {name: "x"}, {name: "x"})

    meta = wanted(None, request("p", "a", source, a="1"))["metadata"]

    assert meta == {"name": "app", "annotations": MARK}


@pytest.mark.parametrize(
    "name", ["team", "argocd.argoproj.io/secret-type", "reflector.v1.k8s.emberstack.com/reflection-allowed"]
)
def test_what_says_how_the_secret_is_used_goes_with_it(name: str) -> None:
    source = SourceMeta("Opaque", {name: "x"}, {name: "x"})

    meta = wanted(None, request("p", "a", source, a="1"))["metadata"]

    assert (meta["labels"], meta["annotations"]) == ({name: "x"}, {name: "x"} | MARK)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("", "Opaque"),
        ("kubernetes.io/tls", "kubernetes.io/tls"),
        ("kubernetes.io/service-account-token", "Opaque"),
        ("bootstrap.kubernetes.io/token", "Opaque"),
    ],
)
def test_a_new_secret_has_the_sources_type_unless_it_grants_rights(given: str, kind: str) -> None:
    assert wanted(None, request(source=SourceMeta(given), a="1"))["type"] == kind


def test_a_type_that_cannot_change_is_told() -> None:
    with pytest.raises(PushRefused, match="the remote Secret has the type Opaque, which cannot change"):
        wanted(remote(), request(source=SourceMeta("kubernetes.io/tls"), a="1"))
    assert wanted(remote(), request("p", "a", SourceMeta("kubernetes.io/tls"), a="1"))["type"] == "Opaque"


def test_base64_of_another_form_is_no_change() -> None:
    found = remote(p="1")
    found["data"]["p"] = "MQ==\n"

    assert wanted(found, request("p", "a", a="1")) is found
