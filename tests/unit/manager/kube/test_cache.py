"""The cache holds what is newest, forgets only what is proven gone, and keeps its indexes with it."""

from typing import Any

import pytest

from manager.kube.cache import EMPTY, Index, MetadataCache, Owner, controller_of, newer
from manager.kube.resources import CLUSTER_SECRET_STORES, NAMESPACES, SEALED_SECRETS, SECRETS, Key, key_of

KEY = Key(SECRETS, "ns", "a")


def body(version: str = "5", uid: str = "u1", name: str = "a", **meta: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "uid": uid, "resourceVersion": version, **meta}}


def test_a_first_sight_is_a_change_from_nothing() -> None:
    change = MetadataCache().observe(SECRETS, None, body())

    assert change is not None
    assert change.key == KEY
    assert change.before is None
    assert change.after is not None
    assert change.after.version == "5"


@pytest.mark.parametrize("version", ["5", "4"])
def test_a_repeated_or_older_version_is_no_change(version: str) -> None:
    cache = MetadataCache()
    cache.observe(SECRETS, None, body("5"))

    assert cache.observe(SECRETS, "MODIFIED", body(version)) is None
    assert cache.get(KEY) is not None


def test_versions_are_compared_as_numbers() -> None:
    cache = MetadataCache()
    cache.observe(SECRETS, None, body("99"))

    assert cache.observe(SECRETS, "MODIFIED", body("100")) is not None


def test_an_object_made_anew_is_a_change() -> None:
    cache = MetadataCache()
    cache.observe(SECRETS, None, body("9", "u1"))

    change = cache.observe(SECRETS, "ADDED", body("10", "u2"))

    assert change is not None
    assert change.after is not None
    assert change.after.uid == "u2"


def test_the_object_before_does_not_come_back_from_an_old_list() -> None:
    cache = MetadataCache()
    cache.observe(SECRETS, "ADDED", body("10", "u2"))

    assert cache.observe(SECRETS, None, body("9", "u1")) is None


def test_the_deletion_of_an_earlier_object_of_the_name_is_ignored() -> None:
    cache = MetadataCache()
    cache.observe(SECRETS, None, body("9", "u2"))

    assert cache.observe(SECRETS, "DELETED", body("10", "u1")) is None
    assert cache.get(KEY) is not None


def test_a_deletion_is_a_change_to_nothing() -> None:
    cache = MetadataCache()
    cache.observe(SECRETS, None, body())

    change = cache.observe(SECRETS, "DELETED", body("6"))

    assert change is not None
    assert change.before is not None
    assert change.after is None
    assert cache.get(KEY) is None
    assert cache.count(SECRETS) == 0


def test_what_was_never_seen_cannot_be_deleted_or_forgotten() -> None:
    cache = MetadataCache()

    assert cache.observe(SECRETS, "DELETED", body()) is None
    assert cache.forget(KEY) is None


def test_only_annotations_that_somebody_reads_are_kept() -> None:
    """kubectl leaves a copy of a Secret's data in one, and a tenant may fill 256 KiB of every object with others."""
    cache = MetadataCache()
    cache.keep(SECRETS, "ours/")
    cache.keep(SECRETS, "theirs/a")
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"stringData":{"p":"canary"}}'}
    cache.observe(SECRETS, None, body(annotations={**applied, "ours/a": "b", "theirs/a": "c", "theirs/b": "d"}))

    meta = cache.get(KEY)

    assert meta is not None
    assert meta.annotations == {"ours/a": "b", "theirs/a": "c"}
    assert "canary" not in repr(meta)


def test_without_a_reader_no_annotation_is_kept() -> None:
    cache = MetadataCache()
    cache.observe(SEALED_SECRETS, None, body(annotations={"a": "x"}))

    meta = cache.get(Key(SEALED_SECRETS, "ns", "a"))

    assert meta is not None
    assert meta.annotations is EMPTY


def test_objects_without_labels_share_one_empty_mapping() -> None:
    cache = MetadataCache()
    cache.observe(SECRETS, None, body(labels=None))

    meta = cache.get(KEY)

    assert meta is not None
    assert meta.labels is EMPTY


def test_a_digest_is_taken_from_the_body() -> None:
    cache = MetadataCache()
    cache.digest(SECRETS, lambda each: each["metadata"]["name"].upper())
    cache.observe(SECRETS, None, body())

    meta = cache.get(KEY)

    assert meta is not None
    assert meta.digest == "A"


def indexed() -> tuple[MetadataCache, Index]:
    cache = MetadataCache()
    return cache, cache.index(SECRETS, lambda _, meta: tuple(meta.labels.values()))


def test_an_index_follows_what_objects_hold() -> None:
    cache, index = indexed()
    cache.observe(SECRETS, None, body("1", labels={"x": "red", "y": "blue"}))
    cache.observe(SECRETS, None, body("2", uid="u2", name="b", labels={"x": "red"}))

    assert index.find("red") == {KEY, Key(SECRETS, "ns", "b")}
    assert index.find("blue") == {KEY}

    cache.observe(SECRETS, "MODIFIED", body("3", labels={"x": "green"}))

    assert index.find("red") == {Key(SECRETS, "ns", "b")}
    assert index.find("blue") == frozenset()
    assert index.values() == {"red", "green"}


def test_an_index_is_empty_when_its_objects_are_gone() -> None:
    cache, index = indexed()
    cache.observe(SECRETS, None, body(labels={"x": "red"}))

    cache.observe(SECRETS, "DELETED", body("6"))

    assert index.values() == frozenset()


def test_items_are_those_of_one_resource() -> None:
    cache = MetadataCache()
    cache.observe(SECRETS, None, body())
    cache.observe(NAMESPACES, None, {"metadata": {"name": "ns", "uid": "n", "resourceVersion": "1"}})

    assert [key for key, _ in cache.items(SECRETS)] == [KEY]
    assert [key for key, _ in cache.items(NAMESPACES)] == [Key(NAMESPACES, "", "ns")]
    assert list(cache.items(SEALED_SECRETS)) == []


@pytest.mark.parametrize(
    ("references", "owner"),
    [
        (None, None),
        ([], None),
        ([{"kind": "A", "name": "a", "uid": "1"}], None),
        (
            [{"kind": "A", "name": "a", "uid": "1"}, {"kind": "B", "name": "b", "uid": "2", "controller": True}],
            Owner("B", "b", "2"),
        ),
    ],
)
def test_the_owner_is_the_controlling_reference(references: Any, owner: Owner | None) -> None:
    assert controller_of({"ownerReferences": references}) == owner


@pytest.mark.parametrize(
    ("version", "than", "answer"),
    [("2", "1", True), ("1", "2", False), ("1", "1", False), ("x", "1", True), ("x", "x", False)],
)
def test_newer(version: str, than: str, answer: bool) -> None:
    assert newer(version, than) is answer


@pytest.mark.parametrize(
    ("resource", "namespace", "name", "path"),
    [
        (SECRETS, "", "", "/api/v1/secrets"),
        (SECRETS, "ns", "a", "/api/v1/namespaces/ns/secrets/a"),
        (NAMESPACES, "", "ns", "/api/v1/namespaces/ns"),
        (SEALED_SECRETS, "ns", "a", "/apis/bitnami.com/v1alpha1/namespaces/ns/sealedsecrets/a"),
        (CLUSTER_SECRET_STORES, "ns", "a", "/apis/external-secrets.io/v1/clustersecretstores/a"),
    ],
)
def test_paths(resource: Any, namespace: str, name: str, path: str) -> None:
    assert resource.path(namespace, name) == path


def test_a_key_reads_as_kind_namespace_and_name() -> None:
    assert str(KEY) == "Secret ns/a"
    assert str(Key(NAMESPACES, "", "ns")) == "Namespace ns"
    assert key_of(SECRETS, {"kind": "PartialObjectMetadata", **body()}) == KEY
    assert SEALED_SECRETS.api_version == "bitnami.com/v1alpha1"
    assert SECRETS.api_version == "v1"
