"""PushSecrets over an API in memory and a provider in memory."""

from typing import Any

import pytest

from external.generators.registry import KINDS
from external.generators.runner import Generators
from external.providers.protocol import ProviderError, ProviderUnavailable
from external.push_summaries import FINALIZER, MAX_STORES
from manager.kube.resources import PUSH_SECRETS, SECRET_STORES, SECRETS, Body
from tests.builders.external_module import ExternalModule
from tests.builders.push_provider import (
    OK,
    Remote,
    entry,
    later,
    push_secret,
    ready,
    recorded,
    restarted,
    started,
    status,
)


async def test_a_restart_asks_no_provider(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)
    remote.calls.clear()

    second = await restarted(bench)

    assert not remote.calls
    assert not [each for each in second.api.calls if each[1].startswith("PushSecret")]
    await second.close()


async def test_a_value_is_pushed_and_told_as_the_original_does(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)

    assert remote.text("remote") == "v"
    assert ready(bench) == OK
    data = {"match": {"secretKey": "k", "remoteRef": {"remoteKey": "remote"}}, "conversionStrategy": "None"}
    assert status(bench)["syncedPushSecrets"] == {"SecretStore/store": {"remote": data}}
    assert status(bench)["syncedResourceVersion"].startswith("1-")
    assert status(bench)["refreshTime"] == "2026-01-01T00:00:00Z"
    assert [(each["reason"], each["source"]["component"]) for each in bench.api.events if each["type"] == "Normal"][
        -1
    ] == ("Synced", "pushsecret")


async def test_a_changed_source_is_pushed_at_once(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)

    bench.secret("src", k="new")
    await bench.settle()

    assert remote.text("remote") == "new"


async def test_an_unchanged_value_costs_neither_write_nor_read(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)
    before = remote.calls.copy()

    bench.secret("src", k="v", other="changed")
    await bench.settle()

    assert remote.calls == before
    assert ready(bench) == OK


async def test_a_source_that_is_recreated_is_noticed(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete")
    bench.remove(SECRETS, "src")
    await bench.settle()
    assert remote.text("remote") == "v", "GitOps tools delete and re-create"
    await later(bench, 31)
    assert remote.text("remote") is None
    assert ready(bench) == ("False", "SourceDeleted", "source secret deleted; provider secrets cleaned up")
    assert recorded(bench) == {"SecretStore/store": []}

    bench.secret("src", k="again")
    await bench.settle()

    assert (remote.text("remote"), ready(bench)) == ("again", OK)


async def test_without_a_source_the_condition_says_so(bench: ExternalModule, remote: Remote) -> None:
    bench.store()
    push_secret(bench)
    await bench.settle()

    assert ready(bench)[:2] == ("False", "Errored")
    assert ready(bench)[2].startswith("could not get source secret")
    assert not remote.calls


async def test_a_store_that_appears_is_pushed_to(bench: ExternalModule, remote: Remote) -> None:
    bench.secret("src", k="v")
    push_secret(bench)
    await bench.settle()
    assert ready(bench)[2].startswith('could not get SecretStore "store"')

    bench.store()
    await bench.settle()

    assert (remote.text("remote"), ready(bench)) == ("v", OK)


async def test_a_store_that_leads_elsewhere_is_pushed_to(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)

    bench.store(values={"place": "b"})
    await bench.settle()

    assert remote.text("remote", "b") == "v"


async def test_a_store_that_does_not_answer_stops_only_its_own(bench: ExternalModule, remote: Remote) -> None:
    remote.failing["b"] = ProviderUnavailable("away")
    bench.store("away", values={"place": "b"})
    await started(bench, secretStoreRefs=[{"name": "away"}, {"name": "store"}])
    assert (remote.text("remote"), remote.text("remote", "b")) == ("v", None)
    assert ready(bench)[0] == "False"

    del remote.failing["b"]
    for _ in range(4):
        await later(bench, 15)

    assert (remote.text("remote", "b"), ready(bench)) == ("v", OK)
    assert recorded(bench) == {"SecretStore/away": ["remote"], "SecretStore/store": ["remote"]}


async def test_what_exists_is_kept_and_not_recorded_as_ours(bench: ExternalModule, remote: Remote) -> None:
    remote.foreign("remote", "theirs")
    await started(bench, updatePolicy="IfNotExists", data=[entry(), entry("other", "mine")])

    assert (remote.text("remote"), remote.text("mine")) == ("theirs", "w")
    assert ready(bench) == (OK[0], OK[1], f"{OK[2]}. Existing secrets in providers unchanged.")
    assert recorded(bench) == {"SecretStore/store": ["mine"]}
    states = {each["remoteKey"]: each["state"] for each in status(bench)["pushState"]["entries"]}
    assert states == {"remote": "Kept", "mine": "Synced"}


async def test_an_existence_that_is_unknown_is_an_error(bench: ExternalModule, remote: Remote) -> None:
    remote.failing["exists"] = ProviderError("don't know")
    await started(bench, updatePolicy="IfNotExists")

    assert ready(bench)[2] == "set secret failed: could not verify if secret exists in store: don't know"


async def test_a_missing_key_is_told_as_the_original_does(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, data=[entry("unexisting")])

    assert ready(bench)[2] == "set secret failed: secret key unexisting does not exist"


async def test_a_start_over_the_originals_object_writes_nothing(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete")
    body = bench.body(PUSH_SECRETS, "ps") or {}
    del body["status"]["pushState"]
    bench.api.put(PUSH_SECRETS, body)
    remote.calls.clear()
    second = await restarted(bench)

    assert not remote.calls
    assert not [each for each in second.api.calls if each[1].startswith("PushSecret")]
    await second.close()


async def test_a_source_that_changed_while_no_one_looked_is_pushed(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)
    bench.api.put(SECRETS, (bench.body(SECRETS, "src") or {}) | {"data": {"k": "bmV3"}})
    second = await restarted(bench)

    assert remote.text("remote") == "new"
    await second.close()


async def test_other_classes_stores_are_left_alone(bench: ExternalModule, remote: Remote) -> None:
    bench.store(controller="other")
    bench.secret("src", k="v")
    push_secret(bench)
    await bench.settle()
    assert (status(bench), remote.calls) == ({}, {})

    bench.store("mine")
    push_secret(bench, secretStoreRefs=[{"name": "store"}, {"name": "mine"}])
    await bench.settle()
    assert (ready(bench), recorded(bench)) == (OK, {"SecretStore/mine": ["remote"]})


@pytest.mark.parametrize("deleting", [False, True])
@pytest.mark.parametrize("named", [{"name": "store"}, {"labelSelector": {}}], ids=["by name", "by labels"])
async def test_an_object_of_another_class_gets_and_loses_no_finalizer(
    bench: ExternalModule, remote: Remote, deleting: bool, named: Any
) -> None:
    """The other controller's finalizer has the same name."""
    bench.store(controller="other")
    bench.secret("src", k="v")
    meta = {"finalizers": [FINALIZER], "deletionTimestamp": "2026-01-01T00:00:00Z"} if deleting else {}
    push_secret(bench, meta=meta, deletionPolicy="Delete", secretStoreRefs=[named])
    await bench.settle()

    left = (bench.body(PUSH_SECRETS, "ps") or {})["metadata"].get("finalizers", [])
    assert (left, status(bench), remote.calls) == ([FINALIZER] if deleting else [], {}, {})


async def test_a_provider_without_push_is_told(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("external.push_secrets.delivery.pushes", lambda client: False)
    await started(bench)
    text = "set secret failed: could not get secrets client for store store: its provider takes no secrets"
    assert ready(bench)[2].startswith(text)


async def test_interval_zero_pushes_changes_only(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, refreshInterval="0")
    before = remote.calls.copy()
    await later(bench, 100_000)
    assert remote.calls == before

    bench.secret("src", k="new")
    await bench.settle()
    assert remote.text("remote") == "new"


async def test_what_a_slow_push_proved_is_compared_again_when_it_is_due(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that was pushed some time after its pass began must not count as compared since that pass."""
    remote.after_write = lambda: bench.pass_by(5)
    await started(bench, refreshInterval="1m")
    remote.values["a", "remote"] = b"edited"

    await later(bench, 70)

    assert remote.text("remote") == "v"


async def test_drift_at_the_provider_is_repaired_at_the_next_refresh(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, refreshInterval="1m")
    remote.values["a", "remote"] = b"edited"

    await later(bench, 70)

    assert remote.text("remote") == "v"


async def test_a_generated_value_is_used_again_until_it_is_pushed(bench: ExternalModule, remote: Remote) -> None:
    remote.failing["remote"] = ProviderError("boom")
    bench.store()
    bench.api.put(
        KINDS["Password"].resource,
        {"metadata": {"name": "gen", "namespace": "ns", "generation": 1}, "spec": {"length": 12}},
    )
    push_secret(
        bench,
        selector={"generatorRef": {"kind": "Password", "name": "gen"}},
        data=[entry("password", "other"), entry("password", "remote")],
    )
    await bench.settle()
    first = remote.text("other")
    for _ in range(3):
        await later(bench, 61)
    assert first
    assert remote.text("other") == first

    remote.failing.clear()
    await later(bench, 61)
    assert remote.text("remote") == first


async def test_the_template_is_applied_and_source_keys_stay(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, template={"data": {"made": "{{ .k }}-{{ .other }}"}}, data=[entry("made"), entry("", "all")])

    assert remote.text("remote") == "v-w"
    assert remote.text("all") == '{"k": "v", "made": "v-w", "other": "w"}'


async def test_a_store_that_a_label_selects_later_is_pushed_to(bench: ExternalModule, remote: Remote) -> None:
    bench.secret("src", k="v")
    bench.put(SECRET_STORES, labelled("one", "a"))
    push_secret(bench, secretStoreRefs=[{"labelSelector": {"matchLabels": {"push": "yes"}}}])
    await bench.settle()
    assert recorded(bench) == {"SecretStore/one": ["remote"]}

    bench.put(SECRET_STORES, labelled("two", "b"))
    await bench.settle()

    assert (remote.text("remote", "b"), ready(bench)) == ("v", OK)
    assert recorded(bench) == {"SecretStore/one": ["remote"], "SecretStore/two": ["remote"]}


def labelled(name: str, place: str) -> Body:
    """Return a fake store with a label."""
    provider = {"fake": {"data": [{"key": "place", "value": place}]}}
    return {"metadata": {"name": name, "namespace": "ns", "labels": {"push": "yes"}}, "spec": {"provider": provider}}


async def test_labels_may_not_select_any_number_of_stores(bench: ExternalModule, remote: Remote) -> None:
    bench.secret("src", k="v")
    for at in range(MAX_STORES + 1):
        bench.put(SECRET_STORES, labelled(f"s{at}", "a"))
    push_secret(bench, secretStoreRefs=[{"labelSelector": {"matchLabels": {"push": "yes"}}}])
    await bench.settle()

    assert f"choose more than {MAX_STORES} stores" in ready(bench)[2]
    assert not remote.calls


def generator(bench: ExternalModule, **spec: Any) -> None:
    """Let `ps` push what a Password generator makes."""
    meta = {"name": "gen", "namespace": "ns", "generation": 1}
    bench.api.put(KINDS["Password"].resource, {"metadata": meta, "spec": {"length": 12}})
    selector = {"generatorRef": {"kind": "Password", "name": "gen"}}
    push_secret(bench, selector=selector, data=[entry("password")], **spec)


async def test_a_generator_makes_a_new_value_at_each_refresh(bench: ExternalModule, remote: Remote) -> None:
    bench.store()
    generator(bench, refreshInterval="1m")
    await bench.settle()
    first = remote.text("remote")

    await later(bench, 70)

    assert first
    assert remote.text("remote") not in (None, first)


async def test_without_a_store_no_generator_runs(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[object] = []
    make = Generators.make

    async def counted(self: Generators, *given: Any) -> Any:
        runs.append(given)
        return await make(self, *given)

    monkeypatch.setattr(Generators, "make", counted)
    generator(bench)
    await bench.settle()
    assert ready(bench)[2].startswith('could not get SecretStore "store"')
    assert runs == []

    bench.store()
    await bench.settle()
    assert (len(runs), ready(bench)) == (1, OK)


async def test_a_crd_that_drops_our_field_causes_no_write_loop(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = bench.api.patch

    async def pruned(key: Any, change: Any, **more: Any) -> Any:
        status = {name: value for name, value in change.get("status", {}).items() if name != "pushState"}
        return await patch(key, change | ({"status": status} if "status" in change else {}), **more)

    monkeypatch.setattr(bench.api, "patch", pruned)
    await started(bench, refreshInterval="1m", data=[entry(), entry("absent", "x")])
    await later(bench, 1)
    bench.secret("src", k="v", absent="w")
    await bench.settle()
    bench.api.calls.clear()

    for _ in range(3):
        await later(bench, 70)

    assert ready(bench) == OK
    assert [verb for verb, place in bench.api.calls if place.startswith("PushSecret") and verb != "get"] == []
