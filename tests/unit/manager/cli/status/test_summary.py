"""What one screen says of a cluster, and what needs a person."""

from typing import Any

import pytest

from manager.cli.status.observed import Observed
from manager.cli.status.summary import Count, Leader, Status, summarized
from manager.core.clock import parse_rfc3339
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    SEALED_SECRETS,
    SECRET_STORES,
    Body,
    Resource,
)

CREATED = "2026-11-01T00:00:00Z"
MOMENT = parse_rfc3339(CREATED)
assert MOMENT is not None
NOW = MOMENT.timestamp() + 7200
LEASE = {"spec": {"holderIdentity": "coffer-0", "renewTime": "2026-11-01T01:59:50Z", "leaseDurationSeconds": 15}}


PAUSED = {
    "metadata": {"creationTimestamp": "2026-11-01T01:59:00Z"},
    "involvedObject": {"kind": "Secret", "namespace": "ns", "name": "s"},
    "message": "more than 50 deletes",
}


def body(name: str, kind: str = "Ready", status: str = "", **spec: Any) -> Body:
    condition = {"type": kind, "status": status, "reason": "R", "message": "m", "lastTransitionTime": CREATED}
    metadata = {"namespace": "ns", "name": name, "creationTimestamp": CREATED}
    return {"metadata": metadata, "spec": spec, "status": {"conditions": [condition] if status else []}}


def screen(bodies: dict[Resource, list[Body]] | None = None, mirrors: tuple[str, ...] = (), **more: Any) -> Status:
    return summarized(Observed(bodies or {}, **({"lease": LEASE} | more)), mirrors, NOW)


def test_a_cluster_without_failures_needs_nobody() -> None:
    found = screen({SEALED_SECRETS: [body("a", "Synced", "True")]}, ("current",))

    assert found.healthy
    assert found.leader == Leader("coffer-0", 10, 15)
    assert found.counts == {SEALED_SECRETS: Count(1, 0, 0)}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"lease": None}, "no replica holds the Lease"),
        ({"lease": {"spec": {**LEASE["spec"], "renewTime": "2026-11-01T01:59:40Z"}}}, "no replica holds the Lease"),
        ({"lease": {"spec": {**LEASE["spec"], "holderIdentity": ""}}}, "no replica holds the Lease"),
        ({"lease": {}}, "no replica holds the Lease"),
        ({"originals": {"sealed": "kube-system/sealed-secrets"}}, "sealed only observes"),
        ({"bodies": {SEALED_SECRETS: [body("a", "Synced", "False")]}}, "1 objects fail"),
        ({"bodies": {EXTERNAL_SECRETS: [body("a", refreshInterval="1m")]}}, "1 ExternalSecrets have had no success"),
        ({"paused": [PAUSED]}, "deletes are paused: Secret ns/s: more than 50 deletes; if they are meant"),
        ({"mirrors": ("current", "missing", "outdated")}, "2 mirrors are not current"),
    ],
)
def test_what_needs_a_person_is_named(more: dict[str, Any], said: str) -> None:
    [problem] = screen(**more).problems()

    assert problem.startswith(said)


def test_what_is_not_refreshed_or_not_yet_due_is_not_overdue() -> None:
    once = body("a", refreshInterval="0")
    hourly = body("b", refreshInterval="1h")

    assert screen({EXTERNAL_SECRETS: [once, hourly]}).freshness.overdue == 0
    assert screen({EXTERNAL_SECRETS: [once, hourly]}).freshness.periodic == 1


def test_the_oldest_failure_comes_first_and_waiting_is_no_failure() -> None:
    later = body("later", "Synced", "False")
    later["status"]["conditions"][0]["lastTransitionTime"] = "2026-11-01T01:00:00Z"

    found = screen({SEALED_SECRETS: [later, body("first", "Synced", "False"), body("waits")]})

    assert [each.key.name for each in found.failures] == ["first", "later"]
    assert found.counts[SEALED_SECRETS] == Count(0, 2, 1)


def test_stores_are_counted_by_provider() -> None:
    vault, none = body("a", status="True", provider={"vault": {}}), body("b", status="False")

    found = screen({SECRET_STORES: [vault, none], CLUSTER_SECRET_STORES: [body("c", provider={"vault": {}})]})

    assert found.stores == {"none": Count(0, 1, 0), "vault": Count(1, 0, 1)}


def test_the_newest_key_counts() -> None:
    keys = [{"metadata": {"creationTimestamp": at}} for at in (CREATED, "2026-11-01T01:00:00Z")]

    assert screen(keys=keys).keys == (2, 3600)
    assert screen().keys == (0, 0)


def test_replicas_are_those_of_coffers_deployments() -> None:
    deployments = [{"spec": {"replicas": 2}, "status": {"readyReplicas": 1}}, {}]

    assert screen(deployments=deployments).replicas == (1, 2)
