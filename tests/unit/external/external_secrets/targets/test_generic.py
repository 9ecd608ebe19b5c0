"""Targets of any kind that `spec.target.manifest` names."""

from dataclasses import replace
from typing import Any

import pytest

from external.api.hashes import content_hash, object_hash, owner_hash
from external.external_secrets.plan import Plan, plan
from external.external_secrets.view import ADOPT, CREATED_BY, DATA_HASH, MADE_FOR, MANAGED, View
from external.values.object_paths import PathError, Placement, parse_path, placed
from external.values.templates import Content
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Resource
from manager.kube.writer import Create, Delete, Update
from tests.builders.external_objects import UID, encoded, values, view

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
NAME_HASH = owner_hash("ns", "es")


def seen(resource: Resource, present: Any = None, **target: Any) -> View:
    """Return what is known of an ExternalSecret whose target is of a kind."""
    manifest = {"apiVersion": resource.api_version, "kind": resource.kind}
    return replace(view(present, {"manifest": manifest, **target}, labels={"l": "1"}), resource=resource)


def decide(resource: Resource, present: Any = None, data: Any = None, content: Any = None, **target: Any) -> Plan:
    given = values(**({"k": "v"} if data is None else data))
    return plan(seen(resource, present, **target), given, content)


def written(resource: Resource, present: Any = None, data: Any = None, content: Any = None, **target: Any) -> Body:
    action = decide(resource, present, data, content, **target).action
    assert isinstance(action, Create | Update)
    return action.body


def present(resource: Resource, **fields: Any) -> Body:
    meta = {"name": "es", "namespace": "ns", "uid": "u", "resourceVersion": "7", **fields.pop("metadata", {})}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, **fields}


@pytest.mark.parametrize(
    ("resource", "content"),
    [
        (CONFIGMAPS, {"data": {"k": "v"}}),
        (DEPLOYMENTS, {"spec": {"data": {"k": "v"}}}),
        (SECRETS, {"data": encoded(k="v")}),
    ],
)
def test_without_a_template_values_go_where_the_kind_has_them(resource: Resource, content: Body) -> None:
    made = written(resource)

    assert {name: made[name] for name in made if name in ("spec", "data")} == content
    assert (made["apiVersion"], made["kind"]) == (resource.api_version, resource.kind)
    labels, annotations = made["metadata"]["labels"], made["metadata"]["annotations"]
    assert labels == {"l": "1", MANAGED: "true", CREATED_BY: NAME_HASH}
    assert annotations == {DATA_HASH: content_hash(made)}
    [owner] = made["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (UID, True)


def test_a_template_makes_spec_and_metadata() -> None:
    spec = {"replicas": 3, "template": {"image": "app"}}
    content = Content({}, {"from": "template"}, {"note": "1"}, placements=(Placement(("spec",), spec),))

    made = written(DEPLOYMENTS, content=content)

    assert made["spec"] == spec
    assert made["metadata"]["labels"] == {"from": "template", MANAGED: "true", CREATED_BY: NAME_HASH}
    assert made["metadata"]["annotations"]["note"] == "1"


def test_merging_keeps_what_stands_beside() -> None:
    slack = {"channel": "general", "api": {"type": "x"}}
    there = present(DEPLOYMENTS, spec={"slack": slack, "other": [1]})
    content = Content({}, placements=(Placement(("spec", "slack"), {"url": "https"}, joins=True),))

    made = written(DEPLOYMENTS, there, content=content, creationPolicy="Merge")

    assert made["spec"] == {"slack": {**slack, "url": "https"}, "other": [1]}
    assert (made["metadata"]["uid"], made["metadata"]["resourceVersion"]) == ("u", "7")
    assert "ownerReferences" not in made["metadata"]


def test_what_was_written_is_left_alone_and_found_valid() -> None:
    made = written(CONFIGMAPS)
    made["metadata"] |= {"uid": "u", "resourceVersion": "7"}
    again = decide(CONFIGMAPS, made)

    assert again.action is None
    assert again.reason == "ResourceSynced"
    assert seen(CONFIGMAPS, made).intact
    assert not seen(CONFIGMAPS, {**made, "data": {"k": "edited"}}).intact
    assert not seen(CONFIGMAPS).intact
    assert seen(CONFIGMAPS, creationPolicy="Orphan").intact


@pytest.mark.parametrize("edit", [{"data": {"k": "v", "x": "theirs"}}, {"data": {}}, {"binaryData": {"b": "eQ=="}}])
def test_edits_of_a_config_map_are_repaired(edit: Body) -> None:
    content = Content({"k": SecretValue(b"v")}, placements=(Placement(("binaryData", "b"), "eA=="),))
    made = written(CONFIGMAPS, content=content)
    made["metadata"] |= {"uid": "u", "resourceVersion": "7"}
    assert decide(CONFIGMAPS, made, content=content).action is None

    mended = written(CONFIGMAPS, {**made, **edit}, content=content)

    assert (mended["data"], mended["binaryData"]) == ({"k": "v"}, {"b": "eA=="})


@pytest.mark.parametrize("policy", ["Owner", "Orphan"])
@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"labels": {MANAGED: "true"}},
        {"labels": {CREATED_BY: NAME_HASH}, "annotations": {DATA_HASH: "stale"}},
        {"ownerReferences": [{"kind": "ExternalSecret", "name": "es", "uid": "another", "controller": True}]},
        {"ownerReferences": [{"kind": "Application", "name": "a", "uid": "x", "controller": True}]},
    ],
)
def test_a_foreign_object_is_never_overwritten_or_deleted(metadata: Body, policy: str) -> None:
    there = present(CONFIGMAPS, data={"theirs": "x"}, metadata=metadata)

    with pytest.raises(NeedsHuman):
        decide(CONFIGMAPS, there, creationPolicy=policy)

    assert not seen(CONFIGMAPS, there).ours
    gone = decide(CONFIGMAPS, there, data={}, deletionPolicy="Delete")
    assert (gone.action, gone.reason) == (None, "ResourceDeleted")


@pytest.mark.parametrize(
    "metadata",
    [
        {"ownerReferences": [{"kind": "ExternalSecret", "name": "es", "uid": UID, "controller": True}]},
        {"annotations": {MADE_FOR: NAME_HASH}},
        {"labels": {CREATED_BY: NAME_HASH}, "annotations": {DATA_HASH: object_hash("map[theirs:x]")}},
    ],
)
def test_what_is_proven_ours_is_written_and_deleted(metadata: Body) -> None:
    there = present(CONFIGMAPS, data={"theirs": "x"}, metadata=metadata)

    assert written(CONFIGMAPS, there)["data"] == {"k": "v"}
    action = decide(CONFIGMAPS, there, data={}, deletionPolicy="Delete").action
    assert isinstance(action, Delete)


def test_what_is_handed_over_is_taken() -> None:
    there = present(CONFIGMAPS, data={"theirs": "x"}, metadata={"annotations": {ADOPT: "true", "note": "1"}})

    made = written(CONFIGMAPS, there)

    assert made["data"] == {"k": "v"}
    assert set(made["metadata"]["annotations"]) == {"note", DATA_HASH}


def test_an_orphan_is_known_again_by_its_mark() -> None:
    made = written(CONFIGMAPS, creationPolicy="Orphan")

    assert made["metadata"]["annotations"][MADE_FOR] == NAME_HASH
    assert CREATED_BY not in made["metadata"]["labels"]
    made["metadata"] |= {"uid": "u", "resourceVersion": "7"}
    assert decide(CONFIGMAPS, made, data={"k": "new"}, creationPolicy="Orphan").action


@pytest.mark.parametrize(
    ("target", "data", "reason"),
    [
        ({"creationPolicy": "Merge"}, {"k": "v"}, "ResourceMissing"),
        ({"creationPolicy": "None"}, {"k": "v"}, "ResourceSynced"),
        ({}, {}, "ResourceSynced"),
        ({"deletionPolicy": "Delete"}, {}, "ResourceDeleted"),
    ],
)
def test_some_policies_write_nothing(target: Any, data: Any, reason: str) -> None:
    decided = decide(CONFIGMAPS, data=data, **target)

    assert (decided.action, decided.reason) == (None, reason)


def test_what_is_no_text_is_refused_where_only_text_fits() -> None:
    with pytest.raises(NeedsHuman, match="a value is no text, and ConfigMap holds only text"):
        plan(seen(CONFIGMAPS), {"k": SecretValue(b"\xff")})


@pytest.mark.parametrize("policy", ["Owner", "Orphan"])
def test_a_created_by_label_without_any_hash_proves_nothing(policy: str) -> None:
    """An object without content has no hash, and none must not match none."""
    there = present(CONFIGMAPS, metadata={"labels": {CREATED_BY: NAME_HASH}})

    assert not seen(CONFIGMAPS, there).ours
    with pytest.raises(NeedsHuman):
        decide(CONFIGMAPS, there, creationPolicy=policy)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("spec", ("spec",)),
        ("spec.Rules[0].hosts[2][1]", ("spec", "Rules", 0, "hosts", 2, 1)),
        ("data.a-b", ("data", "a-b")),
    ],
)
def test_paths(path: str, steps: Any) -> None:
    assert parse_path(path) == steps


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", "empty segment"),
        ("a..b", "empty segment"),
        ("[0].a", "path must start with a key"),
        ("a[0", "unterminated"),
        ("a[x]", "bad index"),
        ("a[0]b", "bad index"),
        ("a[-1]", "negative index"),
        ("a[10001]", r"exceeds maximum \(10000\)"),
        ("a[99999999999999999999]", "exceeds maximum"),
        ("metadata.ownerReferences", "metadata is not for templates"),
        ("kind", "kind is not for templates"),
        ("status.x", "status is not for templates"),
    ],
)
def test_bad_paths_are_told(path: str, text: str) -> None:
    with pytest.raises(PathError, match=text):
        parse_path(path)


@pytest.mark.parametrize(
    ("holder", "path", "value", "joins", "found"),
    [
        (None, "a.b", 1, False, {"a": {"b": 1}}),
        ({"a": {"c": 2}}, "a.b", 1, False, {"a": {"c": 2, "b": 1}}),
        ({"a": {"b": {"x": 1}}}, "a.b", {"y": 2}, True, {"a": {"b": {"x": 1, "y": 2}}}),
        ({"a": {"b": {"x": 1}}}, "a.b", {"y": 2}, False, {"a": {"b": {"y": 2}}}),
        ({"a": {"b": 5}}, "a.b", {"y": 2}, True, {"a": {"b": {"y": 2}}}),
        (None, "a[2].b", 1, False, {"a": [None, None, {"b": 1}]}),
        ({"a": [{"x": 1}]}, "a[0]", {"y": 2}, True, {"a": [{"x": 1, "y": 2}]}),
    ],
)
def test_placing_makes_what_is_missing_and_is_idempotent(
    holder: Any, path: str, value: Any, joins: bool, found: Any
) -> None:
    once = placed(holder, parse_path(path), value, joins=joins)

    assert once == found
    assert placed(once, parse_path(path), value, joins=joins) == found


@pytest.mark.parametrize(("holder", "path"), [({"a": 1}, "a.b"), ({"a": {}}, "a[0]"), ({"a": [1]}, "a[0].b")])
def test_what_does_not_fit_is_told(holder: Any, path: str) -> None:
    with pytest.raises(PathError, match="expected"):
        placed(holder, parse_path(path), 1, joins=False)

    content = Content({}, placements=(Placement(parse_path(path), 1),))
    with pytest.raises(NeedsHuman, match="could not apply template to manifest"):
        decide(DEPLOYMENTS, present(DEPLOYMENTS, **holder), content=content, creationPolicy="Merge")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"spec": {"b": 1, "a": [True, None, "x"]}}, "map[a:[true <nil> x] b:1]"),
        ({"data": {"k": "v"}}, "map[k:v]"),
        ({"spec": {"x": 1.5}, "data": {"k": "v"}}, "map[x:1.5]"),
        ({"spec": {"a": 1e6, "b": 1.25e-7, "c": 100000.0, "d": -0.0001}}, "map[a:1e+06 b:1.25e-07 c:100000 d:-0.0001]"),
    ],
)
def test_the_hash_of_content_is_that_of_gos_text(content: Body, text: str) -> None:
    assert content_hash(content) == object_hash(text)


def test_without_content_there_is_no_hash() -> None:
    assert content_hash({"kind": "Odd"}) is None
