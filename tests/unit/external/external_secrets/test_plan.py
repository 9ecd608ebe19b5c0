"""The schedule and the rules of targets, without a cluster."""

from dataclasses import replace
from typing import Any

import pytest

from external.api.hashes import data_hash, field_manager, owner_hash
from external.external_secrets.plan import orphan, plan, write_fingerprint
from external.external_secrets.view import ADOPT, CREATED_BY, DATA_HASH, MANAGED
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTS
from manager.kube.secret_data import LARGEST
from manager.kube.writer import Create, Delete, Update
from tests.builders.external_objects import UID, decided, encoded, secret, values, view


def test_a_target_is_created_with_marks_owner_and_hash() -> None:
    found = decided(data={"k": "v"})

    assert isinstance(found.action, Create)
    meta = found.action.body["metadata"]
    assert meta["labels"] == {MANAGED: "true", CREATED_BY: owner_hash("ns", "es")}
    assert meta["annotations"] == {DATA_HASH: data_hash({"k": SecretValue(b"v")})}
    (reference,) = meta["ownerReferences"]
    assert (reference["uid"], reference["controller"], reference["blockOwnerDeletion"]) == (UID, True, True)
    assert found.action.body["data"] == encoded(k="v")
    assert found.action.body["type"] == "Opaque"


def test_what_was_written_is_left_alone() -> None:
    created = decided(data={"k": "v"}).action
    assert isinstance(created, Create)

    found = decided(created.body, {"k": "v"})

    assert found.action is None
    assert view(created.body).intact


ABOUT_ITSELF = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/installation-id",
    "argocd.argoproj.io/hook",
    "argocd.argoproj.io/hook-delete-policy",
    "argocd.argoproj.io/sync-wave",
    "argocd.argoproj.io/sync-options",
    "argocd.argoproj.io/compare-options",
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/prune",
    "helm.toolkit.fluxcd.io/namespace",
    "applyset.kubernetes.io/part-of",
]
OF_THE_TARGET = [
    "mine",
    "argocd.argoproj.io/secret-type",
    "argocd.argoproj.io/ignore-healthcheck",
    "kubectl.kubernetes.io/default-container",
    "kustomize.toolkit.fluxcd.io/tenant",
    "reconcile.fluxcd.io/watch",
    "meta.helm.sh/release-name",
    "app.kubernetes.io/instance",
]


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_metadata_about_the_external_secret_is_not_copied(field: str) -> None:
    given = dict.fromkeys([*ABOUT_ITSELF, *OF_THE_TARGET], "x")

    found = decided(data={"k": "v"}, **{field: given})

    assert isinstance(found.action, Create)
    taken = set(found.action.body["metadata"][field]) - {DATA_HASH, MANAGED, CREATED_BY}
    assert taken == set(OF_THE_TARGET)


def test_a_label_with_a_meaning_of_its_own_stays_at_a_take_over() -> None:
    """The original had copied it: taking it away would take the repository from Argo CD."""
    labels = {"argocd.argoproj.io/secret-type": "repository"}
    made = decided(data={"k": "v"}, labels=labels).action
    assert isinstance(made, Create)

    again = decided(made.body, {"k": "new"}, labels=labels).action

    assert isinstance(again, Update)
    assert again.body["metadata"]["labels"].items() >= labels.items()


@pytest.mark.parametrize(
    ("existing", "is_ours"),
    [
        (secret(owner=UID), True),
        (secret(owner="another"), False),
        (secret(manager=field_manager("es"), made=True), True),
        (secret(manager=field_manager("es")), False),  # a Merge has written keys of it
        (secret(manager="kubectl"), False),
        (secret(metadata={"labels": {MANAGED: "true"}}), False),
        (secret(metadata={"labels": {CREATED_BY: owner_hash("ns", "es")}}), False),
        (secret(metadata={"labels": {CREATED_BY: owner_hash("ns", "es")}, "annotations": {DATA_HASH: "wrong"}}), False),
        (
            secret(
                metadata={
                    "labels": {CREATED_BY: owner_hash("ns", "es")},
                    "annotations": {DATA_HASH: data_hash({"k": SecretValue(b"v")})},
                }
            ),
            True,
        ),
        (secret(), False),
    ],
)
@pytest.mark.parametrize("policy", ["Owner", "Orphan"])
def test_only_what_is_proven_ours_is_written(existing: Any, is_ours: bool, policy: str) -> None:
    target = {"creationPolicy": policy}

    assert view(existing, target).ours is is_ours
    if is_ours:
        assert isinstance(decided(existing, {"k": "new"}, target).action, Update)
    else:
        with pytest.raises(NeedsHuman) as caught:
            decided(existing, {"k": "new"}, target)
        assert caught.value.event == "UpdateFailed"


def test_the_refusal_names_every_way_out() -> None:
    with pytest.raises(NeedsHuman) as caught:
        decided(secret(), {"k": "new"})

    for word in ("rename the target", "Merge", ADOPT):
        assert word in caught.value.message


def test_the_target_of_another_external_secret_is_named() -> None:
    existing = secret(owner="another")
    existing["metadata"]["ownerReferences"][0]["name"] = "first"

    with pytest.raises(NeedsHuman, match="target is owned by another ExternalSecret: first"):
        decided(existing, {"k": "new"})


def test_a_secret_that_is_handed_over_is_adopted() -> None:
    found = decided(secret(metadata={"annotations": {ADOPT: "true"}}), {"k": "new"}).action

    assert isinstance(found, Update)
    assert ADOPT not in found.body["metadata"]["annotations"]
    assert found.body["metadata"]["ownerReferences"][0]["uid"] == UID


def test_what_was_handed_over_to_an_orphan_stays_handed_over() -> None:
    existing = secret(metadata={"annotations": {ADOPT: "true"}})
    found = decided(existing, {"k": "new"}, {"creationPolicy": "Orphan"}).action

    assert isinstance(found, Update)
    assert isinstance(decided(found.body, {"k": "newer"}, {"creationPolicy": "Orphan"}).action, Update)


def test_a_setting_restores_taking_over() -> None:
    assert isinstance(plan(replace(view(secret()), adopt_foreign=True), values(k="new")).action, Update)


def test_a_pushed_mirror_gives_way_and_loses_its_marks() -> None:
    found = decided(secret(metadata={"annotations": {AUTO_REFLECTS: "True", REFLECTS: "x/es"}}), {"k": "new"}).action

    assert isinstance(found, Update)
    assert set(found.body["metadata"]["annotations"]) == {DATA_HASH}


def test_merging_touches_only_our_keys() -> None:
    existing = secret(manager=field_manager("es"), keys=("old",), data=encoded(old="1", theirs="2"))
    existing["metadata"]["labels"] = {"stale": "x", "theirs": "y"}

    found = decided(existing, {"k": "v"}, {"creationPolicy": "Merge"}).action

    assert isinstance(found, Update)
    assert found.body["data"] == encoded(theirs="2", k="v")
    assert "stale" not in found.body["metadata"]["labels"]
    assert found.body["metadata"]["labels"]["theirs"] == "y"
    assert CREATED_BY not in found.body["metadata"]["labels"]
    assert "ownerReferences" not in found.body["metadata"]


def test_owning_replaces_all_keys() -> None:
    existing = secret(owner=UID, data=encoded(old="1"))

    found = decided(existing, {"k": "v"}).action

    assert isinstance(found, Update)
    assert found.body["data"] == encoded(k="v")


@pytest.mark.parametrize(
    ("policy", "deletion", "reason", "action"),
    [
        ("Merge", "Retain", "SecretMissing", None),
        ("None", "Retain", "SecretSynced", None),
    ],
)
def test_some_policies_create_nothing(policy: str, deletion: str, reason: str, action: Any) -> None:
    found = decided(None, {"k": "v"}, {"creationPolicy": policy, "deletionPolicy": deletion})

    assert (found.reason, found.action) == (reason, action)


def test_absent_values_keep_remove_or_empty_the_target_as_asked() -> None:
    existing = secret(owner=UID)

    kept = decided(existing, {})
    assert (kept.action, kept.message) == (None, "secret retained due to DeletionPolicy=Retain")
    removed = decided(existing, {}, {"deletionPolicy": "Delete"})
    assert isinstance(removed.action, Delete)
    assert (removed.action.uid, removed.action.version, removed.reason) == ("s", "7", "SecretDeleted")
    emptied = decided(existing, {}, {"deletionPolicy": "Merge"}).action
    assert isinstance(emptied, Update)
    assert emptied.body["data"] == {}


def test_a_foreign_secret_is_not_deleted_for_absent_values() -> None:
    assert decided(secret(owner="another"), {}, {"deletionPolicy": "Delete"}).action is None
    with pytest.raises(NeedsHuman, match="is not Owner"):
        decided(None, {}, {"deletionPolicy": "Delete", "creationPolicy": "Orphan"})


def test_an_earlier_target_goes_only_if_it_is_ours() -> None:
    earlier = secret(owner=UID, metadata={"name": "before"})

    assert isinstance(orphan(view(), earlier), Delete)
    assert orphan(view(), secret(owner="another", metadata={"name": "before"})) is None
    assert orphan(view(), secret(owner=UID)) is None


def test_an_immutable_target_is_not_written() -> None:
    with pytest.raises(NeedsHuman, match="target is immutable"):
        decided(secret(owner=UID, immutable=True), {"k": "new"})

    kept = decided(secret(owner=UID, immutable=True), {"k": "new"}, {"immutable": True})
    assert (kept.action, kept.reason) == (None, "SecretSynced")
    assert kept.message.startswith("secret kept")


def test_too_much_is_refused_with_its_size() -> None:
    with pytest.raises(NeedsHuman, match=str(LARGEST + 1)):
        decided(None, {"k": "x" * (LARGEST + 1)})


def test_two_writes_of_the_same_have_one_fingerprint_and_no_value_in_it() -> None:
    first, second, other = (decided(data={"k": value}) for value in ("canary", "canary", "different"))
    prints = []
    for each in (first, second, other):
        assert isinstance(each.action, Create)
        prints.append(write_fingerprint(each.action, each))

    assert prints[0] == prints[1] != prints[2]
    assert "canary" not in str(prints)


def test_random_content_has_one_fingerprint() -> None:
    found = [replace(decided(data={"k": value}), random=True) for value in "ab"]

    assert [write_fingerprint(each.action, each) for each in found if isinstance(each.action, Create)] == [
        ("random", ""),
        ("random", ""),
    ]
