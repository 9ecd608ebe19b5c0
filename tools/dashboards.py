"""Writes the dashboards of the chart from the tables below; with --check only compares.

A dashboard in Grafana's own export is a thousand lines that nobody reads in a review; here a panel is one line.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tools.chart_values import CHART
from tools.generated import Generated

FOLDER = CHART / "dashboards"
SCHEMA_VERSION = 39
WIDTH, HEIGHT, COLUMNS = 8, 7, 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
PODS = 'namespace=~"$namespace"'
"""What every query selects by: a scrape by ServiceMonitor or PodMonitor adds the namespace of Coffer."""


@dataclass(frozen=True)
class Panel:
    """One panel: title, unit as Grafana names it, and legend -> query. `%` in a query stands for what selects."""

    title: str
    unit: str
    queries: Mapping[str, str]
    kind: str = "timeseries"
    about: str = ""


def one(title: str, unit: str, query: str, about: str = "", legend: str = "", kind: str = "timeseries") -> Panel:
    """Return a panel with one query."""
    return Panel(title, unit, {legend: query}, kind, about)


def number(title: str, unit: str, query: str, about: str = "") -> Panel:
    """Return a panel with the latest value."""
    return one(title, unit, query, about, kind="stat")


def latency(title: str, metric: str, by: str = "") -> Panel:
    """Return a panel with the median and the slowest hundredth of a histogram."""
    groups, legend = (f"{by}, le", f"{{{{{by}}}}} ") if by else ("le", "")
    queries = {
        f"{legend}p{share}": f"histogram_quantile(0.{share}, sum by ({groups}) (rate({metric}_bucket{{%}}[5m])))"
        for share in ("50", "99")
    }
    return Panel(title, "s", queries)


OVERVIEW = (
    number("Leading replicas", "none", "sum(coffer_leader{%})", "One replica writes; the others stand by."),
    number(
        "Modules that only observe",
        "none",
        "sum(max by (module) (coffer_module_observing{%}))",
        "An original or an older Coffer runs.",
    ),
    number(
        "Modules with a second Coffer",
        "none",
        "sum(max by (module) (coffer_other_installation{%}))",
        "Another installation works on the same objects.",
    ),
    number("Deletes put off", "none", "sum(increase(coffer_deletes_paused_total{%}[1h]))", "In an hour."),
    one(
        "Modules in sync", "none", "max by (module) (coffer_synced{%})", "1: all that it needs is known.", "{{module}}"
    ),
    one(
        "Keys worked on",
        "ops",
        "sum by (controller, result) (rate(coffer_reconcile_total{%}[5m]))",
        "",
        "{{controller}} {{result}}",
    ),
    latency("Time for a key", "coffer_reconcile_seconds", "controller"),
    one("Keys that wait", "none", "max by (controller, state) (coffer_queue_depth{%})", "", "{{controller}} {{state}}"),
    one(
        "Requests to the API server",
        "reqps",
        "sum by (verb, resource, status) (rate(coffer_api_requests_total{%}[5m]))",
        "Status 0: no answer.",
        "{{verb}} {{resource}} {{status}}",
    ),
    one(
        "Lists and watches refused",
        "ops",
        "sum by (resource, status) (rate(coffer_watch_refused_total{%}[5m]))",
        "",
        "{{resource}} {{status}}",
    ),
    one(
        "Objects refused",
        "none",
        "sum by (resource) (increase(coffer_objects_refused_total{%}[1h]))",
        "Nested too deep, or too much in them; in an hour.",
        "{{resource}}",
    ),
    one("Longest pause of the event loop", "s", "max by (pod) (coffer_event_loop_pause_seconds{%})", "", "{{pod}}"),
    one("Memory", "bytes", "process_resident_memory_bytes{%} and on (instance) coffer_leader{%}", "", "{{pod}}"),
    one(
        "Processors", "none", "rate(process_cpu_seconds_total{%}[5m]) and on (instance) coffer_leader{%}", "", "{{pod}}"
    ),
    one("Version", "none", "count by (version) (coffer_build_info{%})", "", "{{version}}"),
)
SEALED = (
    number("Usable sealing keys", "none", "max(coffer_sealing_keys{%})"),
    number("Broken sealing keys", "none", "max(coffer_sealing_keys_broken{%})", "Key Secrets that cannot be used."),
    number("Age of the key that seals", "s", "max(coffer_sealing_key_age_seconds{%})"),
    number("Its certificate ends in", "s", "min(coffer_sealing_key_expiry_timestamp_seconds{%}) - time()"),
    one("SealedSecrets by key", "none", "max by (key) (coffer_sealed_objects{%})", "", "{{key}}"),
    one("SealedSecrets worked on", "ops", "sum(rate(sealed_secrets_controller_unseal_requests_total{%}[5m]))"),
    one("Decryptions", "ops", "sum(rate(coffer_sealed_decryptions_total{%}[5m]))"),
    one(
        "Failures",
        "ops",
        "sum by (reason) (rate(sealed_secrets_controller_unseal_errors_total[5m]))",
        "",
        "{{reason}}",
    ),
    one(
        "Requests to /v1",
        "reqps",
        "sum by (path, code) (rate(sealed_secrets_controller_http_requests_total{%}[5m]))",
        "",
        "{{path}} {{code}}",
    ),
    latency("Time to answer /v1", "sealed_secrets_controller_http_request_duration_seconds", "path"),
)
EXTERNAL = (
    number("ExternalSecrets that are not ready", "none", "max(coffer_external_not_ready{%})"),
    number(
        "Longest wait for a success",
        "s",
        "max(coffer_external_last_success_age_seconds{%})",
        "Since the last success of the ExternalSecret that has waited longest for one.",
    ),
    number(
        "ExternalSecrets without a success for two intervals",
        "percentunit",
        "max(coffer_external_overdue{%}) / max(coffer_external_waiting{%})",
    ),
    one(
        "Longest wait by store",
        "s",
        "max by (kind, namespace, name) (coffer_external_store_age_seconds{%})",
        "",
        "{{name}}",
    ),
    number("Cost of providers' calls in a month", "currencyUSD", "sum(coffer_provider_cost_dollars_per_month{%})"),
    one("Syncs", "ops", "sum(rate(externalsecret_sync_calls_total{%}[5m]))"),
    one("Failed syncs", "ops", "sum(rate(externalsecret_sync_calls_error{%}[5m]))"),
    one(
        "Calls of providers",
        "ops",
        "sum by (provider, call, status) (rate(coffer_provider_calls_total{%}[5m]))",
        "",
        "{{provider}} {{call}} {{status}}",
    ),
    one("Calls that were not made", "ops", "sum(rate(coffer_provider_calls_saved_total{%}[5m]))", "Reads were shared."),
    one(
        "Cost by provider",
        "currencyUSD",
        "sum by (provider) (coffer_provider_cost_dollars_per_month{%})",
        "",
        "{{provider}}",
    ),
    one("Provider plug-ins loaded", "none", "min by (plugin) (coffer_provider_plugin_loaded{%})", "", "{{plugin}}"),
)
REFLECTOR = (
    number("Mirrors", "none", "max(coffer_mirrors{%})"),
    number("Stale mirrors", "none", "max(coffer_mirrors_stale{%})", "They do not hold what their source has."),
    number(
        "Conflicts", "none", "max(coffer_mirror_conflicts{%})", "A foreign object or an older source is in the way."
    ),
    one(
        "Mirrors written",
        "ops",
        "sum by (kind, action) (rate(coffer_mirror_writes_total{%}[5m]))",
        "",
        "{{kind}} {{action}}",
    ),
    one("Writes refused", "ops", "sum by (kind) (rate(coffer_mirror_failures_total{%}[5m]))", "", "{{kind}}"),
    latency("From a change to its mirror", "coffer_mirror_lag_seconds"),
    one("Sources made by an ExternalSecret", "none", "max by (policy) (coffer_mirror_provenance{%})", "", "{{policy}}"),
)
DASHBOARDS: Mapping[str, tuple[Panel, ...]] = MappingProxyType(
    {"overview": OVERVIEW, "sealed": SEALED, "external": EXTERNAL, "reflector": REFLECTOR}
)


def queries(panels: Iterable[Panel]) -> list[str]:
    """Return the queries of panels as Prometheus gets them, with the variables still in them."""
    return [query.replace("%", PODS) for panel in panels for query in panel.queries.values()]


def dashboard(name: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    """Return a dashboard as Grafana imports it."""
    chosen = {
        "name": "namespace",
        "type": "query",
        "label": "Namespace of Coffer",
        "datasource": SOURCE,
        "query": "label_values(coffer_leader, namespace)",
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
    return {
        "uid": f"coffer-{name}",
        "title": f"Coffer / {name.capitalize()}",
        "tags": ["coffer"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["coffer"], "title": "Coffer", "asDropdown": True}],
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}, chosen]},
        "panels": [_panel(at, panel) for at, panel in enumerate(panels)],
    }


def _panel(at: int, panel: Panel) -> dict[str, Any]:
    columns = COLUMNS // WIDTH
    place = {"h": HEIGHT, "w": WIDTH, "x": at % columns * WIDTH, "y": at // columns * HEIGHT}
    targets = [
        {
            "refId": chr(ord("A") + number),
            "expr": query.replace("%", PODS),
            "legendFormat": legend,
            "datasource": SOURCE,
        }
        for number, (legend, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": at + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": targets,
    }


def files() -> dict[Any, str]:
    """Return path -> text of every dashboard."""
    return {
        FOLDER / f"{name}.json": json.dumps(dashboard(name, panels), indent=1) + "\n"
        for name, panels in DASHBOARDS.items()
    }


PAGES = Generated("dashboards", files, "make docs", only=FOLDER)


if __name__ == "__main__":
    sys.exit(PAGES.main())
