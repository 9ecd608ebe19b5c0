"""Writes docs/metrics.md from the metrics that the process and its modules register; with --check only compares."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

import external.metrics
import sealed.metrics
from external.external_secrets.freshness import Freshness
from manager.kube.cache import MetadataCache
from manager.runtime.metrics import Metrics
from reflector.metrics import ReflectorMetrics
from tools.generated import Generated

FILE = Path(__file__).parent.parent / "docs" / "metrics.md"
OF_THE_LIBRARY = (GCCollector, PlatformCollector, ProcessCollector)
SUFFIX = {"counter": "_total"}
HEAD = """# Metrics

Made from the code by `make docs`. The process serves them at `/metrics` on port 8081 (`process.listen_metrics`), with
those of the client library (`process_…`, `python_…`) beside them. Names without `coffer_` are the originals'.
"""
PER_OBJECT = """
## A series for every object

Off, because their number grows with the cluster: `sealed.object_metrics` and `external.object_metrics` switch them on,
as the originals have them. A metric that is listed above too has these labels with the setting.

"""


class Row(NamedTuple):
    """One metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def sections() -> dict[str, list[Row]]:
    """Return process and module -> its metrics."""
    return {title: list(_rows(each)) for title, each in {"process": Metrics().registry, **_of_modules()}.items()}


def rendered() -> str:
    """Return the page."""
    parts = [HEAD]
    usual: set[Row] = set()
    for title, rows in sections().items():
        usual.update(rows)
        parts.append(f"\n## {title}\n\n{_table(rows)}")
    return "".join([*parts, PER_OBJECT, _table(each for each in _rows(_per_object()) if each not in usual)])


def _of_modules() -> dict[str, CollectorRegistry]:
    """Return the registry of each module as its settings' defaults make it."""
    found = {name: CollectorRegistry() for name in ("sealed", "external", "reflector")}
    sealed.metrics.SealedMetrics(found["sealed"])
    nothing = cast("Any", None)  # a description reads neither keys nor clock
    found["sealed"].register(sealed.metrics.KeyCollector(nothing, MetadataCache(), nothing))
    external.metrics.ExternalMetrics(found["external"])
    found["external"].register(Freshness(MetadataCache(), nothing, {}, per_object=False))
    ReflectorMetrics(found["reflector"], "warn")
    return found


def _per_object() -> CollectorRegistry:
    """Return the metrics that a setting switches on, or gives more labels."""
    registry, cache = CollectorRegistry(), MetadataCache()
    registry.register(sealed.metrics.ConditionCollector(cache, omit=False))
    external.metrics.ExternalMetrics(registry, per_object=True)
    registry.register(external.metrics.ConditionCollector(cache))
    return registry


def _rows(registry: CollectorRegistry) -> Iterator[Row]:
    for collector in vars(registry)["_collector_to_names"]:
        if isinstance(collector, OF_THE_LIBRARY):
            continue
        for family in collector.describe():  # an AttributeError here: the collector needs a `describe`
            labels = vars(collector).get("_labelnames") or vars(family).get("_labelnames") or ()
            yield Row(family.name + SUFFIX.get(family.type, ""), family.type, tuple(labels), family.documentation)


def _table(rows: Iterable[Row]) -> str:
    lines = [f"| `{each.name}` | {each.kind} | {', '.join(each.labels)} | {each.meaning} |\n" for each in sorted(rows)]
    return "".join(["| metric | type | labels | meaning |\n|---|---|---|---|\n", *lines])


PAGE = Generated("metrics page", lambda: {FILE: rendered()}, "make docs")


if __name__ == "__main__":
    sys.exit(PAGE.main())
