"""What PushSecrets delete, keep and leave to each other."""

from dataclasses import replace

import pytest

from external.providers.protocol import ProviderError, ProviderUnavailable
from external.providers.push import RemoteRef
from external.push_summaries import FINALIZER
from external.summaries import STORE_FINALIZER
from manager.kube.resources import CLUSTER_SECRET_STORES, NAMESPACES, PUSH_SECRETS, SECRET_STORES, SECRETS
from manager.settings.model import Settings
from tests.builders.external_module import ExternalModule
from tests.builders.push_provider import (
    OK,
    Remote,
    entry,
    later,
    push_secret,
    ready,
    recorded,
    started,
)


async def test_what_is_not_managed_is_never_overwritten(bench: ExternalModule, remote: Remote) -> None:
    remote.foreign("remote", "theirs")
    await started(bench, data=[entry(), entry("other", "mine")])

    assert (remote.text("remote"), remote.text("mine")) == ("theirs", "w")
    text = "set secret failed: could not write remote ref k to target secretstore store: not managed by this PushSecret"
    assert ready(bench) == ("False", "Errored", text)
    assert recorded(bench) == {"SecretStore/store": ["mine"]}


async def test_a_renamed_entry_leaves_no_trace_with_delete(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete")
    assert (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"] == [FINALIZER]

    push_secret(bench, meta={"finalizers": [FINALIZER]}, deletionPolicy="Delete", data=[entry(remote="renamed")])
    await bench.settle()

    assert (remote.text("remote"), remote.text("renamed")) == (None, "v")
    assert recorded(bench) == {"SecretStore/store": ["renamed"]}


async def test_without_delete_old_entries_stay(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)

    push_secret(bench, data=[entry(remote="renamed")])
    await bench.settle()

    assert (remote.text("remote"), remote.text("renamed")) == ("v", "v")
    assert recorded(bench) == {"SecretStore/store": ["renamed"]}


async def test_a_failed_part_keeps_the_old_record(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete")
    remote.failing["bad"] = ProviderError("boom")

    push_secret(
        bench,
        meta={"finalizers": [FINALIZER]},
        deletionPolicy="Delete",
        data=[entry(remote="good"), entry(remote="bad")],
    )
    await bench.settle()

    assert recorded(bench) == {"SecretStore/store": ["good", "remote"]}
    assert remote.text("remote") == "v"
    text = "set secret failed: could not write remote ref k to target secretstore store: boom"
    assert ready(bench) == ("False", "Errored", text)


async def test_a_failed_delete_keeps_old_and_new(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete")
    remote.failing["delete"] = ProviderError("boom")

    push_secret(bench, meta={"finalizers": [FINALIZER]}, deletionPolicy="Delete", data=[entry(remote="new")])
    await bench.settle()
    assert recorded(bench) == {"SecretStore/store": ["new", "remote"]}

    remote.failing.clear()
    await later(bench, 61)
    assert (recorded(bench), remote.text("remote")) == ({"SecretStore/store": ["new"]}, None)


async def switched(bench: ExternalModule, place: str) -> None:
    """Switch a PushSecret from `store` to `second`, which leads to a place."""
    await started(bench, deletionPolicy="Delete")
    bench.store("second", values={"place": place})
    await bench.settle()
    push_secret(bench, meta={"finalizers": [FINALIZER]}, deletionPolicy="Delete", secretStoreRefs=[{"name": "second"}])
    await bench.settle()


async def test_a_switch_of_stores_deletes_from_the_old_one_only(bench: ExternalModule, remote: Remote) -> None:
    await switched(bench, "b")

    assert (remote.text("remote"), remote.text("remote", "b")) == (None, "v")
    assert recorded(bench) == {"SecretStore/second": ["remote"]}


async def test_a_switch_to_the_same_place_deletes_nothing(bench: ExternalModule, remote: Remote) -> None:
    await switched(bench, "a")

    assert (remote.text("remote"), remote.calls["delete"]) == ("v", 0)
    assert recorded(bench) == {"SecretStore/second": ["remote"]}


async def test_a_place_under_two_names_is_pushed_again(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    from external.providers.fake import FakeClient

    texts = iter(range(100))
    monkeypatch.setattr(FakeClient, "location", lambda client, request: f"alias {next(texts)}")
    await switched(bench, "a")
    await later(bench, 2)

    assert (remote.text("remote"), ready(bench)) == ("v", OK)


def spelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `/key` and `key` be one place, as for Vault."""
    from external.providers.fake import FakeClient

    def canonical(client: FakeClient, ref: RemoteRef, metadata: object = None) -> RemoteRef:
        return ref._replace(key=ref.key.strip("/"))

    monkeypatch.setattr(FakeClient, "canonical", canonical, raising=False)


@pytest.mark.parametrize("prop", ["", "p"])
async def test_another_spelling_of_a_place_deletes_nothing(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch, prop: str
) -> None:
    spelled(monkeypatch)
    await started(bench, deletionPolicy="Delete", data=[entry("k", "remote", prop)])

    data = [entry("k", "/remote", prop)]
    push_secret(bench, meta={"finalizers": [FINALIZER]}, deletionPolicy="Delete", data=data)
    await bench.settle()

    assert remote.calls["delete"] == 0
    assert recorded(bench) == {"SecretStore/store": ["/remote" + ("/p" if prop else "")]}
    assert ready(bench) == OK


async def test_two_spellings_of_a_place_are_refused(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelled(monkeypatch)
    await started(bench, data=[entry("k", "remote"), entry("other", "remote/")])

    assert 'duplicate remote key "remote/"' in ready(bench)[2]
    assert remote.calls["push"] == 0


async def test_a_deleted_object_takes_its_secrets_along(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete")
    body = bench.body(PUSH_SECRETS, "ps") or {}
    bench.api.put(PUSH_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await bench.settle()

    assert remote.text("remote") is None
    assert (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"] == []


async def test_deletion_without_its_store_tells_the_cure(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete")
    bench.remove(SECRET_STORES, "store")
    await bench.settle()
    body = bench.body(PUSH_SECRETS, "ps") or {}
    bench.api.put(PUSH_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await bench.settle()
    assert ready(bench)[2].startswith("Failed to Delete Secrets from Provider: could not get secrets client for store")
    assert 'coffer.dev/leave-pushed="SecretStore/store"' in ready(bench)[2]

    body = bench.body(PUSH_SECRETS, "ps") or {}
    meta = body["metadata"] | {"annotations": {"coffer.dev/leave-pushed": "SecretStore/store"}}
    bench.api.put(PUSH_SECRETS, body | {"metadata": meta})
    await bench.settle()

    assert (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"] == []
    assert remote.text("remote") == "v"


@pytest.mark.parametrize("going", [True, False])
async def test_a_namespace_that_goes_is_not_held_by_a_store_that_went_before(
    bench: ExternalModule, remote: Remote, going: bool
) -> None:
    bench.namespace()
    await started(bench, deletionPolicy="Delete")
    ended = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {}
    bench.put(NAMESPACES, {"metadata": {"name": "ns", **ended}})
    bench.remove(SECRET_STORES, "store")
    await bench.settle()
    body = bench.body(PUSH_SECRETS, "ps") or {}
    bench.api.put(PUSH_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await bench.settle()

    assert (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"] == ([] if going else [FINALIZER])
    told = [each["message"] for each in bench.api.events if each["reason"] == "LeftAtProvider"]
    assert [each.split(":")[0] for each in told] == (
        ["1 remote refs of SecretStore/store are left at the provider"] if going else []
    )
    assert remote.text("remote") == "v"


async def test_a_cluster_store_may_come_back_and_holds_a_namespace_that_goes(
    bench: ExternalModule, remote: Remote
) -> None:
    bench.namespace()
    bench.store("cluster")
    refs = [{"name": "cluster", "kind": "ClusterSecretStore"}]
    await started(bench, deletionPolicy="Delete", secretStoreRefs=refs)
    bench.put(NAMESPACES, {"metadata": {"name": "ns", "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    bench.remove(CLUSTER_SECRET_STORES, "cluster")
    await bench.settle()
    body = bench.body(PUSH_SECRETS, "ps") or {}
    bench.api.put(PUSH_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await bench.settle()

    assert (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"] == [FINALIZER]


async def test_a_provider_that_is_away_holds_a_namespace_that_goes(bench: ExternalModule, remote: Remote) -> None:
    bench.namespace()
    await started(bench, deletionPolicy="Delete")
    bench.put(NAMESPACES, {"metadata": {"name": "ns", "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    remote.failing["delete"] = ProviderUnavailable("away")
    body = bench.body(PUSH_SECRETS, "ps") or {}
    bench.api.put(PUSH_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await bench.settle()

    assert (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"] == [FINALIZER]


async def test_the_older_of_two_claims_wins_and_both_are_told(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)
    bench.secret("rival", k="other")
    bench.pass_by(5)
    push_secret(bench, "younger", selector={"secret": {"name": "rival"}})
    await bench.settle()

    assert remote.text("remote") == "v"
    assert "claimed by PushSecret ns/ps, which is older" in ready(bench, "younger")[2]
    told = [each for each in bench.api.events if each["reason"] == "RemoteKeyClaimed"]
    assert [each["involvedObject"]["name"] for each in told] == ["ps"]

    bench.remove(PUSH_SECRETS, "ps")
    remote.owners["a", "remote"] = ""
    await bench.settle()
    assert "not managed" in ready(bench, "younger")[2], "its provider's mark protects what another one has pushed"


async def test_a_user_hands_a_secret_over_by_name(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)
    bench.remove(PUSH_SECRETS, "ps")
    push_secret(bench, "heir", meta={"annotations": {"coffer.dev/adopt": "ns/ps"}})
    await bench.settle()

    assert (ready(bench, "heir"), remote.owners["a", "remote"]) == (OK, "ns/heir")


@pytest.mark.parametrize("owner", ["other/ps", "nsx/ps", "ps", "/ps"])
async def test_nobody_takes_a_secret_of_another_namespace_over(
    bench: ExternalModule, remote: Remote, owner: str
) -> None:
    """The annotation is on the taker's own object."""
    remote.foreign("remote", "theirs", owner=owner)
    await started(bench, deletionPolicy="Delete")
    push_secret(bench, meta={"annotations": {"coffer.dev/adopt": owner}})
    await bench.settle()

    assert "not managed" in ready(bench)[2]
    assert (remote.text("remote"), remote.owners["a", "remote"]) == ("theirs", owner)


async def test_sibling_secrets_do_not_delete_each_other(bench: ExternalModule, remote: Remote) -> None:
    bench.store()
    for name in ("one", "two"):
        bench.secret(name, meta={"labels": {"push": "me"}}, **{name: name})
    select = {"secret": {"selector": {"matchLabels": {"push": "me"}}}}
    to = [{"storeRef": {"name": "store"}}]
    push_secret(bench, selector=select, data=None, dataTo=to, deletionPolicy="Delete", refreshInterval="1m")
    await bench.settle()
    for _ in range(3):
        await later(bench, 70)

    assert (remote.text("one"), remote.text("two"), remote.calls["delete"]) == ("one", "two", 0)

    bench.remove(SECRETS, "two")
    await bench.settle()
    await later(bench, 2)
    assert (remote.text("one"), remote.text("two")) == ("one", None)

    bench.remove(SECRETS, "one")
    await bench.settle()
    await later(bench, 2)
    await later(bench, 31)
    assert remote.text("one") is None


async def test_zero_matches_keep_the_record_without_delete(bench: ExternalModule, remote: Remote) -> None:
    bench.store()
    bench.secret("one", meta={"labels": {"push": "me"}}, k="v")
    push_secret(bench, selector={"secret": {"selector": {"matchLabels": {"push": "me"}}}})
    await bench.settle()

    bench.remove(SECRETS, "one")
    await bench.settle()
    await later(bench, 2)
    await later(bench, 31)

    assert (recorded(bench), remote.text("remote")) == ({"SecretStore/store": ["remote"]}, "v")


def store_finalizers(bench: ExternalModule) -> list[str]:
    return ((bench.body(SECRET_STORES, "store") or {})["metadata"].get("finalizers")) or []


async def test_a_store_is_held_while_pushed_secrets_need_it(bench: ExternalModule, remote: Remote) -> None:
    await started(bench)
    assert store_finalizers(bench) == []

    push_secret(bench, deletionPolicy="Delete")
    await bench.settle()
    assert store_finalizers(bench) == [STORE_FINALIZER]

    store = bench.body(SECRET_STORES, "store") or {}
    meta = store["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    bench.api.put(SECRET_STORES, store | {"metadata": meta})
    await bench.settle()
    assert store_finalizers(bench) == [STORE_FINALIZER]
    assert (remote.text("remote"), recorded(bench)) == ("v", {"SecretStore/store": ["remote"]})

    body = bench.body(PUSH_SECRETS, "ps") or {}
    bench.api.put(PUSH_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await bench.settle()
    assert remote.text("remote") is None
    bench.remove(PUSH_SECRETS, "ps")
    await bench.settle()
    assert store_finalizers(bench) == []


async def test_who_only_names_a_store_does_not_hold_it(bench: ExternalModule, remote: Remote) -> None:
    remote.foreign("remote", "theirs")
    await started(bench, deletionPolicy="Delete")

    assert (ready(bench)[0], recorded(bench).get("SecretStore/store", []), store_finalizers(bench)) == ("False", [], [])


async def test_an_old_object_that_is_edited_takes_nothing_from_others(bench: ExternalModule, remote: Remote) -> None:
    bench.secret("rival", k="other")
    await started(bench, data=[entry(remote="mine")])
    bench.pass_by(5)
    push_secret(bench, "younger", selector={"secret": {"name": "rival"}})
    await bench.settle()
    assert remote.text("remote") == "other"

    push_secret(bench, data=[entry(remote="remote")])
    bench.secret("rival", k="newer")
    await bench.settle()

    assert (remote.text("remote"), ready(bench, "younger")) == ("newer", OK)
    assert "claimed by PushSecret ns/younger, which has pushed to it before" in ready(bench)[2]


async def test_deletes_that_are_put_off_are_counted_for_the_alert(remote: Remote) -> None:
    settings = Settings()
    bench = ExternalModule(replace(settings, modules=replace(settings.modules, deletes_per_minute=5)))
    await started(bench, deletionPolicy="Delete", data=[entry(remote=f"r{at}") for at in range(8)])
    push_secret(bench, meta={"finalizers": [FINALIZER]}, deletionPolicy="Delete", data=[entry(remote="new")])
    await bench.settle()

    metric = "coffer_deletes_paused_total"
    registry = bench.stage.context.metrics.registry
    assert registry.get_sample_value(metric, {"module": "external"})
    assert "modules.deletes_per_minute lets more through" in ready(bench)[2]
    assert len(remote.values) == 5, "four fifths of five deletes, and the new one stays"
    await bench.close()
