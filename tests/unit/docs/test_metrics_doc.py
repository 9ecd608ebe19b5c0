"""docs/metrics.md is what the process registers, and every metric that the alert rules ask for is in it."""

import re
from pathlib import Path

import yaml

from tools.metrics_doc import FILE, rendered

RULES = Path(__file__).parents[3] / "charts" / "coffer" / "files" / "rules.yaml"


def test_the_page_is_current() -> None:
    assert FILE.read_text() == rendered(), "run make docs"


def test_every_metric_of_an_alert_is_on_the_page() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", rendered(), re.MULTILINE))
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    asked = {name for rule in group["rules"] for name in re.findall(r"\b(?:coffer|sealed_secrets)_\w+", rule["expr"])}

    assert asked
    assert asked - listed == set()
