"""How a refresh ended, and which keys changed."""

from typing import Any

import pytest

from external.api.hashes import synced_version
from manager.cli.refresh.outcome import Changes, Outcome, Verdict, at_the_end, compared, judged
from manager.kube.resources import EXTERNAL_SECRETS, Body, Key


def body(status: str = "", message: str = "m", *, synced: bool = False, **meta: Any) -> Body:
    found: Body = {"metadata": {"namespace": "ns", "name": "x", "generation": 1, **meta}}
    conditions = [{"type": "Ready", "status": status, "message": message, "lastTransitionTime": "t"}] if status else []
    return {
        **found,
        "status": {"conditions": conditions, "syncedResourceVersion": synced_version(found) if synced else ""},
    }


ASKED = body("True", annotations={"force-sync": "1"})
FAILING = body("False", annotations={"force-sync": "1"})


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (ASKED, body("True", synced=True, annotations={"force-sync": "1"}), Verdict.DONE),
        (ASKED, ASKED, Verdict.WAITING),
        (ASKED, FAILING, Verdict.FAILED),
        (FAILING, FAILING, Verdict.WAITING),
        (FAILING, body("False", "another"), Verdict.FAILED),
        (ASKED, body(), Verdict.WAITING),
    ],
)
def test_a_refresh_is_judged_by_what_the_status_says_of_this_version(before: Body, now: Body, verdict: Verdict) -> None:
    assert judged(before, now) is verdict


def test_a_failure_that_repeats_itself_is_one_when_the_time_is_over() -> None:
    assert at_the_end(FAILING) is Verdict.FAILED
    assert at_the_end(ASKED) is Verdict.WAITING


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": b"1", "b": b"1"}, {"a": b"2", "c": b"1"}, "added c; changed a; removed b"),
        ({"a": b"1"}, {"a": b"1"}, "nothing changed"),
        (None, {}, "this user may not read the Secret, so what changed is not known"),
    ],
)
def test_keys_are_compared_by_name(before: dict[str, bytes] | None, after: dict[str, bytes], told: str) -> None:
    assert str(compared(before, after)) == told


def test_a_failure_has_a_cure_and_a_success_none() -> None:
    key = Key(EXTERNAL_SECRETS, "ns", "x")

    assert "allow the identity" in Outcome(key, Verdict.FAILED, problem="AccessDeniedException: no").cure
    assert Outcome(key, Verdict.DONE, Changes()).cure == ""
