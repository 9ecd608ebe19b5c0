"""What is deleted and recorded: never what this or another PushSecret still wants."""

from typing import Any

import pytest

from external.providers.push import RemoteRef
from external.push_secrets.plan import Around, Fate, Removal, fate, next_record, removals
from external.push_secrets.record import joined, merge_patch, without
from external.push_summaries import Claim
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Key
from tests.builders.push_provider import entry

STORE, CLUSTER = Key(SECRET_STORES, "ns", "store"), Key(CLUSTER_SECRET_STORES, "", "all")
NAME = "SecretStore/store"


def gone(key: str, prop: str = "") -> Removal:
    return Removal(Claim(STORE, key, prop), key)


def around(wanted: Any = (), **changes: Any) -> Any:
    facts = {"deletes_property": True, "claimed": False, "key_claimed": False, **changes}
    return lambda ref: Around(ref, wanted, **facts)


@pytest.mark.parametrize(
    ("removal", "facts", "wanted"),
    [
        (gone("a"), around(), Fate.DELETE),
        (gone("a"), around(claimed=True), Fate.FORGET),
        (gone("a"), around(same_place=True), Fate.FORGET),
        (gone("a"), around([RemoteRef("b")]), Fate.DELETE),
        (gone("a"), around([RemoteRef("a", "p")]), Fate.FORGET),
        (gone("a", "p"), around([RemoteRef("a")]), Fate.FORGET),
        (gone("a", "p"), around([RemoteRef("a", "q")]), Fate.DELETE),
        (gone("a", "p"), around([RemoteRef("a", "q"), RemoteRef("a", "p")]), Fate.FORGET),
        (gone("a"), around([RemoteRef("a")]), Fate.FORGET),
        (gone("a", "p"), around([RemoteRef("a", "q")], deletes_property=False), Fate.FORGET),
        (gone("a", "p"), around(key_claimed=True), Fate.DELETE),
        (gone("a", "p"), around(key_claimed=True, deletes_property=False), Fate.FORGET),
        (gone("a"), around(key_claimed=True), Fate.FORGET),
    ],
)
def test_a_place_is_deleted_only_if_that_destroys_nothing_else(removal: Removal, facts: Any, wanted: Fate) -> None:
    assert fate(facts(removal.ref)) is wanted


def test_what_is_recorded_and_not_wanted_is_unwanted() -> None:
    record = {
        NAME: {"a": entry(remote="a"), "b": entry(remote="b")},
        "ClusterSecretStore/all": {"c": entry(remote="c")},
    }
    found = removals(record, "ns", {STORE: {RemoteRef("a"): None}}, ())
    assert [each.recorded for each in found] == [(NAME, "b"), ("ClusterSecretStore/all", "c")]


def test_names_that_look_alike_are_told_apart_by_their_content() -> None:
    record = {NAME: {"a/b": entry(remote="a", prop="b")}}
    (found,) = removals(record, "ns", {STORE: {RemoteRef("a/b"): None}}, ())
    assert found.ref == RemoteRef("a", "b")


def test_stores_that_are_not_looked_at_keep_their_record() -> None:
    assert removals({NAME: {"a": entry(remote="a")}}, "ns", {}, {STORE}) == []
    assert removals({"Odd/x": {"a": entry()}, NAME: {"b": {"match": None}}}, "ns", {}, ()) == []


def test_the_record_keeps_what_failed_and_what_is_left() -> None:
    before: Any = {NAME: {"old": {"v": 1}, "failed": {"v": 1}, "left": {"v": 1}}, "SecretStore/kept": {"x": {}}}
    after = next_record(
        before,
        {NAME: {"new": {"v": 2}}},
        [(NAME, "failed"), (NAME, "never")],
        ["SecretStore/kept", "SecretStore/other"],
        [(NAME, "left")],
    )
    assert after == {NAME: {"new": {"v": 2}, "failed": {"v": 1}, "left": {"v": 1}}, "SecretStore/kept": {"x": {}}}


def within(namespace: str) -> Any:
    return entry(remote="a", metadata={"spec": {"remoteNamespace": namespace}})


def test_what_was_pushed_to_another_namespace_is_unwanted() -> None:
    record = {NAME: {"a": within("old")}}
    (found,) = removals(record, "ns", {STORE: {RemoteRef("a"): {"spec": {"remoteNamespace": "new"}}}}, ())
    assert (found.name, found.claim, found.metadata) == ("a", Claim(STORE, "a", "", "old"), within("old")["metadata"])
    assert removals(record, "ns", {STORE: {RemoteRef("a"): within("old")["metadata"]}}, ()) == []


def test_a_moved_place_stays_recorded_until_it_is_deleted() -> None:
    moved = joined({NAME: {"a": within("old")}}, {NAME: {"a": within("new")}})
    assert moved == {NAME: {"a": within("new"), "a@old": within("old")}}
    assert [
        each.recorded for each in removals(moved, "ns", {STORE: {RemoteRef("a"): within("new")["metadata"]}}, ())
    ] == [(NAME, "a@old")]
    assert next_record(moved, {NAME: {"a": within("new")}}, [], [], [(NAME, "a@old")]) == moved
    assert next_record({NAME: {"a": within("old")}}, {NAME: {"a": within("new")}}, [], [], [(NAME, "a")]) == moved


def test_records_are_joined_and_thinned() -> None:
    assert joined({"a": {"x": {}}}, {"a": {"y": {}}, "b": {}}) == {"a": {"x": {}, "y": {}}, "b": {}}
    assert without({"a": {"x": {}, "y": {}}}, [("a", "x")]) == {"a": {"y": {}}}


def test_a_merge_patch_removes_what_is_gone_at_every_depth() -> None:
    before, after = {"a": {"x": {"m": 1, "n": 2}}, "b": {}}, {"a": {"x": {"n": 3}, "y": {}}}
    assert merge_patch(before, after) == {"a": {"x": {"n": 3, "m": None}, "y": {}}, "b": None}
