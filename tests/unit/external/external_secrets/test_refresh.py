"""When a refresh is due, and why; a fleet that was created at one moment does not refresh in one second."""

import random
from dataclasses import replace
from typing import Any

import pytest

from external.external_secrets.refresh import Observed, Refreshed, due_in, persist_due, refresh_reason
from external.refresh_reasons import Reason
from external.summaries import ExternalSecretSummary
from manager.kube.resources import EXTERNAL_SECRETS, Key
from tests.builders.external_module import ExternalModule


async def test_refreshes_are_spread_and_none_comes_early(bench: ExternalModule) -> None:
    bench.stage.context.jitter.rng = random.Random(1)
    number = 60
    bench.store(values={"remote": "x"})
    for at in range(number):
        bench.external(f"es{at}", refreshInterval="1h")
    await bench.settle()

    queue = bench.module.controllers[0].queue
    due = sorted(queue._delayed._due[Key(EXTERNAL_SECRETS, "ns", f"es{at}")] for at in range(number))

    assert due[0] >= 3600
    assert due[-1] <= 3600 * 1.03
    seconds = [int(each) for each in due]
    assert max(seconds.count(each) for each in seconds) <= number / 10


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


@pytest.mark.parametrize(
    ("interval", "age", "written"), [(60, 599, False), (60, 600, True), (3600, 601, False), (3600, 3600, True)]
)
def test_an_unchanged_refresh_is_written_rarely(interval: float, age: float, written: bool) -> None:
    assert persist_due(digest(interval=interval), 1000.0 + age) is written
