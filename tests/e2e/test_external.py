"""ExternalSecrets sync from stores, and every rule about the Secret that they write."""

import json
from functools import partial

import pytest

from external.api.hashes import data_hash
from manager.core.secret_value import SecretValue
from tests.builders.manifests import canary, external_secret, fake, secret, store
from tests.cluster.kube import Object
from tests.e2e.world import World

RECONCILE = "reconcile.external-secrets.io/"
HASH, MANAGED, CREATED_BY = f"{RECONCILE}data-hash", f"{RECONCILE}managed", f"{RECONCILE}created-by"


def with_store(world: World, values: dict[str, str]) -> str:
    """Return a new namespace with a ready SecretStore `store` that has these values."""
    ns = world.namespace()
    world.apply(store(ns, "store", fake(values)))
    world.await_ready("secretstores", ns, "store")
    return ns


def change(world: World, ns: str, values: dict[str, str]) -> None:
    """Change the values of the store."""
    world.kube.patch("secretstores", "store", ns, {"spec": {"provider": fake(values)}})


def hashed(found: Object, values: dict[str, str]) -> bool:
    """Return True if the hash on a Secret is that of these values."""
    plain = {key: SecretValue(value.encode()) for key, value in values.items()}
    return bool(found["metadata"]["annotations"][HASH] == data_hash(plain))


def test_an_external_secret_makes_a_secret_that_it_owns(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    manifest = external_secret(ns, "app", "store", {"password": "remote"})
    manifest["metadata"] |= {"labels": {"team": "a"}, "annotations": {"note": "kept"}}

    [external] = world.apply(manifest)

    made = world.await_data(ns, "app", {"password": value})
    condition = world.await_ready("externalsecrets", ns, "app")
    assert (condition["reason"], condition["message"]) == ("SecretSynced", "secret synced")
    [owner] = made["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (external["metadata"]["uid"], True, True)
    assert made["metadata"]["labels"].items() >= {"team": "a", MANAGED: "true"}.items()
    assert made["metadata"]["annotations"]["note"] == "kept"
    assert CREATED_BY in made["metadata"]["labels"]
    assert hashed(made, {"password": value})
    status = world.kube.get("externalsecrets", "app", ns)["status"]
    assert status["binding"]["name"] == "app"
    assert status["refreshTime"]
    assert status["syncedResourceVersion"].startswith("1-")
    assert world.await_event(ns, "app", "Created", "secret created")["source"]["component"] == "external-secrets"


def test_what_describes_the_external_secret_itself_is_not_copied(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    manifest = external_secret(ns, "app", "store", {"password": "remote"})
    manifest["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "x", "mine": "kept"}

    world.apply(manifest)

    made = world.await_data(ns, "app", {"password": value})
    assert set(made["metadata"]["annotations"]) == {"mine", HASH}


def test_a_long_target_name_works(world: World) -> None:
    value, name = canary(), "target-" + "x" * 90
    ns = with_store(world, {"remote": value})

    world.apply(external_secret(ns, "app", "store", {"password": "remote"}, target={"name": name}))

    world.await_data(ns, name, {"password": value})
    bound = world.kube.wait_until(lambda: world.kube.get("externalsecrets", "app", ns)["status"]["binding"]["name"])
    assert bound == name


def test_a_property_and_an_extract_take_json_apart(world: World) -> None:
    first, second = canary(), canary()
    document = json.dumps({"db": {"url": first}, "port": 5432, "user": second})
    ns = with_store(world, {"remote": document})

    data = {"URL": ("remote", "db.url"), "PORT": ("remote", "port")}
    world.apply(external_secret(ns, "app", "store", data))
    extract = [{"extract": {"key": "remote"}}]
    world.apply(external_secret(ns, "all", "store", {}, dataFrom=extract))

    world.await_data(ns, "app", {"URL": first, "PORT": "5432"})
    made = world.kube.wait_until(lambda: world.data(ns, "all")) or {}
    assert (made["user"], made["port"], json.loads(made["db"])) == (second, "5432", {"url": first})


def test_data_wins_over_extract_and_stores_can_be_mixed(world: World) -> None:
    shared, other, own = canary(), canary(), canary()
    ns = with_store(world, {"one": json.dumps({"a": shared, "b": shared}), "b": own})
    world.apply(store(ns, "second", fake({"two": json.dumps({"c": other})})))

    sources = [
        {"extract": {"key": "one"}},
        {"extract": {"key": "two"}, "sourceRef": {"storeRef": {"name": "second", "kind": "SecretStore"}}},
    ]
    world.apply(external_secret(ns, "app", "store", {"b": "b"}, dataFrom=sources))

    world.await_data(ns, "app", {"a": shared, "b": own, "c": other})


def test_changes_and_deleted_keys_of_the_store_reach_the_secret(world: World) -> None:
    first, second = canary(), canary()
    ns = with_store(world, {"remote": json.dumps({"a": first, "b": first})})
    world.apply(external_secret(ns, "app", "store", {}, dataFrom=[{"extract": {"key": "remote"}}]))
    world.await_data(ns, "app", {"a": first, "b": first})

    change(world, ns, {"remote": json.dumps({"a": second})})

    assert hashed(world.await_data(ns, "app", {"a": second}), {"a": second})


def test_metadata_removed_from_the_external_secret_is_removed(world: World) -> None:
    """Metadata that others put on the Secret stays."""
    value = canary()
    ns = with_store(world, {"remote": value})
    manifest = external_secret(ns, "an-external-secret-with-a-long-name", "store", {"password": "remote"})
    manifest["metadata"] |= {"labels": {"old": "1"}, "annotations": {"old": "1"}}
    manifest["spec"]["target"] = {"name": "app"}
    world.apply(manifest)
    world.await_data(ns, "app", {"password": value})
    world.kube.patch("secrets", "app", ns, {"metadata": {"labels": {"foreign": "1"}, "annotations": {"foreign": "1"}}})

    manifest["metadata"] |= {"labels": {"new": "1"}, "annotations": {"new": "1"}}
    world.apply(manifest)

    def kept(kind: str) -> set[str]:
        return {key for key in world.kube.get("secrets", "app", ns)["metadata"][kind] if "/" not in key}

    for kind in ("labels", "annotations"):
        world.kube.wait_until(partial(kept, kind), lambda found: found == {"foreign", "new"}, what=kind)


def test_a_deleted_secret_comes_back(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}))
    before = world.await_data(ns, "app", {"password": value})

    world.kube.delete("secrets", "app", ns)

    assert world.await_data(ns, "app", {"password": value})["metadata"]["uid"] != before["metadata"]["uid"]


@pytest.mark.parametrize("tampering", ["data", "data and hash", "managed label"])
def test_a_tampered_secret_is_restored_at_once(world: World, tampering: str) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}))
    before = world.await_data(ns, "app", {"password": value})
    world.await_ready("externalsecrets", ns, "app")

    edits: dict[str, Object] = {
        "data": {"stringData": {"password": "tampered"}},
        "data and hash": {
            "stringData": {"password": "tampered", "more": "x"},
            "metadata": {"annotations": {HASH: "tampered"}},
        },
        "managed label": {"metadata": {"labels": {MANAGED: None}}},
    }
    world.kube.patch("secrets", "app", ns, edits[tampering])

    def restored() -> bool:
        found = world.kube.get("secrets", "app", ns)
        same = world.data(ns, "app") == {"password": value} and found["metadata"]["labels"].get(MANAGED) == "true"
        return same and found["metadata"]["annotations"][HASH] == before["metadata"]["annotations"][HASH]

    world.kube.wait_until(restored, timeout=5, what="the Secret to be restored")


def test_a_renamed_target_takes_the_old_secret_away(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}, target={"name": "before"}))
    world.await_data(ns, "before", {"password": value})

    world.apply(external_secret(ns, "app", "store", {"password": "remote"}, target={"name": "after"}))

    world.await_data(ns, "after", {"password": value})
    world.await_gone("secrets", ns, "before")
    world.await_event(ns, "app", "Deleted", "orphaned")


def test_an_external_secret_that_goes_takes_its_secret_with_it(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}))
    world.await_data(ns, "app", {"password": value})

    world.kube.delete("externalsecrets", "app", ns)

    world.await_gone("secrets", ns, "app")


def test_an_orphan_stays_when_its_external_secret_goes(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    target = {"creationPolicy": "Orphan"}
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}, target=target))
    made = world.await_data(ns, "app", {"password": value})
    assert "ownerReferences" not in made["metadata"]
    assert CREATED_BY not in made["metadata"]["labels"]

    world.kube.delete("externalsecrets", "app", ns)

    world.await_gone("externalsecrets", ns, "app")
    assert world.kube.get("secrets", "app", ns)["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_merge_adds_its_keys_and_owns_nothing_else(world: World) -> None:
    value, theirs = canary(), canary()
    ns = with_store(world, {"remote": value})
    [before] = world.apply(secret(ns, "app", {"theirs": theirs, "both": "old"}, labels={"l": "1"}))
    target = {"creationPolicy": "Merge"}

    world.apply(external_secret(ns, "app", "store", {"ours": "remote", "both": "remote"}, target=target))

    whole = {"theirs": theirs, "ours": value, "both": value}
    made = world.await_data(ns, "app", whole)
    assert hashed(made, whole)
    assert "ownerReferences" not in made["metadata"]
    assert set(made["metadata"]["labels"]) == {"l", MANAGED}
    ours = [each for each in made["metadata"]["managedFields"] if "external-secrets.io" in each["manager"]]
    assert [set(each["fieldsV1"]["f:data"]) - {"."} for each in ours] == [{"f:ours", "f:both"}]
    assert made["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_merge_gives_up_only_its_own_keys(world: World) -> None:
    value, theirs = canary(), canary()
    ns = with_store(world, {"remote": json.dumps({"a": value, "b": value})})
    world.apply(secret(ns, "app", {"theirs": theirs}))
    target, extract = {"creationPolicy": "Merge"}, [{"extract": {"key": "remote"}}]
    world.apply(external_secret(ns, "app", "store", {}, target=target, dataFrom=extract))
    world.await_data(ns, "app", {"theirs": theirs, "a": value, "b": value})

    change(world, ns, {"remote": json.dumps({"a": value})})

    world.await_data(ns, "app", {"theirs": theirs, "a": value})


def test_a_merge_is_repaired_when_somebody_overwrites_it(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    world.apply(secret(ns, "app", {"theirs": "x"}))
    world.apply(external_secret(ns, "app", "store", {"ours": "remote"}, target={"creationPolicy": "Merge"}))
    world.await_data(ns, "app", {"theirs": "x", "ours": value})

    world.kube.patch("secrets", "app", ns, {"stringData": {"ours": "overwritten", "theirs": "y"}})

    world.await_data(ns, "app", {"theirs": "y", "ours": value})


def test_a_merge_waits_for_its_secret(world: World) -> None:
    """Its condition says that the Secret is missing."""
    value = canary()
    ns = with_store(world, {"remote": value})
    world.apply(external_secret(ns, "app", "store", {"ours": "remote"}, target={"creationPolicy": "Merge"}))
    condition = world.await_condition("externalsecrets", ns, "app", "True", text="SecretMissing")
    assert condition["message"] == "secret will not be created due to CreationPolicy=Merge"
    assert world.data(ns, "app") is None

    world.apply(secret(ns, "app", {"theirs": "x"}))

    world.await_data(ns, "app", {"theirs": "x", "ours": value})
    world.await_condition("externalsecrets", ns, "app", "True", text="SecretSynced")


def test_with_policy_none_nothing_is_made_and_nothing_bound(world: World) -> None:
    ns = with_store(world, {"remote": canary()})

    world.apply(external_secret(ns, "app", "store", {"password": "remote"}, target={"creationPolicy": "None"}))

    world.await_ready("externalsecrets", ns, "app")
    assert world.data(ns, "app") is None
    assert not world.kube.get("externalsecrets", "app", ns)["status"].get("binding", {}).get("name")


def test_an_immutable_target_is_made_once(world: World) -> None:
    first, second = canary(), canary()
    ns = with_store(world, {"remote": first})
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}, target={"immutable": True}))
    assert world.await_data(ns, "app", {"password": first})["immutable"] is True

    change(world, ns, {"remote": second})

    world.await_condition("externalsecrets", ns, "app", "True", text="immutable")
    assert world.data(ns, "app") == {"password": first}


def test_a_missing_remote_key_is_an_error_that_deletes_nothing(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}))
    world.await_data(ns, "app", {"password": value})

    change(world, ns, {"other": canary()})

    condition = world.await_condition("externalsecrets", ns, "app", "False")
    assert condition["reason"] == "SecretSyncedError"
    world.await_event(ns, "app", "UpdateFailed")
    assert world.data(ns, "app") == {"password": value}

    change(world, ns, {"remote": value})
    world.await_ready("externalsecrets", ns, "app")


def test_deletion_policy_delete_removes_keys_then_the_secret(world: World) -> None:
    """Only keys that the provider says do not exist are removed."""
    one, two = canary(), canary()
    ns = with_store(world, {"one": one, "two": two})
    target = {"deletionPolicy": "Delete"}
    world.apply(external_secret(ns, "app", "store", {"a": "one", "b": "two"}, target=target))
    world.await_data(ns, "app", {"a": one, "b": two})

    change(world, ns, {"one": one})
    world.await_data(ns, "app", {"a": one})
    change(world, ns, {"unrelated": "x"})

    world.await_gone("secrets", ns, "app")
    world.await_condition("externalsecrets", ns, "app", "True", text="SecretDeleted")
    world.await_event(ns, "app", "Deleted", "secret deleted due to DeletionPolicy=Delete")


def test_the_originals_finalizer_blocks_no_deletion(world: World) -> None:
    value = canary()
    ns = with_store(world, {"remote": value})
    manifest = external_secret(ns, "app", "store", {"password": "remote"})
    manifest["metadata"]["finalizers"] = ["externalsecrets.external-secrets.io/externalsecret-cleanup"]
    world.apply(manifest)
    world.await_data(ns, "app", {"password": value})

    world.kube.delete("externalsecrets", "app", ns)

    world.await_gone("externalsecrets", ns, "app")


def test_a_store_of_another_class_blocks_no_deletion(world: World) -> None:
    """Only what the API server records as ours is removed."""
    ns = with_store(world, {"remote": canary()})
    target = {"deletionPolicy": "Delete"}
    for each in ("stays", "goes"):
        world.apply(external_secret(ns, each, "store", {"password": "remote"}, target=target))
        world.await_ready("externalsecrets", ns, each)
        assert world.kube.get("externalsecrets", each, ns)["metadata"]["finalizers"]

    world.kube.patch("secretstores", "store", ns, {"spec": {"controller": "other"}})
    world.kube.delete("externalsecrets", "goes", ns)

    world.await_gone("externalsecrets", ns, "goes")
    world.kube.wait_until(lambda: "finalizers" not in world.kube.get("externalsecrets", "stays", ns)["metadata"])


def test_without_an_interval_the_first_value_stays(world: World) -> None:
    first = canary()
    ns = with_store(world, {"remote": first})
    world.apply(external_secret(ns, "frozen", "store", {"password": "remote"}, refreshInterval="0"))
    world.apply(external_secret(ns, "control", "store", {"password": "remote"}))
    world.await_data(ns, "frozen", {"password": first})
    world.await_data(ns, "control", {"password": first})

    second = canary()
    change(world, ns, {"remote": second})

    world.await_data(ns, "control", {"password": second})
    assert world.data(ns, "frozen") == {"password": first}


def test_a_force_sync_refreshes_at_once(world: World) -> None:
    ns = with_store(world, {"remote": canary()})
    world.apply(external_secret(ns, "app", "store", {"password": "remote"}))
    world.await_ready("externalsecrets", ns, "app")
    before = world.kube.get("externalsecrets", "app", ns)["status"]["syncedResourceVersion"]

    world.kube.annotate("externalsecrets", "app", ns, {"external-secrets.io/force-sync": "1"})

    world.kube.wait_until(
        lambda: world.kube.get("externalsecrets", "app", ns)["status"]["syncedResourceVersion"] != before
    )
