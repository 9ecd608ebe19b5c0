"""The way of an ExternalSecret from its store to its Secret: what wakes it, what it writes, what it costs."""

import json
from typing import Any

import pytest

from external.external_secrets.cleanup import FINALIZER
from external.external_secrets.view import ADOPT, DATA_HASH, MANAGED
from manager.core.errors import Conflict, Forbidden, Invalid
from manager.kube.conditions import LONGEST_MESSAGE
from manager.kube.resources import EXTERNAL_SECRETS, SECRET_STORES, SECRETS
from tests.builders.external_module import ExternalModule
from tests.builders.external_objects import encoded

LOOKED = '(looked in spec.provider.fake.data of SecretStore "store")'
SYNCED = ("True", "SecretSynced", "secret synced")


async def synced(bench: ExternalModule, **spec: Any) -> None:
    """Bring one ExternalSecret to its Secret."""
    bench.store(values={"remote": "canary-one", "other": "2"})
    bench.external(**spec)
    await bench.settle()
    assert bench.ready() == SYNCED


async def test_an_external_secret_creates_its_secret_and_is_ready(bench: ExternalModule) -> None:
    await synced(bench)

    assert bench.data() == {"k": b"canary-one"}
    status = (bench.body(EXTERNAL_SECRETS, "es") or {})["status"]
    assert status["binding"] == {"name": "es"}
    assert status["refreshTime"] == "2026-01-01T00:00:00Z"
    assert status["syncedResourceVersion"].startswith("1-")
    assert bench.stage.reasons() == ["Valid", "Created"]
    assert "canary" not in bench.stage.everything_said()


async def test_the_store_may_come_later(bench: ExternalModule) -> None:
    bench.external()
    await bench.settle()
    assert bench.ready()[0] == "False"
    assert 'could not get SecretStore "store": it does not exist' in bench.ready()[2]

    bench.store(values={"remote": "x"})
    await bench.settle()

    assert bench.ready() == SYNCED


async def test_a_store_that_becomes_ready_wakes_those_who_wait(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    broken = bench.body(SECRET_STORES, "store") or {}
    broken["spec"]["provider"]["fake"]["validationResult"] = 2
    bench.external()
    await bench.settle()
    assert '"store" is not ready' in bench.ready()[2]

    bench.store(values={"remote": "x"})
    await bench.settle()

    assert bench.ready() == SYNCED


async def test_a_changed_store_refreshes_at_once(bench: ExternalModule) -> None:
    await synced(bench)

    bench.store(values={"remote": "two"})
    await bench.settle()

    assert bench.data() == {"k": b"two"}
    assert bench.stage.reasons()[-1] == "Updated"


async def test_nothing_is_asked_or_written_while_nothing_is_due(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    await bench.settle()
    bench.external()
    await bench.settle()
    assert bench.ready() == SYNCED
    before = len(bench.api.calls)

    bench.pass_by(1800)
    await bench.settle()

    assert bench.api.calls[before:] == [], "the store was validated meanwhile, which concerns its provider alone"


async def test_an_unchanged_refresh_writes_no_status_for_ten_minutes(bench: ExternalModule) -> None:
    await synced(bench, refreshInterval="1m")
    before = bench.api.counts()

    for _ in range(9):
        bench.pass_by(64)
        await bench.settle()

    assert bench.api.counts()["patch status"] == before["patch status"]
    for _ in range(2):
        bench.pass_by(64)
        await bench.settle()
    assert bench.api.counts()["patch status"] == before["patch status"] + 1
    assert bench.api.counts()["update"] == 0


@pytest.mark.parametrize("interval", ["1ns", "1ms", "999ms"])
async def test_nobody_makes_us_ask_more_than_once_a_second(bench: ExternalModule, interval: str) -> None:
    await synced(bench, refreshInterval=interval)
    bench.store(values={"remote": "x", "other": "2"}, refreshInterval=interval)
    await bench.settle()
    before = len(bench.api.calls)

    for _ in range(20):
        bench.pass_by(0.04)
        await bench.settle()

    assert len(bench.api.calls) == before


@pytest.mark.parametrize("tampering", ["data", "hash", "label", "removed"])
async def test_a_target_that_was_edited_is_restored_without_waiting(bench: ExternalModule, tampering: str) -> None:
    await synced(bench)
    secret = json.loads(json.dumps(bench.body(SECRETS, "es")))
    if tampering == "data":
        secret["data"] = encoded(k="evil")
    elif tampering == "hash":
        secret["metadata"]["annotations"][DATA_HASH] = "0"
    elif tampering == "label":
        del secret["metadata"]["labels"][MANAGED]

    if tampering == "removed":
        bench.remove(SECRETS, "es")
    else:
        bench.api.put(SECRETS, secret)
    await bench.settle()

    assert bench.data() == {"k": b"canary-one"}
    restored = (bench.body(SECRETS, "es") or {})["metadata"]
    assert restored["labels"][MANAGED] == "true"
    assert restored["annotations"][DATA_HASH] != "0"


async def test_the_echo_of_an_own_write_costs_nothing(bench: ExternalModule) -> None:
    await synced(bench)

    passes = [place for verb, place in bench.api.calls if verb == "get" and place == "ExternalSecret ns/es"]
    assert len(passes) <= 2  # one that finds the store not looked at yet, and one that syncs
    assert bench.api.counts()["create"] == 1


@pytest.mark.parametrize("kind", ["labels", "annotations"])
async def test_a_change_of_metadata_refreshes_at_once(bench: ExternalModule, kind: str) -> None:
    await synced(bench)

    bench.external(meta={kind: {"external-secrets.io/force-sync": "now"}})
    await bench.settle()

    version = (bench.body(EXTERNAL_SECRETS, "es") or {})["status"]["syncedResourceVersion"]
    assert (bench.body(SECRETS, "es") or {})["metadata"][kind]["external-secrets.io/force-sync"] == "now"
    assert version.startswith("1-")


async def test_a_foreign_secret_is_taken_only_when_handed_over(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.secret(theirs="1")
    untouched = json.dumps(bench.body(SECRETS, "es"))
    bench.external()
    await bench.settle()
    assert bench.ready()[0] == "False"
    assert ADOPT in bench.ready()[2]
    assert json.dumps(bench.body(SECRETS, "es")) == untouched
    assert bench.stage.reasons().count("UpdateFailed") == 1

    bench.secret(meta={"annotations": {ADOPT: "true"}}, theirs="1")
    await bench.settle()

    assert bench.ready() == SYNCED
    assert bench.data() == {"k": b"x"}


async def test_a_foreign_secret_that_goes_makes_room(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.secret(theirs="1")
    bench.external()
    await bench.settle()

    bench.remove(SECRETS, "es")
    await bench.settle()

    assert bench.data() == {"k": b"x"}


async def test_a_merge_waits_for_its_secret(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external(target={"creationPolicy": "Merge"})
    await bench.settle()
    assert bench.ready() == ("True", "SecretMissing", "secret will not be created due to CreationPolicy=Merge")
    assert "binding" not in (bench.body(EXTERNAL_SECRETS, "es") or {})["status"]

    bench.secret(theirs="1")
    await bench.settle()

    assert bench.ready() == SYNCED
    assert bench.data() == {"theirs": b"1", "k": b"x"}


async def test_a_renamed_target_leaves_nothing_behind(bench: ExternalModule) -> None:
    await synced(bench)

    bench.external(target={"name": "renamed"})
    await bench.settle()

    assert bench.data() is None
    assert bench.data("renamed") == {"k": b"canary-one"}
    assert bench.stage.reasons()[-1] == "Deleted"


async def test_proven_absence_deletes_as_the_policy_asks(
    bench: ExternalModule,
) -> None:
    both = [{"secretKey": each, "remoteRef": {"key": each}} for each in ("remote", "other")]
    await synced(bench, data=both, target={"deletionPolicy": "Delete"})

    bench.store(values={"remote": "canary-one"})
    await bench.settle()
    assert bench.data() == {"remote": b"canary-one"}
    absent = [each["message"] for each in bench.api.events if each["reason"] == "MissingProviderSecret"]
    assert absent == [f"secret does not exist at provider using spec.data[1] (key: other) {LOOKED}"]

    bench.store(values={})
    await bench.settle()
    assert bench.data() is None
    assert bench.ready() == ("True", "SecretDeleted", "secret deleted due to DeletionPolicy=Delete")


async def test_with_retain_an_absence_is_an_error_that_deletes_nothing(bench: ExternalModule) -> None:
    await synced(bench)

    bench.store(values={})
    await bench.settle()

    assert bench.data() == {"k": b"canary-one"}
    place = f"spec.data[0] (key: remote): Secret does not exist {LOOKED}"
    assert bench.ready() == ("False", "SecretSyncedError", f"could not get secret data from provider: {place}")


async def test_a_fault_at_the_provider_is_retried_until_it_is_fixed(bench: ExternalModule) -> None:
    await synced(bench)
    bench.store(values={})
    await bench.settle()
    reasons = bench.stage.reasons().count("UpdateFailed")

    for _ in range(12):
        bench.pass_by(70)
        await bench.settle()

    assert bench.stage.reasons().count("UpdateFailed") == reasons + 1  # ten minutes later, once more


async def test_the_finalizer_stands_only_while_deletion_needs_it(bench: ExternalModule) -> None:
    await synced(bench, target={"deletionPolicy": "Delete"})
    made = bench.body(EXTERNAL_SECRETS, "es") or {}
    assert made["metadata"]["finalizers"] == [FINALIZER]

    bench.api.put(EXTERNAL_SECRETS, made | {"metadata": made["metadata"] | {"deletionTimestamp": "now"}})
    await bench.settle()

    assert bench.data() is None
    assert (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"]["finalizers"] == []


@pytest.mark.parametrize("target", [{}, {"deletionPolicy": "Delete", "name": "UPPER"}])
async def test_the_originals_finalizer_holds_nothing_back(bench: ExternalModule, target: Any) -> None:
    bench.external(meta={"finalizers": ["mine", FINALIZER], "deletionTimestamp": "now"}, target=target)
    bench.secret(theirs="1")
    await bench.settle()

    assert (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"]["finalizers"] == ["mine"]
    assert bench.data() == {"theirs": b"1"}


async def test_an_object_of_another_controller_is_not_touched(bench: ExternalModule) -> None:
    bench.store("theirs", {"remote": "x"}, controller="another")
    bench.external(secretStoreRef={"name": "theirs"}, target={"deletionPolicy": "Delete"})
    before = json.dumps(bench.body(EXTERNAL_SECRETS, "es"))
    await bench.settle()

    assert json.dumps(bench.body(EXTERNAL_SECRETS, "es")) == before
    assert bench.ready("theirs", SECRET_STORES) == ("", "", "")
    assert bench.stage.reasons() == []

    bench.store("theirs", {"remote": "x"})
    await bench.settle()
    assert bench.ready() == SYNCED


async def test_a_quota_or_a_terminating_namespace_is_waited_out(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external()
    bench.api.fail("create", Forbidden(403, "Forbidden", "create secrets ns/es"))
    await bench.settle()
    assert bench.ready()[2].startswith("could not update secret")

    bench.pass_by(1)
    await bench.settle()

    assert bench.ready() == SYNCED


async def test_a_refused_write_is_reported_and_retried_in_ten_minutes(
    bench: ExternalModule,
) -> None:
    bench.store(values={"remote": "x"})
    await bench.settle()
    bench.external()
    bench.api.fail("create", Invalid(422, "Invalid", "create secrets ns/es", "data"))
    await bench.settle()

    for _ in range(3):
        bench.pass_by(70)
        await bench.settle()

    assert bench.ready()[:2] == ("False", "SecretSyncedError")
    assert bench.api.counts()["create"] == 1
    bench.pass_by(400)
    await bench.settle()
    assert bench.ready() == SYNCED


async def test_a_conflict_is_nobodys_news(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external()
    bench.api.fail("create", Conflict(409, "Conflict", "create secrets ns/es"))
    await bench.settle()
    assert bench.ready() == ("", "", "")

    bench.pass_by(1)
    await bench.settle()

    assert bench.ready() == SYNCED


async def test_an_unreadable_spec_is_reported_and_not_retried(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external(refreshInterval="often")
    await bench.settle()
    asked = bench.api.counts()["get"]
    assert "spec.refreshInterval" in bench.ready()[2]

    bench.pass_by(250)
    await bench.settle()
    assert bench.api.counts()["get"] == asked

    bench.external()
    await bench.settle()
    assert bench.ready() == SYNCED


async def test_contested_writes_pause_and_are_reported(bench: ExternalModule) -> None:
    await synced(bench)
    before = bench.api.counts()["update"]

    for _ in range(10):
        secret = json.loads(json.dumps(bench.body(SECRETS, "es")))
        secret["data"] = encoded(k="evil")
        entry = {"manager": "another", "operation": "Update", "fieldsV1": {"f:data": {"f:k": {}}}}
        secret["metadata"]["managedFields"].append(entry)
        bench.api.put(SECRETS, secret)
        await bench.settle()

    assert bench.api.counts()["update"] - before == 3
    assert "somebody keeps changing or deleting it (field managers of its data: another)" in bench.ready()[2]
    bench.pass_by(601)
    await bench.settle()
    assert bench.ready() == SYNCED
    assert bench.data() == {"k": b"canary-one"}


async def test_a_new_value_is_written_however_often_it_changes(bench: ExternalModule) -> None:
    await synced(bench)

    for at in range(10):
        bench.store(values={"remote": f"{at}"})
        await bench.settle()
        assert bench.data() == {"k": f"{at}".encode()}


async def test_an_empty_answer_deletes_nothing(bench: ExternalModule) -> None:
    bench.store(values={"remote": '{"a":"1"}'})
    extract = [{"extract": {"key": "remote"}}]
    bench.external(data=None, dataFrom=extract, target={"deletionPolicy": "Delete"})
    await bench.settle()

    bench.store(values={"remote": "{}"})
    await bench.settle()

    assert bench.data() == {"a": b"1"}
    assert bench.ready()[0] == "False"
    assert "nothing is deleted" in bench.ready()[2]


async def test_a_secret_that_was_only_merged_into_is_not_taken_over(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.secret(theirs="1")
    bench.external(target={"creationPolicy": "Merge"})
    await bench.settle()
    assert bench.data() == {"theirs": b"1", "k": b"x"}

    bench.external()
    await bench.settle()

    assert bench.data() == {"theirs": b"1", "k": b"x"}
    assert ADOPT in bench.ready()[2]


async def test_the_finalizer_of_another_controllers_object_stays(bench: ExternalModule) -> None:
    bench.store("theirs", {"remote": "x"}, controller="another")
    meta = {"finalizers": [FINALIZER], "deletionTimestamp": "now"}
    bench.external(meta=meta, secretStoreRef={"name": "theirs"}, target={"deletionPolicy": "Delete"})
    await bench.settle()

    assert (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"]["finalizers"] == [FINALIZER]


async def test_a_name_of_any_length_fits_into_the_condition(bench: ExternalModule) -> None:
    bench.store(values={"remote": "x"})
    bench.external(data=[{"secretKey": "k", "remoteRef": {"key": "x" * 500_000}}])
    await bench.settle()

    assert bench.ready()[0] == "False"
    assert len(bench.ready()[2]) <= LONGEST_MESSAGE


@pytest.mark.parametrize("provider", ["openBao", "vault"])
async def test_a_provider_is_known_by_the_name_that_users_write(bench: ExternalModule, provider: str) -> None:
    bench.put(SECRET_STORES, {"metadata": {"name": "store", "namespace": "ns"}, "spec": _vault(provider)})
    await bench.settle()

    text = f"spec.provider.{provider}.auth.tokenSecretRef.name is missing"
    assert bench.ready("store", SECRET_STORES) == ("False", "InvalidProviderConfig", f"unable to create client: {text}")


def _vault(provider: str) -> Any:
    return {"provider": {provider: {"server": "https://vault.example.com", "auth": {"tokenSecretRef": {}}}}}
