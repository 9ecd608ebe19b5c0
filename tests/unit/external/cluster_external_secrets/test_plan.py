"""Which namespaces a ClusterExternalSecret chooses, and what each of its ExternalSecrets should be."""

from typing import Any

import pytest

from external.api.cluster_external_secret import ClusterExternalSecretSpec
from external.api.fields import parse
from external.cluster_external_secrets.plan import (
    ADOPT,
    EXTERNAL_COPIES,
    FORCE_SYNC,
    MANAGER,
    NAMESPACE_FINALIZER,
    Copies,
    NamespaceSummary,
    chooses,
    chosen,
    namespace_summary,
    require_selectors,
)
from external.summaries import external_secret_summary
from manager.core.errors import NeedsHuman
from manager.kube.cache import Meta, MetadataCache
from manager.kube.resources import EXTERNAL_SECRETS, NAMESPACES, Body, key_of

SPEC = {"secretStoreRef": {"name": "store"}, "data": [{"secretKey": "k", "remoteRef": {"key": "r"}}]}
PROD, DEV = {"matchLabels": {"env": "prod"}}, {"matchLabels": {"env": "dev"}}
MARKED = {"labels": {"l": "1"}, "annotations": {"n": "2"}}


def spec(**more: Any) -> ClusterExternalSecretSpec:
    return parse(ClusterExternalSecretSpec, {"externalSecretSpec": SPEC, **more}, reason="x", at="spec")


def copies(annotations: dict[str, str] | None = None, **more: Any) -> Copies:
    body = {"metadata": {"name": "ces", "uid": "u", "annotations": annotations}, "spec": {"externalSecretSpec": SPEC}}
    return Copies(body, spec(**more))


def seen(body: Body) -> Meta:
    """Return what the cache keeps of an object."""
    cache = MetadataCache({EXTERNAL_SECRETS: external_secret_summary, NAMESPACES: namespace_summary})
    resource = NAMESPACES if body.get("kind") == "Namespace" else EXTERNAL_SECRETS
    whole = {**body, "metadata": {"uid": "1", "resourceVersion": "1", "creationTimestamp": "", **body["metadata"]}}
    cache.observe(resource, None, whole)
    found = cache.get(key_of(resource, whole))
    assert found is not None
    return found


def namespace(name: str, **meta: Any) -> Body:
    return {"kind": "Namespace", "metadata": {"name": name, **meta}}


def managed(*fields: str, section: str = "labels") -> list[dict[str, Any]]:
    """Return a record of the API server: these fields are ours."""
    owned = {"f:metadata": {f"f:{section}": {f"f:{each}": {} for each in fields}}}
    return [
        {"manager": MANAGER, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": owned}
    ]


def test_only_the_originals_finalizers_of_a_namespace_are_kept() -> None:
    ours = f"{NAMESPACE_FINALIZER}ces"

    assert namespace_summary(namespace("a", finalizers=["kubernetes", ours])) == NamespaceSummary((ours,))
    assert namespace_summary(namespace("a")) == NamespaceSummary(())


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, False),
        ({"namespaceSelector": PROD}, True),
        ({"namespaceSelector": DEV}, False),
        ({"namespaceSelectors": [DEV, PROD]}, True),
        ({"namespaceSelectors": [DEV]}, False),
        ({"namespaceSelector": {}}, True),
        ({"namespaces": ["ns"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"namespaces": ["other"], "namespaceSelector": PROD}, True),
    ],
    ids=str,
)
def test_any_selector_or_the_list_chooses_a_namespace(choice: dict[str, Any], expected: bool) -> None:
    assert chooses(spec(**choice), "ns", {"env": "prod"}) is expected


def test_a_namespace_that_is_being_deleted_is_not_chosen() -> None:
    bodies = [namespace("b"), namespace("a"), namespace("gone", deletionTimestamp="2026-01-01T00:00:00Z")]

    assert chosen(spec(namespaceSelector={}), [(key_of(NAMESPACES, each), seen(each)) for each in bodies]) == ["a", "b"]


def test_an_invalid_selector_is_named_before_anything_is_chosen() -> None:
    require_selectors(spec(namespaceSelector=PROD))
    wrong = {"matchExpressions": [{"key": "env", "operator": "Like"}]}

    with pytest.raises(NeedsHuman, match=r"spec\.namespaceSelectors\[1\]\.matchExpressions\[0\]"):
        require_selectors(spec(namespaceSelectors=[PROD, wrong]))


@pytest.mark.parametrize(("name", "expected"), [(None, "ces"), ("given", "given")])
def test_the_name_may_be_given(name: str | None, expected: str) -> None:
    assert copies(externalSecretName=name).key("ns").name == expected


def test_a_new_one_has_its_owner_and_the_metadata_that_is_given() -> None:
    made = copies({FORCE_SYNC: "now"}, externalSecretMetadata=MARKED).new("ns")

    meta = made["metadata"]
    assert (made["kind"], meta["name"], meta["namespace"], made["spec"]) == ("ExternalSecret", "ces", "ns", SPEC)
    assert [(each["uid"], each["controller"]) for each in meta["ownerReferences"]] == [("u", True)]
    assert (meta["labels"], meta["annotations"]) == ({"l": "1"}, {"n": "2", FORCE_SYNC: "now"})
    assert not {"labels", "annotations"} & set(copies().new("ns")["metadata"])


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        ([], False),
        ([{"kind": "ClusterExternalSecret", "name": "ces", "uid": "u", "controller": True}], True),
        ([{"kind": "ClusterExternalSecret", "name": "ces", "uid": "earlier", "controller": True}], False),
    ],
)
def test_only_the_owners_uid_makes_one_ours(owners: list[dict[str, Any]], expected: bool) -> None:
    body = {"metadata": {"name": "ces", "namespace": "ns", "ownerReferences": owners}, "spec": SPEC}

    assert copies().ours(seen(body)) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"labels": {"l": "1", "of": "others"}}, True),
        ({"labels": {"l": "other"}}, False),
        ({"labels": {}}, False),
        ({"annotations": {"n": "other"}}, False),
        ({"annotations": {"n": "2", FORCE_SYNC: "earlier"}}, False),
    ],
    ids=str,
)
def test_one_stands_if_its_metadata_is_as_it_should_be(change: dict[str, Any], expected: bool) -> None:
    wanted = copies(externalSecretMetadata=MARKED)
    body = wanted.new("ns")
    body["metadata"] |= change

    assert wanted.stands(seen(body)) is expected


def test_one_whose_spec_was_edited_does_not_stand() -> None:
    body = copies().new("ns")
    body["spec"] = {**SPEC, "refreshInterval": "5m"}

    assert not copies().stands(seen(body))


def test_mending_takes_back_what_was_ours_and_leaves_what_is_others() -> None:
    present: Body = {
        "metadata": {
            "name": "ces",
            "labels": {"l": "other", "earlier": "1", "of": "others"},
            "annotations": {FORCE_SYNC: "earlier"},
            "managedFields": managed("l", "earlier"),
        },
        "spec": {},
    }

    mended = copies(externalSecretMetadata={"labels": {"l": "1"}}).mended(present)

    assert mended["spec"] == SPEC
    assert mended["metadata"]["labels"] == {"l": "1", "of": "others"}
    assert mended["metadata"]["annotations"] == {}
    assert present["metadata"]["labels"]["l"] == "other", "what was read is not changed"


def test_mending_adds_no_empty_metadata() -> None:
    assert copies().mended({"metadata": {"name": "ces"}, "spec": {}})["metadata"] == {"name": "ces"}


@pytest.mark.parametrize(
    ("kind", "expected"), [("ClusterExternalSecret", True), ("ClusterPushSecret", False), ("", False)]
)
def test_a_copy_belongs_to_the_kind_that_controls_it(kind: str, expected: bool) -> None:
    owner = {"apiVersion": "external-secrets.io/v1", "kind": kind, "name": "ces", "uid": "u", "controller": True}
    found = seen({"metadata": {"namespace": "a", "name": "ces", **({"ownerReferences": [owner]} if kind else {})}})

    assert EXTERNAL_COPIES.owns(found) is expected


def test_a_renamed_copy_takes_over_what_the_earlier_one_did_but_not_from_whom_the_user_named() -> None:
    renamed = copies().new("a", earlier="before")
    named = copies(externalSecretMetadata={"annotations": {ADOPT: "a/other"}}).new("a", earlier="before")

    assert renamed["metadata"]["annotations"] == {ADOPT: "a/before"}
    assert named["metadata"]["annotations"] == {ADOPT: "a/other"}
