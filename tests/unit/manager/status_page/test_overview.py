"""What the page says of objects: counts, the oldest failures, no more of a text than is shown."""

from typing import Any

from manager.kube.resources import EXTERNAL_SECRETS, SEALED_SECRETS, SECRET_STORES
from manager.status_page.overview import MAX_FAILURES, MAX_MESSAGE, KindOverview, Overview

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
