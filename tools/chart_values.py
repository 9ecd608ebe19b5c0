"""Reads charts/coffer/values.yaml with its comments: what the schema and the chart's README are made from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent.parent / "charts" / "coffer"
VALUES = CHART / "values.yaml"
FREE = (
    *("global.affinity", "global.commonLabels", "global.nodeSelector", "global.podAnnotations", "global.podLabels"),
    *("affinity", "nodeSelector", "resources", "dnsConfig", "strategy", "settings"),
    *("livenessProbe", "readinessProbe", "startupProbe"),
    *("commonAnnotations", "commonLabels", "deploymentAnnotations", "podAnnotations", "podLabels"),
    *("podSecurityContext", "securityContext", "crds.annotations", "ingress.annotations"),
    *("serviceAccount.annotations", "serviceAccount.labels"),
    *("service.annotations", "service.labels", "metrics.service.annotations", "metrics.service.labels"),
    *(
        f"metrics.{monitor}.{name}"
        for monitor in ("serviceMonitor", "podMonitor")
        for name in ("labels", "annotations", "tlsConfig", "endpoint")
    ),
    *("metrics.rules.labels", "metrics.rules.annotations", "grafanaDashboard.labels", "grafanaDashboard.annotations"),
)
"""Mappings whose keys the chart does not know: Kubernetes reads them, or Coffer itself (`settings`)."""


@dataclass(frozen=True)
class Value:
    """One value of the chart: where it is, its default, and what its comment says."""

    path: str
    default: Any
    about: str
    leaf: bool
    """False for a mapping whose keys are values of their own."""


def values(text: str) -> list[Value]:
    """Return the values of a values file in their order."""
    return list(
        _of(
            yaml.compose(text, Loader=yaml.CSafeLoader), "", text.splitlines(), yaml.load(text, Loader=yaml.CSafeLoader)
        )
    )


def _of(tree: Any, parent: str, lines: list[str], content: Mapping[str, Any]) -> Iterator[Value]:
    for key, node in tree.value:
        path = f"{parent}.{key.value}".lstrip(".")
        default = content[key.value]
        leaf = path in FREE or not isinstance(node, yaml.MappingNode)
        yield Value(path, default, _comment(lines, key.start_mark.line), leaf)
        if not leaf:
            yield from _of(node, path, lines, default)


def _comment(lines: list[str], at: int) -> str:
    """Return the comment above a line."""
    found: list[str] = []
    while at > 0 and lines[at - 1].lstrip().startswith("#"):
        at -= 1
        found.insert(0, lines[at].lstrip().removeprefix("#").strip())
    return " ".join(found)
