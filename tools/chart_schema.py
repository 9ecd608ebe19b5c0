"""Writes the schema of the chart's values, and what the chart says of other charts' values; with --check compares.

Helm refuses a misspelt key by it before anything is rendered: a key that nobody reads would have no effect in silence.
"""

import json
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_type_hints

from manager.settings.forms import BOOLEANS, CHOICES, DURATIONS, LOG_LEVELS, NETWORKS
from manager.settings.load import POSITIVE, documentation
from manager.settings.model import Settings
from tools import chart_originals
from tools.chart_values import CHART, VALUES, Value, values
from tools.generated import Generated

FILE = CHART / "values.schema.json"
SET_BY_THE_CHART = {
    *(("process", name) for name in ("listen", "listen_metrics")),
    *(("process", name) for name in ("metrics_cert_file", "metrics_key_file", "metrics_authorization")),
}
"""Ports that the Services and probes name, and what `metrics` sets together with the objects that it needs."""
ANY_CASE = "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word) for word in BOOLEANS)
KINDS: dict[object, dict[str, Any]] = {
    bool: {"type": ["boolean", "integer", "string"], "pattern": f"^({ANY_CASE})$", "minimum": 0, "maximum": 1},
    int: {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"},
    float: {"type": ["number", "string"], "pattern": "^-?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][-+]?[0-9]+)?$"},
    str: {"type": ["string"]},
}
"""Flags take texts too, as `helm --set-string` gives them."""
LIST: dict[str, Any] = {"type": ["array", "string"]}
GO_DURATION = "^[-+]?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"
NETWORK = "(([0-9]{1,3}\\.){3}[0-9]{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(/[0-9]{1,3})?"
FAMILY_POLICIES = ["", "SingleStack", "PreferDualStack", "RequireDualStack"]
FAMILIES = {"type": "array", "items": {"enum": ["IPv4", "IPv6"]}, "maxItems": 2}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
COUNT_OR_SHARE = {"type": ["integer", "string"], "pattern": "^([0-9]+%?)?$", "minimum": 0}
NUMBER_OR_EMPTY = {"type": ["integer", "string"], "minimum": 0, "pattern": "^$"}
"""sealed-secrets' chart writes an empty text where no number is set."""
DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))*$"}
Schema = dict[str, Any]
NARROWED: Mapping[str, Any] = MappingProxyType(
    {
        "replicaCount": {"type": "integer", "minimum": 0},
        "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
        "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
        "openshift.adaptSecurityContext": {"enum": ["auto", "force", "disabled"]},
        "dnsPolicy": {"enum": ["", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]},
        "hostUsers": {"enum": [True, False, ""]},
        "revisionHistoryLimit": NUMBER_OR_EMPTY,
        "terminationGracePeriodSeconds": {"type": "integer", "minimum": 1},
        "podDisruptionBudget.minAvailable": COUNT_OR_SHARE,
        "podDisruptionBudget.maxUnavailable": COUNT_OR_SHARE,
        "podDisruptionBudget.unhealthyPodEvictionPolicy": {"enum": ["", "IfHealthyBudget", "AlwaysAllow"]},
        "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
        "service.port": PORT,
        "service.nodePort": NUMBER_OR_EMPTY | {"maximum": 65535},
        "service.ipFamilyPolicy": {"enum": FAMILY_POLICIES},
        "service.ipFamilies": FAMILIES,
        "metrics.port": PORT,
        "metrics.service.ipFamilyPolicy": {"enum": FAMILY_POLICIES},
        "metrics.service.ipFamilies": FAMILIES,
        "containerPorts.http": PORT,
        "containerPorts.metrics": PORT,
        "networkPolicy.egress.dnsPorts": {"type": "array", "items": PORT, "minItems": 1},
        "networkPolicy.egress.apiServerPorts": {"type": "array", "items": PORT, "minItems": 1},
        "networkPolicy.egress.providers": {"type": "array", "items": {"type": "string"}},
        "extraArgs": {"type": "array", "items": {"type": "string", "pattern": "^-"}},
        "extraObjects": {"type": "array", "items": {"type": ["object", "string"]}},
    }
    | {
        f"metrics.{monitor}.{name}": schema
        for monitor in ("serviceMonitor", "podMonitor")
        for name, schema in {
            "scheme": {"enum": ["", "http", "https"]},
            "interval": DURATION,
            "scrapeTimeout": DURATION,
        }.items()
    }
)
"""Where the type of the default says too little."""


def rendered() -> str:
    """Return the file."""
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": {}}
    for value in values(VALUES.read_text()):
        _put(schema, value.path, _of(value))
    schema["properties"]["settings"] = _settings()
    # A parent chart puts more there, and helm adds it where this chart is a dependency.
    schema["properties"]["global"]["additionalProperties"] = True
    chart_originals.pass_in(schema)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def _put(schema: Schema, path: str, found: Schema) -> None:
    *parents, name = path.split(".")
    for each in parents:
        schema = schema["properties"][each]
    schema["properties"][name] = found


def _of(value: Value) -> Schema:
    """Return what a value may be, from its default and from what is known beside it."""
    told = {"description": value.about} if value.about else {}
    if value.path in NARROWED:
        narrowed: Schema = NARROWED[value.path]
        return told | narrowed
    if not value.leaf:
        return told | {"type": "object", "additionalProperties": False, "properties": {}}
    return told | {"type": _type(value.default)}


def _type(default: object) -> str:
    if isinstance(default, bool):
        return "boolean"
    if isinstance(default, int):
        return "integer"
    if isinstance(default, dict):
        return "object"
    return "array" if isinstance(default, list) else "string"


def _settings() -> Schema:
    sections: Schema = {}
    for section, kind in get_type_hints(Settings).items():
        fields = {
            name: KINDS.get(hint, LIST) | _form(section, name) | {"description": documentation(kind)[name]}
            for name, hint in get_type_hints(kind).items()
            if (section, name) not in SET_BY_THE_CHART
        }
        sections[section] = {"type": "object", "additionalProperties": False, "properties": fields}
    return {"type": "object", "additionalProperties": False, "properties": sections}


def _form(section: str, name: str) -> Schema:
    """Return what the controller refuses in a setting beside its type, so that helm refuses it first."""
    if (section, name) in CHOICES:
        return {"enum": list(CHOICES[section, name])}
    if (section, name) == ("process", "log_level"):
        return {"enum": [form for level in LOG_LEVELS for form in (level.upper(), level, level.capitalize())]}
    if (section, name) in DURATIONS:
        return {"pattern": GO_DURATION}
    if (section, name) in NETWORKS:
        entry = {"type": "string", "pattern": f"^{NETWORK}$"}
        return {"items": entry, "pattern": f"^ *({NETWORK} *(, *{NETWORK} *)*)?$"}
    return {"exclusiveMinimum": 0} if (section, name) in POSITIVE else {}


SCHEMA = Generated(
    "schema of the chart's values",
    lambda: {FILE: rendered(), chart_originals.FILE: chart_originals.rendered()},
    "make crds",
)


if __name__ == "__main__":
    sys.exit(SCHEMA.main())
