"""What the page says of objects: counts, the oldest failures, no more of a text than is shown."""

from typing import Any

from external.cost import Estimate, Terms
from external.providers.kind import Service
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRET_STORES,
    Body,
    Key,
)
from manager.status_page.overview import (
    MAX_FAILURES,
    MAX_MESSAGE,
    STORES,
    KindOverview,
    Overview,
    charge,
    spending_of,
)

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def body(name: str, status: str = "True", kind: str = "Ready", **more: Any) -> dict[str, Any]:
    condition = {"type": kind, "status": status, **more}
    return {"metadata": {"name": name, "namespace": "ns"}, "status": {"conditions": [condition]}}


def test_objects_are_counted_by_their_condition() -> None:
    found = KindOverview()
    waiting = {"metadata": {"name": "w"}, "status": "odd"}
    found.add(EXTERNAL_SECRETS, [body("a"), body("b", "False"), body("c", "Unknown"), body("d", kind="Odd"), waiting])
    assert dict(found.counts) == {"ready": 1, "failed": 1, "waiting": 3}


def test_a_sealed_secret_is_judged_by_synced() -> None:
    found = KindOverview()
    found.add(SEALED_SECRETS, [body("a", kind="Synced"), body("b", "False", kind="Synced"), body("c", kind="Ready")])
    assert dict(found.counts) == {"ready": 1, "failed": 1, "waiting": 1}


def test_the_oldest_failures_are_kept_over_all_pages() -> None:
    found = KindOverview()
    for page in range(3):
        found.add(
            SECRET_STORES,
            [
                body(f"s{page}-{at}", "False", lastTransitionTime=f"2025-{at % 12 + 1:02}-01T00:00:00Z")
                for at in range(MAX_FAILURES)
            ],
        )
    shown = Overview({SECRET_STORES: found}, []).record(NOW)["failures"]
    assert len(shown) == MAX_FAILURES
    assert shown[0]["sinceSeconds"] == 365 * 86400
    assert [each["sinceSeconds"] for each in shown] == sorted((each["sinceSeconds"] for each in shown), reverse=True)


def test_a_failure_has_its_reason_and_a_message_of_bounded_length() -> None:
    found = KindOverview()
    found.add(EXTERNAL_SECRETS, [body("a", "False", reason="SecretSyncedError", message="x" * 5_000)])
    (shown,) = Overview({EXTERNAL_SECRETS: found}, [SECRET_STORES]).record(NOW)["failures"]
    assert shown == {
        "kind": "ExternalSecret",
        "namespace": "ns",
        "name": "a",
        "reason": "SecretSyncedError",
        "message": "x" * MAX_MESSAGE,
        "sinceSeconds": None,
    }


def test_the_oldest_refresh_is_that_of_a_ready_object() -> None:
    found = KindOverview()
    for name, status, at in (("a", "True", "2025-12-31T23:00:00Z"), ("b", "False", "2025-01-01T00:00:00Z")):
        made = body(name, status)
        made["status"]["refreshTime"] = at
        found.add(EXTERNAL_SECRETS, [made])
    record = Overview({EXTERNAL_SECRETS: found}, [SECRET_STORES]).record(NOW)
    assert (record["oldestRefreshSeconds"], record["hidden"]) == (3600, ["SecretStore"])
    assert Overview({}, []).record(NOW)["oldestRefreshSeconds"] is None


HOURS = 720  # of a month, as bills have it
CHEAP, DEAR = Service("test/cheap"), Service("test/dear", 1, 0.01)
TERMS = {
    Key(SECRET_STORES, "ns", "own"): Terms(CHEAP),
    Key(CLUSTER_SECRET_STORES, "", "shared"): Terms(DEAR, per_consumer=True),
}


def asking(name: str, remote: str, *, shared: bool = False, namespace: str = "ns") -> Body:
    """Return an ExternalSecret that reads one key every hour."""
    store = {"name": "shared", "kind": "ClusterSecretStore"} if shared else {"name": "own"}
    data = [{"secretKey": "k", "remoteRef": {"key": remote}}]
    meta = {"name": name, "namespace": namespace}
    return {"metadata": meta, "spec": {"secretStoreRef": store, "refreshInterval": "1h", "data": data}}


def billed(*pages: list[Body]) -> KindOverview:
    estimate = Estimate(TERMS)
    for each in pages:
        charge(estimate, EXTERNAL_SECRETS, each)
    return KindOverview(spending=spending_of(estimate))


def test_the_bill_is_that_of_the_stores_that_the_viewer_may_list() -> None:
    found = billed([asking("a", "x"), asking("b", "x"), asking("c", "x", shared=True)], [asking("d", "x", shared=True)])
    kinds = {EXTERNAL_SECRETS: found, PUSH_SECRETS: KindOverview()}

    assert Overview(kinds, [], STORES).bill() == {
        "callsPerMonth": 2 * HOURS,
        "dollarsPerMonth": HOURS * DEAR.dollars_per_call,
        "complete": True,
    }
    own = Overview(kinds, [], [SECRET_STORES]).bill()
    assert own == {"callsPerMonth": HOURS, "dollarsPerMonth": 0.0, "complete": False}
    without = Overview({EXTERNAL_SECRETS: found}, [PUSH_SECRETS], STORES).bill()
    assert without is not None
    assert not without["complete"]
    assert Overview({}, [EXTERNAL_SECRETS, PUSH_SECRETS], STORES).bill() is None


def test_consumers_of_a_store_that_tells_them_apart_share_no_reads() -> None:
    found = billed([asking(each, "x", shared=True, namespace=each) for each in ("a", "b")])
    assert found.spending[CLUSTER_SECRET_STORES].calls == 2 * HOURS


def test_a_bill_of_many_reads_keeps_few_of_them(monkeypatch: Any) -> None:
    monkeypatch.setattr("manager.status_page.overview.MAX_READS", 3)
    estimate = Estimate(TERMS)
    for page in range(5):
        charge(estimate, EXTERNAL_SECRETS, [asking(f"{page}-{at}", f"{page}-{at}") for at in range(4)])
        assert sum(each.remembered for each in estimate.bills()) == 0
    assert spending_of(estimate)[SECRET_STORES].calls == 20 * HOURS


def test_what_names_no_store_has_no_bill() -> None:
    broken = asking("a", "x")
    broken["spec"]["secretStoreRef"] = {"name": 7}
    assert billed([broken]).spending == {}


def test_a_store_is_remembered_by_what_its_bill_depends_on() -> None:
    found = KindOverview()
    aws = {"service": "SecretsManager", "region": "eu-west-1"}
    meta = {"name": "own", "namespace": "ns"}
    found.add(SECRET_STORES, [{"metadata": meta, "spec": {"provider": {"aws": aws}}}])
    assert [each.service.label for each in found.terms.values()] == ["AWS/SecretsManager"]
