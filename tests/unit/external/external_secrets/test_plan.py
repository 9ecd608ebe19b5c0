"""The schedule and the rules of targets, without a cluster."""

from dataclasses import replace
from typing import Any

import pytest

from external.api.hashes import data_hash, field_manager, owner_hash
from external.external_secrets.plan import orphan, plan
from external.external_secrets.refresh import Observed, Reason, Refreshed, due_in, persist_due, refresh_reason
from external.external_secrets.view import ADOPT, CREATED_BY, DATA_HASH, MANAGED
from external.summaries import ExternalSecretSummary
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTS
from manager.kube.resources import SECRETS, Key
from manager.kube.secret_data import LARGEST
from manager.kube.writer import Create, Delete, Update
from tests.builders.external_objects import UID, decided, encoded, secret, values, view


def digest(**changes: Any) -> ExternalSecretSummary:
    base = ExternalSecretSummary(
        True, "es", ("v1", "Secret"), "Owner", (), (), "1-x", "1-x", 1000.0, 300.0, "Periodic", None
    )
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "last", "now", "due"),
    [
        ({}, 1000, 1100, 200),
        ({}, 1000, 1300, 0),
        ({}, 1000, 9000, 0),
        ({"synced": ""}, 1000, 1100, 0),
        ({}, None, 1100, 0),
        ({"current": "2-x"}, 1000, 1100, 0),
        ({}, 2000, 1100, 0),
        ({"interval": 0.0}, 1000, 9000, None),
        ({"interval": 0.0, "current": "2-x"}, 1000, 9000, None),
        ({"interval": 0.0, "synced": ""}, None, 9000, 0),
        ({"policy": "CreatedOnce"}, 1000, 9000, None),
        ({"policy": "CreatedOnce", "current": "2-x"}, 1000, 9000, None),
        ({"policy": "CreatedOnce", "synced": ""}, None, 9000, 0),
        ({"policy": "OnChange"}, 1000, 9000, None),
        ({"policy": "OnChange", "current": "2-x"}, 1000, 9000, 0),
        ({"policy": "something new"}, 1000, 1300, 0),
    ],
)
def test_when_a_refresh_is_due(changes: Any, last: Any, now: float, due: Any) -> None:
    assert due_in(digest(**changes), last, now) == due


@pytest.mark.parametrize(
    ("interval", "age", "written"), [(60, 599, False), (60, 600, True), (3600, 601, False), (3600, 3600, True)]
)
def test_an_unchanged_refresh_is_written_rarely(interval: float, age: float, written: bool) -> None:
    assert persist_due(digest(interval=interval), 1000.0 + age) is written


SEEN = Observed(("store@1",), marked_stale=False, intact=True)
LAST = Refreshed(1000.0, ("store@1",))


@pytest.mark.parametrize(
    ("changes", "seen", "now", "reason"),
    [
        ({}, {}, 1100, Reason.NONE),
        ({}, {}, 1300, Reason.DUE),
        ({"synced": ""}, {}, 1100, Reason.DUE),
        ({"current": "2-x"}, {}, 1100, Reason.DUE | Reason.ASKED),
        ({}, {"marked_stale": True}, 1100, Reason.MOVED),
        ({}, {"identity": ("store@2",)}, 1100, Reason.MOVED),
        ({}, {"identity": ("store@2",)}, 1300, Reason.DUE | Reason.MOVED),
        ({"policy": "CreatedOnce"}, {"marked_stale": True}, 1100, Reason.NONE),
        ({"policy": "OnChange"}, {"identity": ("store@2",)}, 1100, Reason.NONE),
        ({"interval": 0.0}, {"marked_stale": True}, 1100, Reason.NONE),
        ({"policy": "CreatedOnce", "current": "2-x"}, {}, 1100, Reason.NONE),
        ({}, {"intact": False}, 1100, Reason.REPAIR),
        ({"ready": False}, {}, 1100, Reason.REPAIR),
        ({"ready": False}, {}, 1300, Reason.DUE | Reason.REPAIR),
    ],
)
def test_why_a_refresh_is_due(changes: Any, seen: Any, now: float, reason: Reason) -> None:
    assert refresh_reason(digest(**changes), LAST, replace(SEEN, **seen), now) == reason


@pytest.mark.parametrize(("status", "reason"), [(None, Reason.DUE), (1000.0, Reason.NONE)])
def test_after_a_start_the_status_says_when_the_last_refresh_was(status: float | None, reason: Reason) -> None:
    assert refresh_reason(digest(refreshed=status), None, SEEN, 1100.0) == reason


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
def test_a_target_takes_over_all_but_what_speaks_of_the_external_secret(field: str) -> None:
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


@pytest.mark.parametrize(
    ("existing", "policy", "answer"),
    [
        (None, "Owner", False),
        (None, "Merge", True),
        (None, "Orphan", True),
        (None, "None", True),
        (secret(owner=UID), "Owner", False),
        (
            secret(
                metadata={"labels": {MANAGED: "true"}, "annotations": {DATA_HASH: data_hash({"k": SecretValue(b"v")})}}
            ),
            "Owner",
            True,
        ),
        (secret(metadata={"labels": {MANAGED: "true"}, "annotations": {DATA_HASH: "x"}}), "Owner", False),
    ],
)
def test_a_target_is_valid_while_its_hash_is_that_of_its_data(existing: Any, policy: str, answer: bool) -> None:
    assert view(existing, {"creationPolicy": policy}).intact is answer


def test_the_target_is_named_or_the_objects_own() -> None:
    assert view().target == Key(SECRETS, "ns", "es")
    assert view(target={"name": "other"}).target == Key(SECRETS, "ns", "other")
