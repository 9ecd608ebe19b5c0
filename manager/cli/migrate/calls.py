"""Count the calls of providers in the controller's metrics. Pure."""

import re
from collections.abc import Mapping

SERIES = re.compile(r"^coffer_provider_calls_total\{(?P<labels>[^}]*)\} (?P<value>[0-9.e+]+)$", re.MULTILINE)
LABEL = re.compile(r'(?P<name>\w+)="(?P<value>[^"\\]*)"')


def provider_calls(metrics: str) -> Mapping[str, int]:
    """Return `provider call` -> number of calls since the controller started, from its page of metrics."""
    found: dict[str, int] = {}
    for each in SERIES.finditer(metrics):
        labels = {label["name"]: label["value"] for label in LABEL.finditer(each["labels"])}
        name = f"{labels.get('provider', '')} {labels.get('call', '')}".strip()
        found[name] = found.get(name, 0) + int(float(each["value"]))
    return {name: number for name, number in sorted(found.items()) if number}
