"""The screen of `coffer status` in each form."""

import json
from collections import Counter
from dataclasses import replace

from manager.cli.status.rendering import lines, names, records
from manager.cli.status.summary import Bill, Count, Failure, Freshness, Leader, Status
from manager.kube.resources import SEALED_SECRETS, Key
from manager.tables import plain_lines

STATUS = Status(
    leader=Leader("coffer-0", 3, 15),
    replicas=(2, 2),
    counts={SEALED_SECRETS: Count(5, 1, 0)},
    keys=(1, 90_000),
    failures=(Failure(100.0, Key(SEALED_SECRETS, "ns", "bad"), "ErrUnsealFailed", "no key could decrypt"),),
    stores={"vault": Count(1, 0, 0)},
    freshness=Freshness(3, 61, 0),
    bill=Bill(1200.0, 0.006, 5000.0),
    originals={},
    unread=("mirrors",),
    mirrors=Counter({"current": 2}),
)


def test_the_screen_has_everything_in_order() -> None:
    assert list(plain_lines(lines(STATUS, 700.0))) == [
        "leader      coffer-0, renewed 3s ago",
        "replicas    2 of 2 ready",
        "keys        1 sealing keys, the newest 25h old",
        "                 READY  FAILED  WAITING",
        "SealedSecret     5      1       0",
        "stores of vault  1      0       0",
        "values      3 refreshed, the oldest success 61s ago",
        "providers   1,200 calls a month, $0.01; `coffer cost` shows each store",
        "mirrors     2 current",
        "not shown   mirrors: this user has no right to it",
        "!  SealedSecret ns/bad  10m  ErrUnsealFailed",
        "     no key could decrypt",
        "     -> seal the value again with this cluster's certificate, for this name and namespace",
        "!  1 objects fail: their conditions say why",
    ]


def test_an_empty_cluster_is_told_in_a_few_lines() -> None:
    empty = Status(None, (0, 0), {}, (0, 0), (), {}, Freshness(), Bill(0, 0, 0), {}, ())

    found = list(plain_lines(lines(empty, 0.0)))

    assert found[:3] == [
        "leader      none",
        "replicas    no Deployment of Coffer in its namespace",
        "keys        no sealing key",
    ]
    assert found[3].startswith("!  no replica holds the Lease")
    assert list(plain_lines(lines(replace(empty, leader=Leader("a", 1, 15)), 0.0)))[-1] == "all is well"


def test_ten_failures_are_shown_and_the_others_counted() -> None:
    many = replace(STATUS, failures=STATUS.failures * 12)

    found = list(plain_lines(lines(many, 700.0)))

    assert sum("ErrUnsealFailed" in each for each in found) == 10
    assert "   and 2 more" in found
    assert list(names(many)) == ["sealedsecret/bad"] * 12


def test_programs_get_one_object_that_is_json() -> None:
    [record] = json.loads(json.dumps(records(replace(STATUS, leader=Leader("a", float("inf"), 15)))))

    assert record["healthy"] is False
    assert record["leader"] == {"holder": "a", "renewedSecondsAgo": None, "alive": False}
    assert record["failures"][0]["reason"] == "ErrUnsealFailed"
    assert record["objects"] == {"SealedSecret": {"ready": 5, "failed": 1, "waiting": 0}}
