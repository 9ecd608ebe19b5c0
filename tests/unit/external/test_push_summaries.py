"""What the cache keeps of a PushSecret, however odd it is."""

from typing import Any

import pytest

from external.push_summaries import FINALIZER, MAX_ASKED, MAX_HELD, Claim, push_secret_summary, recorded_store
from manager.kube.resources import CLUSTER_SECRET_STORES, CONFIGMAPS, SECRET_STORES, SECRETS, Body, Key
from tests.builders.push_provider import entry

STORE, ALL = Key(SECRET_STORES, "ns", "store"), Key(CLUSTER_SECRET_STORES, "", "all")


def body(status: Any = None, meta: Any = None, **spec: Any) -> Body:
    found: Body = {"metadata": {"name": "ps", "namespace": "ns", "generation": 3, **(meta or {})}, "spec": spec}
    return found | ({"status": status} if status is not None else {})


def test_sources_templates_and_stores_are_found() -> None:
    named = {"name": "store"}, {"name": "all", "kind": "ClusterSecretStore"}
    selected = {"labelSelector": {}}, {"name": "ignored", "labelSelector": {}, "kind": "ClusterSecretStore"}
    templates = [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}, {"literal": "x"}]
    found = push_secret_summary(
        body(
            secretStoreRefs=[*named, *selected],
            selector={"secret": {"name": "src"}},
            template={"templateFrom": templates},
        )
    )

    assert found.source == Key(SECRETS, "ns", "src")
    assert set(found.stores) == {STORE, ALL}
    assert set(found.selected_stores) == {("SecretStore", "ns"), ("ClusterSecretStore", "")}
    assert set(found.templates) == {Key(CONFIGMAPS, "ns", "c"), Key(SECRETS, "ns", "s")}


def test_claims_come_from_the_spec_and_from_the_record() -> None:
    record = {
        "ClusterSecretStore/all": {"x/p": entry(remote="x", prop="p")},
        "Odd/x": {"y": entry()},
        "SecretStore/a": 1,
    }
    found = push_secret_summary(
        body(
            {"syncedPushSecrets": record},
            secretStoreRefs=[{"name": "store"}],
            data=[entry(remote="a"), {"match": None}],
            dataTo=[{"storeRef": {"name": "store"}, "remoteKey": "bundle"}, {"storeRef": {"name": "store"}}],
        )
    )

    assert set(found.claims) == {Claim(ALL, "x", "p"), Claim(STORE, "a", ""), Claim(STORE, "bundle", "")}
    assert found.recorded


def test_what_coffer_added_is_read_again() -> None:
    status = {
        "refreshTime": "2026-01-01T00:00:00Z",
        "conditions": [{"type": "Ready", "status": "True"}],
        "pushState": {"sources": "s", "versions": "v"},
    }
    meta = {"finalizers": [FINALIZER], "annotations": {"coffer.dev/leave-pushed": "SecretStore/store"}}
    found = push_secret_summary(body(status, meta, deletionPolicy="Delete", refreshInterval="5m"))

    assert (found.sources, found.versions, found.ready, found.interval) == ("s", "v", True, 300.0)
    assert (found.finalizer, found.deletes, found.leaves) == (True, True, "SecretStore/store")


@pytest.mark.parametrize(
    "odd",
    [
        {"spec": None},
        {"spec": {"secretStoreRefs": "x", "data": 1, "dataTo": {}, "selector": [], "template": "t"}},
        {"spec": {"secretStoreRefs": [None, {"name": 3}], "selector": {"secret": {"name": {}}}}},
        {"status": {"syncedPushSecrets": [], "pushState": 3, "conditions": "x", "refreshTime": 1}},
    ],
)
def test_a_malformed_object_has_a_summary(odd: Body) -> None:
    found = push_secret_summary({"metadata": {"name": "ps", "namespace": "ns"}, **odd})
    assert (found.ready, found.source, found.claims) == (False, None, ())


def test_claims_of_one_object_are_bounded() -> None:
    found = push_secret_summary(
        body(
            secretStoreRefs=[{"name": f"s{at}"} for at in range(50)], data=[entry(remote=f"r{at}") for at in range(500)]
        )
    )
    assert len(found.claims) <= MAX_ASKED
    assert {each.store.name for each in found.claims} == {f"s{at}" for at in range(50)}
    assert len({id(keys) for keys in found.asked.values()}) == 1, "stores share what they have in common"


def test_recorded_places_of_one_object_are_bounded_and_their_stores_are_not() -> None:
    record = {f"SecretStore/s{at}": {f"r{each}": entry(remote=f"r{each}") for each in range(500)} for at in range(9)}
    found = push_secret_summary(body({"syncedPushSecrets": record}))

    assert len(found.claims) == MAX_HELD
    assert len(found.held) == 9


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (("a", ""), ("a", ""), True),
        (("a", "p"), ("a", "p"), True),
        (("a", "p"), ("a", "q"), False),
        (("a", ""), ("a", "q"), True),
        (("a", ""), ("b", ""), False),
    ],
)
def test_claims_overlap_where_a_write_changes_the_other(
    first: tuple[str, str], second: tuple[str, str], wanted: bool
) -> None:
    for one, two in ((first, second), (second, first)):
        data = [entry(remote=one[0], prop=one[1]), entry(remote="more", prop="x")]
        asking = push_secret_summary(body(secretStoreRefs=[{"name": "store"}], data=data))
        record = {"SecretStore/store": {"name": entry(remote=one[0], prop=one[1])}}
        holding = push_secret_summary(body({"syncedPushSecrets": record}))

        assert (asking.asks_for(Claim(STORE, *two)), asking.holds(Claim(STORE, *two))) == (wanted, False)
        assert (holding.holds(Claim(STORE, *two)), holding.asks_for(Claim(STORE, *two))) == (wanted, False)
        assert not asking.asks_for(Claim(ALL, *two))


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("SecretStore/store", STORE),
        ("ClusterSecretStore/all", ALL),
        ("Odd/store", None),
        ("SecretStore/", None),
        ("x", None),
    ],
)
def test_names_of_stores_in_the_record(place: str, wanted: Key | None) -> None:
    assert recorded_store(place, "ns") == wanted
