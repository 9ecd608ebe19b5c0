"""How recent the values of all ExternalSecrets are, computed when metrics are scraped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from external.external_secrets.refresh import Refreshed
from manager.core.clock import Clock, parse_rfc3339
from manager.kube.cache import Meta, MetadataCache
from manager.kube.resources import CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, Key

OVERDUE_INTERVALS = 2.0
SLACK_SECONDS = 60.0  # an interval of a second is not overdue because one call took two


@dataclass
class Ages:
    """What one look over the cache found."""

    oldest: float = 0.0
    """Seconds since the last success of the ExternalSecret that has waited longest for one."""
    failing: int = 0
    """Those that are not ready by their status."""
    waiting: int = 0
    """Those that wait for a success: all that are refreshed, and the others until their first one."""
    overdue: int = 0
    """Those of them without a success for twice their interval and a minute."""
    stores: dict[Key, float] = field(default_factory=dict)
    """Store -> seconds since the last success of the ExternalSecret of it that has waited longest."""

    def add(self, meta: Meta, age: float) -> None:
        """Count one that waits for a success."""
        self.waiting += 1
        self.oldest = max(self.oldest, age)
        self.overdue += age > OVERDUE_INTERVALS * meta.digest.interval + SLACK_SECONDS
        for store in meta.digest.stores:
            self.stores[store] = max(self.stores.get(store, 0.0), age)


class Freshness(Collector):
    """Yields metrics of the ExternalSecrets that the cache shows.

    Args:
        refreshed: the refreshes of this process; they may be later than the status says.
        per_object: whether SecretStores have series; ClusterSecretStores always have, because tenants cannot make them.
    """

    def __init__(
        self, cache: MetadataCache, clock: Clock, refreshed: Mapping[Key, Refreshed], *, per_object: bool
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._refreshed = refreshed
        self._per_object = per_object

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families without samples: the registry refuses a name twice, and docs/metrics.md lists them."""
        yield from (GaugeMetricFamily(each.name, each.documentation) for each in _totals(Ages()))
        yield _by_store()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what the cache shows now."""
        ages = self._ages()
        yield from _totals(ages)
        family = _by_store()
        for store, age in ages.stores.items():
            if self._per_object or store.resource is CLUSTER_SECRET_STORES:
                family.add_metric([store.resource.kind, store.namespace, store.name], age)
        yield family

    def _ages(self) -> Ages:
        """Look once at every ExternalSecret; without a success, time counts from its creation."""
        found, now = Ages(), self._clock.now().timestamp()
        for key, meta in self._cache.items(EXTERNAL_SECRETS):
            found.failing += not meta.digest.ready
            if _waits(meta):
                found.add(meta, now - self._last(key, meta, now))
        return found

    def _last(self, key: Key, meta: Meta, now: float) -> float:
        seen, created = self._refreshed.get(key), parse_rfc3339(meta.created)
        known = (seen.at if seen else None, meta.digest.refreshed, created.timestamp() if created else None)
        return max((each for each in known if each is not None), default=now)


def _waits(meta: Meta) -> bool:
    again = meta.digest.policy == "Periodic" and meta.digest.interval > 0
    return not meta.deleting and (again or not meta.digest.synced)


def _totals(ages: Ages) -> Iterator[GaugeMetricFamily]:
    about = "Since the last success of the ExternalSecret that has waited longest for one"
    yield GaugeMetricFamily("coffer_external_last_success_age_seconds", about, ages.oldest)
    yield GaugeMetricFamily("coffer_external_not_ready", "ExternalSecrets that are not ready", ages.failing)
    about = "ExternalSecrets that wait for a success: all that are refreshed, others until the first one"
    yield GaugeMetricFamily("coffer_external_waiting", about, ages.waiting)
    about = "Those of them without a success for twice their interval and a minute"
    yield GaugeMetricFamily("coffer_external_overdue", about, ages.overdue)


def _by_store() -> GaugeMetricFamily:
    about = "Since the last success of the store's ExternalSecret that has waited longest for one"
    return GaugeMetricFamily("coffer_external_store_age_seconds", about, labels=("kind", "namespace", "name"))
