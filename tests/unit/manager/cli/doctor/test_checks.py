"""What the doctor says of what was read: each fault once, with a cure, and nothing of a cluster that is well."""

from typing import Any

import pytest

from manager.cli.crd_plan import Action, Step
from manager.cli.doctor.checks import concerns_us, examined
from manager.cli.doctor.facts import Facts
from manager.cli.doctor.findings import Area, Finding, Severity
from manager.cli.doctor.rendering import lines, names, records
from manager.cli.doctor.rights import Right
from manager.core.clock import parse_rfc3339
from manager.kube.resources import SECRET_STORES, Body

AT = "2026-01-01T00:00:00Z"
MOMENT = parse_rfc3339(AT)
assert MOMENT is not None
NOW = MOMENT.timestamp()
RENEWAL = {"manager": "coffer", "time": AT, "fieldsV1": {"f:spec": {"f:renewTime": {}}}}


def lease(namespace: str = "coffer", renewed: str = AT, recorded: Any = RENEWAL, duration: int = 15) -> Body:
    spec = {"holderIdentity": "coffer-0", "renewTime": renewed, "leaseDurationSeconds": duration}
    return {"metadata": {"namespace": namespace, "name": "coffer", "managedFields": [recorded]}, "spec": spec}


def facts(**given: Any) -> Facts:
    """Return the facts of a cluster that is well, but for what is given."""
    well: dict[str, Any] = {
        "account": "coffer:coffer",
        "lease": lease(),
        "leases": [lease()],
        "server_time": NOW,
        "keys": [{"metadata": {"name": "key"}}],
        "crds": [Step("x.example", Action.NOTHING)],
    }
    return Facts(NOW, "coffer", **{**well, **given})


def hook(service: dict[str, str] | None, policy: str = "Fail", **rule: Any) -> Body:
    given = {"name": "h", "failurePolicy": policy, "rules": [{"apiGroups": [""], "resources": ["secrets"], **rule}]}
    return {**given, "clientConfig": {"service": service} if service else {"url": "https://x"}}


def configured(*hooks: Body) -> list[Body]:
    return [{"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "guard"}, "webhooks": list(hooks)}]


def quota(hard: str, used: str, name: str = "count/secrets") -> Body:
    return {"metadata": {"namespace": "ns", "name": "q"}, "status": {"hard": {name: hard}, "used": {name: used}}}


def paused(at: str) -> Body:
    about = {"kind": "Secret", "namespace": "ns", "name": "s"}
    return {"metadata": {}, "lastTimestamp": at, "involvedObject": about, "message": "more than 50 deletes"}


def deployment(**env: str) -> Body:
    container = {"env": [{"name": name, "value": text} for name, text in env.items()]}
    return {
        "metadata": {"namespace": "coffer", "name": "coffer"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def failing_store(message: str) -> tuple[Any, Body]:
    condition = {"type": "Ready", "status": "False", "reason": "InvalidProviderConfig", "message": message}
    return SECRET_STORES, {"metadata": {"namespace": "ns", "name": "s"}, "status": {"conditions": [condition]}}


PLACE = {"namespace": "ns", "name": "svc"}


@pytest.mark.parametrize(
    ("given", "area", "problem", "cure"),
    [
        ({"originals": {"sealed": "kube-system/sealed"}}, "controllers", "only observes", "--replicas=0"),
        ({"leases": [lease(), lease("other")]}, "controllers", "2 installations", "modules.scope"),
        ({"lease": None}, "controllers", "no replica holds", "get pods"),
        ({"server_time": NOW + 100, "leases": []}, "controllers", "no replica holds", "get pods"),
        ({"missing_rights": [Right("", "secrets", "get")]}, "rights", "may not get secrets", "helm upgrade"),
        ({"crds": [Step("x", Action.CREATE)]}, "crds", "not installed", "coffer crds apply x"),
        (
            {"crds": [Step("x", Action.UPDATE, gained=("v1.spec.a", "v1.spec.b", "v1.spec.c", "v1.spec.d"))]},
            "crds",
            "lacks 4 fields, which the API server drops: v1.spec.a, v1.spec.b, v1.spec.c …",
            "coffer crds diff x",
        ),
        (
            {"crds": [Step("x", Action.REFUSE, "Helm keeps it", gained=("v1.spec.a",))]},
            "crds",
            "lacks 1 fields",
            "Helm keeps it",
        ),
        ({"lease": lease(renewed="2025-12-31T23:55:00Z")}, "clocks", "300 s behind the API server's", "NTP"),
        ({"lease": lease(renewed="2026-01-01T00:05:00Z")}, "clocks", "300 s ahead of the API server's", "NTP"),
        ({"keys": []}, "keys", "no sealing key", "coffer keys restore"),
        ({"stores": [failing_store("the server's name cannot be resolved")]}, "stores", "resolved", "DNS, proxy"),
        ({"webhooks": configured(hook(PLACE))}, "webhooks", "ns/svc has no ready endpoint", "kubectl delete"),
        ({"paused": [paused(AT)]}, "deletes", "more than 50 deletes", "modules.deletes_per_minute"),
    ],
)
def test_a_fault_is_told_with_what_mends_it(given: dict[str, Any], area: str, problem: str, cure: str) -> None:
    found = examined(facts(**given))

    matching = [each for each in found.findings if each.area == area]
    assert not found.healthy
    assert [each.severity for each in matching] == [Severity.FAULT]
    assert problem in matching[0].problem
    assert cure in matching[0].cure
    assert Area(area) not in found.passed


@pytest.mark.parametrize(
    "given",
    [
        {"server_time": NOW + 60, "lease": lease(duration=90), "leases": []},
        {"crds": [Step("x", Action.UPDATE, gained=("v1.status.a",))]},
        {"quotas": [quota("5", "5")]},
        {"quotas": [quota("1k", "1000", "secrets")]},
        {"deployments": [deployment(HTTPS_PROXY="http://proxy", NO_PROXY="example.com")]},
    ],
)
def test_what_may_be_meant_is_a_warning(given: dict[str, Any]) -> None:
    found = examined(facts(**given))

    assert [each.severity for each in found.findings] == [Severity.WARNING]
    assert found.healthy


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"leases": [lease(), lease("old", recorded={}, renewed="2025-01-01T00:00:00Z")]},
        {"leases": [lease(), lease("other")], "scope": ("team",)},
        {"crds": [Step("x", Action.UPDATE, lost=("v1.spec.a",))]},
        {"lease": lease(renewed="2025-12-31T23:59:55Z")},
        {"keys": [], "modules": ("external",)},
        {"webhooks": configured(hook(PLACE)), "services": {("ns", "svc"): True}},
        {"webhooks": configured(hook(PLACE, "Ignore"), hook(None), hook(PLACE, resources=["pods"]))},
        {"quotas": [quota("5", "4")]},
        {"paused": [paused("2025-12-31T00:00:00Z"), {**paused(AT), "lastTimestamp": None}]},
        {"deployments": [deployment(HTTPS_PROXY="http://proxy", NO_PROXY="10.0.0.1,.svc"), deployment()]},
    ],
)
def test_a_cluster_that_is_well_has_no_finding(given: dict[str, Any]) -> None:
    assert examined(facts(**given)).findings == ()


@pytest.mark.parametrize(
    ("rule", "ours"),
    [
        ({"apiGroups": [""], "resources": ["secrets"]}, True),
        ({"apiGroups": ["*"], "resources": ["*"]}, True),
        ({"apiGroups": [""], "resources": ["*/*"]}, True),
        ({"apiGroups": ["external-secrets.io"], "resources": ["externalsecrets"]}, True),
        ({"apiGroups": ["apps"], "resources": ["deployments"]}, False),
        ({"apiGroups": [""], "resources": ["pods"]}, False),
        ({}, False),
    ],
)
def test_a_webhook_concerns_us_by_its_rules(rule: Body, ours: bool) -> None:
    assert concerns_us({"rules": [rule]}) is ours


def test_the_report_tells_what_passed_and_what_was_not_checked() -> None:
    found = examined(facts(keys=[], unchecked=[(Area.QUOTAS, "no right")]))
    text = list(lines(found))

    assert text[0].startswith("!  keys: namespace coffer: there is no sealing key")
    assert "well        controllers, rights, crds, clocks, stores, webhooks, deletes, proxies" in text
    assert "not checked quotas: no right" in text
    assert text[-1] == "1 faults, 0 warnings"
    assert records(found)[0]["healthy"] is False
    assert list(names(found)) == ["keys/namespace/coffer"]


def test_a_finding_is_shortened_but_not_for_programs() -> None:
    message = "x" * 5000
    found = examined(facts(stores=[failing_store(message)]))

    assert isinstance(found.findings[0], Finding)
    assert len(next(iter(lines(found)))) < 700
    assert message in str(records(found))
