"""A real Prometheus scrapes a leader and a standby, and the chart's rule fires if no replica leads."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.wait import wait_until
from tests.controller import CHART, Coffer
from tests.e2e.conftest import BRISK

PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed (Debian's package prometheus)")


@contextmanager
def prometheus(folder: Path, port: int, *targets: str) -> Iterator[str]:
    """Run Prometheus over some targets with the chart's rules, evaluated every second; yields its URL."""
    rules = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    for rule in rules["groups"][0]["rules"]:
        rule.pop("for", None)  # Prometheus implements the wait; the test is about the expression
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{"job_name": "coffer", "static_configs": [{"targets": list(targets)}]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = [str(PROMETHEUS), f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.kill()
            running.wait()


def ask(url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/v1/{path}", timeout=5) as answer:
        return json.load(answer)["data"]


def leaders(url: str) -> dict[str, str]:
    found = ask(url, "query?query=coffer_leader")["result"]
    return {each["metric"]["instance"]: each["value"][1] for each in found}


def firing(url: str) -> set[str]:
    return {each["labels"]["alertname"] for each in ask(url, "alerts")["alerts"] if each["state"] == "firing"}


def test_a_leader_and_a_standby_are_scraped_and_an_alert_fires(arena_coffer: Any, tmp_path: Path) -> None:
    first: Coffer = arena_coffer("coffer-0", *BRISK)
    first.wait_leading()
    second: Coffer = arena_coffer("coffer-1", *BRISK)
    targets = [each.metrics_url.removeprefix("http://") for each in (first, second)]
    port = int(targets[0].rsplit(":", 1)[1]) + 700
    with prometheus(tmp_path, port, *targets) as url:
        wait_until(lambda: leaders(url) == {targets[0]: "1", targets[1]: "0"}, timeout=20, what="both to be scraped")
        wait_until(lambda: "CofferNoLeader" not in firing(url), timeout=20, what="the alert of the first second to end")

        second.stop()
        first.stop()

        wait_until(lambda: "CofferNoLeader" in firing(url), timeout=20, what="the alert to fire")
