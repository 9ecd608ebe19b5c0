"""Which values of the originals' charts our chart refuses by name, from the tables of `coffer migrate values`.

The schema lets them pass, because a schema cannot give a reason; the templates read charts/coffer/files/originals.json.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from manager.cli.migrate.chart_values.rules import Rule
from manager.cli.migrate.chart_values.translation import TABLES
from tools.chart_values import CHART, FREE, VALUES, values

FILE = CHART / "files" / "originals.json"
OTHER_KINDS: Mapping[str, tuple[str, str, Any]] = {
    "extraArgs": ("map", "object", {}),
    "ingress.tls": ("bool", "boolean", False),
}
"""Values that exist here too, with another type: path -> theirs, in Go's words and in JSON Schema's, and when empty."""
EMPTY: tuple[Any, ...] = (None, "", [], {})
SHARED = "global"
"""What a parent chart gives to all of its charts, the originals' among them."""


@dataclass(frozen=True)
class Refused:
    """A value of other charts that ours does not read."""

    path: str
    says: str
    harmless: tuple[str, ...]
    """Values that ask for nothing, in JSON."""
    kind: str = ""
    """In Go's words; empty for any."""


def refused() -> list[Refused]:
    """Return the values that the templates refuse, by path."""
    rows = sorted(((rule.path, chart, rule) for chart, rule in _foreign() if not rule.silent), key=lambda row: row[0])
    return [
        _refused(path, [(chart, rule) for _, chart, rule in each]) for path, each in groupby(rows, lambda row: row[0])
    ]


def let_pass() -> list[str]:
    """Return the values that the schema must let pass, a mapping before what is in it."""
    return sorted({rule.path for _, rule in _foreign()}, key=lambda path: (path.count("."), path))


def rendered() -> str:
    """Return the file that the templates read."""
    rows = [
        {"path": each.path, "says": each.says, "harmless": each.harmless} | ({"kind": each.kind} if each.kind else {})
        for each in refused()
    ]
    return json.dumps({"refused": rows}, indent=1) + "\n"


def _foreign() -> Iterator[tuple[str, Rule]]:
    ours = {each.path: each.leaf for each in values(VALUES.read_text())}
    for chart, known in TABLES.items():
        for rule in known.rules.values():
            if _is_foreign(rule, ours):
                yield chart, rule


def _is_foreign(rule: Rule, ours: dict[str, bool]) -> bool:
    if rule.path.partition(".")[0] == SHARED:
        return False
    if rule.path in ours:
        return rule.path in OTHER_KINDS
    leaf = next((each for each in _parents(rule.path) if ours.get(each)), None)
    if leaf is None:
        return True
    return leaf in FREE and not rule.same


def _refused(path: str, rows: list[tuple[str, Rule]]) -> Refused:
    says: dict[str, list[str]] = {}
    for chart, rule in rows:
        says.setdefault(_says(rule), []).append(chart)
    texts = [f"of {' and '.join(charts)}: {text}" for text, charts in says.items()]
    passes = _harmless(path, [rule.default for _, rule in rows])
    harmless = tuple(dict.fromkeys(json.dumps(each, sort_keys=True, separators=(",", ":")) for each in passes))
    return Refused(path, f"{path} {'; '.join(texts)}", harmless, OTHER_KINDS[path][0] if path in OTHER_KINDS else "")


def _harmless(path: str, defaults: list[Any]) -> list[Any]:
    if path in OTHER_KINDS:
        return [OTHER_KINDS[path][2]]
    if any(each in FREE for each in _parents(path)):
        return []  # Kubernetes would read this key of theirs in the Pod, whatever its value
    return [*EMPTY, *defaults]


def _says(rule: Rule) -> str:
    if rule.to:
        return f"here {rule.to}" + (f" ({rule.why})" if rule.why else "")
    return f"no counterpart: {rule.why}"


def _parents(path: str) -> Iterable[str]:
    parts = path.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def pass_in(schema: dict[str, Any]) -> None:
    """Let the schema of the chart's values take these values; a name that no table has stays refused."""
    says = {each.path: each.says for each in refused()}
    for path in let_pass():
        if path in OTHER_KINDS:
            here = _at(schema, path)
            here["type"] = [here["type"], OTHER_KINDS[path][1]]
        else:
            _add(schema, path, {"description": says[path]} if path in says else {})


def _at(schema: dict[str, Any], path: str) -> dict[str, Any]:
    for name in path.split("."):
        schema = schema["properties"][name]
    return schema


def _add(schema: dict[str, Any], path: str, passing: dict[str, Any]) -> None:
    *parents, last = path.split(".")
    for name in parents:
        if "properties" not in schema:
            return  # everything in this mapping passes
        nothing_else = {"type": "object", "additionalProperties": False, "properties": {}}
        schema = schema["properties"].setdefault(name, nothing_else)
    if "properties" in schema:
        schema["properties"].setdefault(last, passing)
