"""Writes charts/coffer/values.schema.json from the chart's values and the settings; with --check only compares.

Helm refuses a misspelt key by it before anything is rendered: a key that nobody reads would have no effect in silence.
"""

import json
import sys
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from manager.settings.load import documentation
from manager.settings.model import Settings
from tools.generated import Generated

CHART = Path(__file__).parent.parent / "charts" / "coffer"
FILE = CHART / "values.schema.json"
SET_BY_THE_CHART = {("process", "listen"), ("process", "listen_metrics")}
"""Ports that the Services and probes name."""
KINDS: dict[object, list[str]] = {
    bool: ["boolean", "integer", "string"],
    int: ["integer", "string"],
    float: ["number", "string"],
}
"""Flags take texts too, as `helm --set-string` gives them."""
FREE = (
    "affinity",
    "livenessProbe",
    "nodeSelector",
    "podAnnotations",
    "podLabels",
    "podSecurityContext",
    "readinessProbe",
    "resources",
    "securityContext",
    "serviceAccount.annotations",
    "metrics.serviceMonitor.labels",
    "metrics.rules.labels",
    "startupProbe",
)
"""What Kubernetes reads and the chart does not."""
Schema = dict[str, Any]


def rendered() -> str:
    """Return the file."""
    schema = _of(yaml.safe_load((CHART / "values.yaml").read_text()), "")
    schema["properties"]["settings"] = _settings()
    schema["properties"] |= _of_reflector()
    schema["properties"]["global"] = {"type": "object"}  # helm adds it where the chart is a dependency
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def _of(value: object, path: str) -> Schema:
    """Return what a value may be, from its default."""
    if isinstance(value, dict):
        if path in FREE:
            return {"type": "object"}
        inner = {name: _of(each, f"{path}.{name}".lstrip(".")) for name, each in value.items()}
        return {"type": "object", "additionalProperties": False, "properties": inner}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    return {"type": "array"} if isinstance(value, list) else {"type": "string"}


def _settings() -> Schema:
    sections: Schema = {}
    for section, kind in get_type_hints(Settings).items():
        fields = {
            name: {"type": KINDS.get(hint, ["string"] if hint is str else ["array", "string"])}
            | {"description": documentation(kind)[name]}
            for name, hint in get_type_hints(kind).items()
            if (section, name) not in SET_BY_THE_CHART
        }
        sections[section] = {"type": "object", "additionalProperties": False, "properties": fields}
    return {"type": "object", "additionalProperties": False, "properties": sections}


def _of_reflector() -> Schema:
    """Return the values of kubernetes-reflector's chart that have no place here: the templates refuse what they ask."""
    return {name: {"type": kind} for name, kind in {"autoscaling": "object", "cron": "object"}.items()} | {
        name: {"type": "string"} for name in ("nameOverride", "fullnameOverride")
    }


SCHEMA = Generated("schema of the chart's values", lambda: {FILE: rendered()}, "make crds")


if __name__ == "__main__":
    sys.exit(SCHEMA.main())
