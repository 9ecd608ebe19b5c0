"""Why a push is due, and when the next one is."""

from dataclasses import replace
from typing import Any

import pytest

from external.push_secrets.memory import Remembered, stamp, versions_stamp
from external.push_secrets.refresh import Known, due_in, known_of, persist_due, reason_for
from external.push_summaries import PushSecretSummary, push_secret_summary
from external.refresh_reasons import Reason
from manager.kube.resources import SECRET_STORES, Body, Key

AT = 1_800_000_000.0
STORE = Key(SECRET_STORES, "ns", "store")


def summary(**changes: Any) -> PushSecretSummary:
    """Return the summary of a PushSecret that was pushed at AT."""
    body: Body = {"metadata": {"name": "ps", "namespace": "ns", "generation": 1}, "spec": {}}
    read = push_secret_summary(body)
    return replace(read, **{"synced": read.current, "ready": True, "refreshed": AT, "interval": 60.0, **changes})


def known(**changes: Any) -> Known:
    return replace(Known("stamp", "versions", AT), **changes)


@pytest.mark.parametrize(
    ("changes", "last", "now", "wanted"),
    [
        ({}, {}, AT + 10, 50.0),
        ({}, {}, AT + 70, 0.0),
        ({"interval": 0.0}, {}, AT + 70, None),
        ({"interval": 0.0}, {"refresh_by": AT + 30}, AT + 10, 20.0),
        ({}, {"refresh_by": AT + 30}, AT + 10, 20.0),
        ({"synced": ""}, {}, AT, 0.0),
        ({"synced": "2-x"}, {}, AT, 0.0),
        ({}, {"at": None}, AT, 0.0),
        ({}, {}, AT - 1, 0.0),
    ],
)
def test_the_interval_counts_from_the_last_proof(changes: Any, last: Any, now: float, wanted: float | None) -> None:
    assert due_in(summary(**changes), known(**last), now) == wanted


@pytest.mark.parametrize(
    ("changes", "sources", "stale", "wanted"),
    [
        ({}, "stamp", False, Reason.NONE),
        ({}, "other", False, Reason.MOVED),
        ({}, "stamp", True, Reason.MOVED),
        ({"ready": False}, "stamp", False, Reason.REPAIR),
        ({"synced": "0-x"}, "stamp", False, Reason.DUE | Reason.ASKED),
    ],
)
def test_each_reason_has_its_name(changes: Any, sources: str, stale: bool, wanted: Reason) -> None:
    assert reason_for(summary(**changes), known(), sources, AT + 1, stale=stale) == wanted


def test_without_a_stamp_only_the_watches_tell() -> None:
    """External-secrets has pushed it, or its CRD drops our field."""
    unknown = known(sources="")
    assert not reason_for(summary(), unknown, "any", AT + 1, stale=False)
    assert reason_for(summary(), unknown, "any", AT + 1, stale=True) == Reason.MOVED


def test_what_this_process_knows_comes_before_the_status() -> None:
    told = summary(sources="old", versions="old")
    assert known_of(told, None) == Known("old", "old", AT)
    assert known_of(told, Remembered("u")) == Known("old", "old", AT)
    assert known_of(told, Remembered("u", "new", "new", AT + 5)) == Known("new", "new", AT + 5)


@pytest.mark.parametrize(
    ("refreshed", "now", "wanted"), [(None, AT, True), (AT, AT + 599, False), (AT, AT + 600, True)]
)
def test_an_unchanged_refresh_is_written_seldom(refreshed: float | None, now: float, wanted: bool) -> None:
    assert persist_due(summary(refreshed=refreshed), now) is wanted


def test_stamps_change_with_every_part() -> None:
    assert stamp(["a", "b"]) != stamp(["a", "c"])
    assert versions_stamp({(STORE, "a"): "1"}) != versions_stamp({(STORE, "a"): "2"})
    assert versions_stamp({(STORE, "a"): "1", (STORE, "b"): ""}) == ""
    assert versions_stamp({}) == ""
