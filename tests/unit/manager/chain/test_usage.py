"""Every way in which a workload uses a Secret, and which Pods still run with its former values."""

from typing import Any

import pytest

from manager.chain.model import Use
from manager.chain.usage import Route, routes, stale_pods, uses
from manager.core.clock import parse_rfc3339

START, CHANGE, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
MOMENT = parse_rfc3339(CHANGE)
assert MOMENT is not None
CHANGED = MOMENT.timestamp()
MOUNTS = [{"name": "v", "subPath": "k"}, {"name": "v"}, {"name": "w"}]
ENV = {"name": "app", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"containers": [ENV]}, [Route("env A", "app", fixed=True)]),
        ({"initContainers": [ENV]}, [Route("env A", "app", fixed=True)]),
        ({"ephemeralContainers": [ENV]}, [Route("env A", "app", fixed=True)]),
        (
            {"containers": [{"name": "app", "envFrom": [{"secretRef": {"name": "s"}}]}]},
            [Route("envFrom", "app", fixed=True)],
        ),
        ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, [Route("volume v", "", fixed=False)]),
        (
            {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}]},
            [Route("volume v", "", fixed=False)],
        ),
        ({"volumes": [{"name": "v", "cephfs": {"secretRef": {"name": "s"}}}]}, [Route("volume v", "", fixed=False)]),
        (
            {"volumes": [{"name": "v", "csi": {"nodePublishSecretRef": {"name": "s"}}}]},
            [Route("volume v", "", fixed=False)],
        ),
        ({"volumes": [{"name": "v", "azureFile": {"secretName": "s"}}]}, [Route("volume v", "", fixed=False)]),
        (
            {
                "volumes": [{"name": "v", "secret": {"secretName": "s"}}],
                "containers": [
                    {"name": "app", "volumeMounts": [{"name": "v", "subPath": "k"}, {"name": "v"}, {"name": "w"}]}
                ],
            },
            [Route("volume v by subPath", "app", fixed=True), Route("volume v", "app", fixed=False)],
        ),
        ({"imagePullSecrets": [{"name": "s"}]}, [Route("imagePullSecrets", "", fixed=False)]),
        ({"containers": [{"name": "app", "env": [{"name": "A", "value": "s"}]}]}, []),
        ({"volumes": [{"name": "s", "configMap": {"name": "s"}}]}, []),
    ],
)
def test_every_way_to_use_a_secret_is_found(spec: dict[str, Any], found: list[Route]) -> None:
    assert routes(spec, "Secret", "s") == found


@pytest.mark.parametrize("spec", [None, [], "x", {"containers": None, "volumes": {"a": 1}}, {"containers": ["x"]}])
def test_a_malformed_spec_uses_nothing(spec: object) -> None:
    assert routes(spec, "Secret", "s") == []


def test_a_config_map_is_found_by_its_own_fields() -> None:
    spec = {
        "containers": [
            {
                "name": "app",
                "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "s"}}}],
                "envFrom": [{"configMapRef": {"name": "s"}}],
            }
        ],
        "volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "s"}}]}}],
    }

    assert [each.how for each in routes(spec, "ConfigMap", "s")] == ["env A", "envFrom", "volume v"]
    assert routes(spec, "Secret", "s") == []


def pod(name: str = "p", started: str = START, phase: str = "Running", **meta: Any) -> dict[str, Any]:
    status = {"phase": phase, "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": started}}}]}
    return {"metadata": {"name": name, **meta}, "spec": {"containers": [ENV]}, "status": status}


def test_pods_are_told_as_what_made_them() -> None:
    owner = {"controller": True, "kind": "ReplicaSet", "name": "web-abc", "uid": "u"}
    made = pod("web-abc-x", labels={"pod-template-hash": "abc"}, ownerReferences=[owner])
    deployment = {"metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [ENV]}}}}
    cron = {
        "metadata": {"name": "c"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [ENV]}}}}},
    }
    ingress = {"metadata": {"name": "i"}, "spec": {"tls": [{"secretName": "s", "hosts": ["a.example"]}]}}
    account = {"metadata": {"name": "sa"}, "imagePullSecrets": [{"name": "s"}], "secrets": [{"name": "other"}]}

    pods = (made, pod("alone"), pod("old", phase="Succeeded"))
    found = uses(
        "Secret",
        "s",
        [*(("Pod", each) for each in pods), ("Deployment", deployment), ("CronJob", cron)],
        [("Ingress", ingress), ("ServiceAccount", account)],
    )

    way = ("env A of container app",)
    assert found == [
        Use("CronJob", "c", way),
        Use("Deployment", "web", way),
        Use("Ingress", "i", ("TLS of a.example",)),
        Use("Pod", "alone", way),
        Use("ServiceAccount", "sa", ("imagePullSecrets",)),
    ]


@pytest.mark.parametrize(
    ("body", "stale"),
    [
        (pod(started=START), ["p"]),
        (pod(started=LATER), []),
        (pod(phase="Failed"), []),
        ({**pod(), "status": {}}, []),
        ({**pod(), "spec": {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}}, []),
    ],
)
def test_a_pod_is_stale_if_its_container_started_before_the_change(body: dict[str, Any], stale: list[str]) -> None:
    assert [each.name for each in stale_pods("Secret", "s", [body], CHANGED)] == stale


def test_nothing_is_stale_if_the_time_of_the_change_is_unknown() -> None:
    assert stale_pods("Secret", "s", [pod()], None) == []
