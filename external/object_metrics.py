"""The original's gauges with a series for every object (core 5.5); a setting for compatibility."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from manager.kube.cache import MetadataCache
from manager.kube.resources import CLUSTER_EXTERNAL_SECRETS, CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, SECRET_STORES

KINDS = (EXTERNAL_SECRETS, CLUSTER_EXTERNAL_SECRETS, SECRET_STORES, CLUSTER_SECRET_STORES)
LABELS = ("name", "namespace", "condition", "status")


class ConditionCollector(Collector):
    """Yields 1 for the status that the condition Ready of an object has, 0 for the other; nothing where it has none."""

    def __init__(self, cache: MetadataCache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what the cache shows now; an object that is gone leaves nothing behind."""
        for resource in KINDS:
            kind = resource.kind
            family = GaugeMetricFamily(
                f"{kind.lower()}_status_condition", f"The condition Ready of each {kind}", labels=LABELS
            )
            for key, meta in self._cache.items(resource):
                if meta.digest.judged:
                    for status in (True, False):
                        labels = [key.name, key.namespace, "Ready", str(status)]
                        family.add_metric(labels, float(meta.digest.ready is status))
            yield family
