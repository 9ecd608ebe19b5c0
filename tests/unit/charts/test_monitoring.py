"""Alerts and dashboards ask for metrics that exist, with labels that they have, and every alert has its runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controller import CHART
from tests.unit.charts.rendering import at, many
from tools import dashboards
from tools.metrics_doc import sections

RUNBOOKS = CHART.parents[1] / "docs" / "runbooks.md"
RULES: list[dict[str, Any]] = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())["groups"][0]["rules"]
ALERTS = {each["alert"]: each for each in RULES}
QUERIES = {name: dashboards.queries(panels) for name, panels in dashboards.DASHBOARDS.items()}
OF_THE_SCRAPE = {"namespace", "pod", "instance", "le"}
"""Labels that Prometheus or the kind of the metric adds."""
OF_THE_LIBRARY = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
PROMTOOL = shutil.which("promtool")


def known() -> dict[str, set[str]]:
    """Return metric -> its labels, as the process registers them; a histogram by its series."""
    found: dict[str, set[str]] = {}
    for row in (row for rows in sections().values() for row in rows):
        suffixes = ("_bucket", "_sum", "_count") if row.kind == "histogram" else ("",)
        found |= {f"{row.name}{suffix}": set(row.labels) for suffix in suffixes}
    return found | {name: set() for name in OF_THE_LIBRARY}


def asked(query: str) -> set[str]:
    """Return the metrics that a query names."""
    return set(re.findall(r"\b(?:coffer|sealed_secrets|externalsecret|process)_\w+", query))


def labels(query: str) -> set[str]:
    """Return the labels by which a query groups, selects and joins."""
    lists = re.findall(r"\b(?:by|on|without) \(([^)]*)\)", query)
    grouped = {each.strip() for each in ",".join(lists).split(",")} - {""}
    return grouped | set(re.findall(r"[{,]\s*(\w+)=~?\"", query))


ALL = [*(row["expr"] for row in RULES), *(query for each in QUERIES.values() for query in each)]


@pytest.mark.parametrize("query", ALL)
def test_a_query_asks_for_metrics_and_labels_that_exist(query: str) -> None:
    metrics = known()

    assert asked(query)
    assert asked(query) - set(metrics) == set()
    assert labels(query) - OF_THE_SCRAPE - set().union(*(metrics[name] for name in asked(query))) == set()


def test_what_does_not_exist_is_found() -> None:
    assert asked("sum(coffer_nothing) / rate(coffer_leader[1m])") - set(known()) == {"coffer_nothing"}
    assert labels('sum by (kind, le) (x{a="b", c=~"d"}) and on (pod) y') == {"kind", "le", "a", "c", "pod"}


def test_every_metric_of_the_process_is_seen_in_a_dashboard() -> None:
    """Except for those of the originals that say what one of ours says too."""
    said_twice = {"sealed_secrets_controller_build_info", "externalsecret_provider_api_calls_count"}
    everything = " ".join(query for each in QUERIES.values() for query in each)
    missing = [row.name for rows in sections().values() for row in rows if row.name not in everything]

    assert set(missing) - said_twice == set()


def test_dashboards_follow_from_their_tables() -> None:
    assert {path.name: path.read_text() for path in dashboards.files()} == {
        path.name: text for path, text in dashboards.files().items()
    }, "run make docs"


def test_dashboards_come_with_the_modules_that_are_on() -> None:
    on = {"grafanaDashboard": {"enabled": True}, "modules": {"external": False}}
    objects = many({"one": on})["one"]

    maps = [each for each in objects if each["kind"] == "ConfigMap"]
    titles = [json.loads(text)["title"] for each in maps for text in each["data"].values()]
    assert sorted(titles) == ["Coffer / Overview", "Coffer / Reflector", "Coffer / Sealed"]


def sections_of(page: Path) -> dict[str, str]:
    """Return heading -> text of a page."""
    parts = re.split(r"(?m)^## (.+)\n", page.read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert list(sections_of(RUNBOOKS)) == list(ALERTS)
    for text in sections_of(RUNBOOKS).values():
        assert text.startswith("**Means:** ")
        assert "\n1. " in text, "what to do first"


def test_an_alert_leads_to_its_runbook() -> None:
    objects = many({"one": {"metrics": {"rules": {"enabled": True}}}})["one"]
    anchors = {f"docs/runbooks.md#{name.lower()}" for name in sections_of(RUNBOOKS)}

    shown = at(objects, "PrometheusRule/coffer spec.groups[0].rules")
    assert {each["annotations"]["runbook_url"] for each in shown} == anchors
    for each in shown:
        own = ALERTS[each["alert"]]
        assert {**each, "annotations": {**each["annotations"], "runbook_url": ""}} == {
            **own,
            "annotations": {**own["annotations"], "runbook_url": ""},
        }


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_bad_it_is_and_what_it_means(alert: str) -> None:
    rule = ALERTS[alert]

    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)")
def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    recorded = [
        {"record": f"q:{at}", "expr": query.replace("$namespace", ".*")}
        for at, query in enumerate(query for each in QUERIES.values() for query in each)
    ]
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": [*RULES, *recorded]}]}))

    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr
