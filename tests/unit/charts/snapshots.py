"""Whole objects as the chart renders them, kept in the repository: a change of a template shows in its review.

`python -m tests.unit.charts.snapshots` writes them.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.controller import CHART
from tests.unit.charts.rendering import Values, documents, parsed
from tools.generated import Generated

FOLDER = Path(__file__).parent / "snapshots"
ROLES = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
"""Not in the snapshots: what they grant is proved by the audit log of a real API server."""
ON = {"enabled": True}


@dataclass(frozen=True)
class Case:
    """A set of values, and the kinds that it is about."""

    values: Values = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    """Empty: all but roles."""


CASES: Mapping[str, Case] = {
    "defaults": Case(),
    "reflector-alone": Case({"modules": {"sealed": False, "external": False}}),
    "monitoring": Case(
        {
            "metrics": {
                "tls": {**ON, "secretName": "metrics"},
                "authorization": ON,
                "serviceMonitor": {
                    **ON,
                    "namespace": "monitoring",
                    "tlsConfig": {"serverName": "coffer-metrics"},
                    "endpoint": {"bearerTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"},
                },
                "podMonitor": {**ON, "scrapeTimeout": "5s"},
            }
        },
        ("Deployment", "ServiceMonitor", "PodMonitor"),
    ),
    "network": Case(
        {
            "networkPolicy": {
                **ON,
                "ingress": {"metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]},
                "egress": {"providers": ["aws", "vault"]},
                "extraEgress": [{"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}], "ports": [{"port": 80}]}],
            },
            "ingress": {**ON, "className": "internal", "hosts": ["seal.example"]},
            "service": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]},
        },
        ("NetworkPolicy", "Ingress", "Service"),
    ),
    "platform-team": Case(
        {
            "global": {"imageRegistry": "mirror.example", "imagePullSecrets": [{"name": "mirror"}]},
            "image": {"digest": f"sha256:{'0123456789abcdef' * 4}"},
            "commonLabels": {"team": "platform"},
            "commonAnnotations": {"contact": "platform@example"},
            "openshift": {"adaptSecurityContext": "force"},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "podDisruptionBudget": {"minAvailable": 1},
            "runtimeClassName": "gvisor",
            "hostUsers": False,
            "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
            "initContainers": [{"name": "first", "image": "first"}],
            "extraContainers": [{"name": "beside", "image": "beside"}],
            "extraArgs": ["--process-log-level=DEBUG"],
        },
        ("Deployment", "PodDisruptionBudget"),
    ),
}


def files() -> dict[Path, str]:
    """Return path -> text of every snapshot."""
    rendered = documents({name: case.values for name, case in CASES.items()})
    return {FOLDER / f"{name}.yaml": _text(rendered[name], case) for name, case in CASES.items()}


def _text(found: list[str], case: Case) -> str:
    """Return the objects of a case in a fixed order; the version of the chart is left open, or each would change it."""
    objects = [
        each for each in parsed(found) if (each["kind"] in case.kinds if case.kinds else each["kind"] not in ROLES)
    ]
    objects.sort(key=lambda each: (each["kind"], each["metadata"]["name"]))
    version = re.escape(yaml.safe_load((CHART / "Chart.yaml").read_text())["version"])
    text = re.sub(rf"(?m)^( *helm\.sh/chart: ).*-{version}$", r"\1coffer-VERSION", yaml.safe_dump_all(objects))
    return re.sub(rf"(coffer:|version: ){version}\b", r"\1VERSION", text)


SNAPSHOTS = Generated("snapshots of the chart", files, "python -m tests.unit.charts.snapshots", only=FOLDER)


if __name__ == "__main__":
    sys.exit(SNAPSHOTS.main())
