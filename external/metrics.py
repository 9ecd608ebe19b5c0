"""Metrics of the external module: the original's names, with per-object labels only as a setting."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from external.prices import Spending
from manager.core.clock import Clock, SystemClock
from manager.kube.cache import MetadataCache
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_PUSH_SECRETS,
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SECRET_STORES,
    Key,
)

KINDS = (
    EXTERNAL_SECRETS,
    CLUSTER_EXTERNAL_SECRETS,
    SECRET_STORES,
    CLUSTER_SECRET_STORES,
    PUSH_SECRETS,
    CLUSTER_PUSH_SECRETS,
)
LABELS = ("name", "namespace", "condition", "status")

OBJECT = ("name", "namespace")
NANOSECONDS = 1e9
NO_PRICES: Mapping[str, float] = MappingProxyType({})


class Meter:
    """Counts the calls of one client's SDK; several threads may, and a lost count does not matter."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0


class ExternalMetrics:
    """Counts syncs and provider calls.

    Args:
        prices: US dollars a call by the provider's label.
        per_object: whether what the original tells of each ExternalSecret has its labels, `name` and `namespace`.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        clock: Clock | None = None,
        prices: Mapping[str, float] = NO_PRICES,
        *,
        per_object: bool = False,
    ) -> None:
        self._per_object = per_object
        about = OBJECT if per_object else ()
        self._spending = Spending(clock or SystemClock(), prices)
        # Gauges that only go up: the client library would add `_total` to a counter's name, and dashboards know these.
        self.provider_calls = Gauge(
            "externalsecret_provider_api_calls_count",
            "Calls of providers' SDKs",
            ["provider", "call", "status"],
            registry=registry,
        )
        self.calls = Counter(
            "coffer_provider_calls_total", "Calls of providers' SDKs", ["provider", "call", "status"], registry=registry
        )
        self.cost = Gauge(
            "coffer_provider_cost_dollars_per_month",
            "What the calls of the last hour come to in a month, at public list prices",
            ["provider"],
            registry=registry,
        )
        self._sync_calls = Counter(
            "externalsecret_sync_calls_total", "ExternalSecrets worked on", about, registry=registry
        )
        self._sync_errors = Gauge("externalsecret_sync_calls_error", "Failed syncs", about, registry=registry)
        self._durations = Gauge(
            "externalsecret_reconcile_duration",
            "Nanoseconds that the last work on an ExternalSecret took",
            OBJECT,
            registry=registry if per_object else None,
        )
        self._plugins = Gauge(
            "coffer_provider_plugin_loaded",
            "1 for a plug-in that is served, 0 for one that could not be loaded",
            ["plugin"],
            registry=registry,
        )
        self.saved = Counter(
            "coffer_provider_calls_saved_total",
            "Calls that were not made: reads shared, made together, or spared by a list of versions",
            registry=registry,
        )

    def plugins(self, loaded: Mapping[str, float]) -> None:
        """Tell which plug-ins are served: 1, and which could not be loaded: 0."""
        for name, value in loaded.items():
            self._plugins.labels(name).set(value)

    def synced(self, key: Key, seconds: float) -> None:
        """Count one work on an ExternalSecret."""
        if not self._per_object:
            self._sync_calls.inc()
            return
        self._sync_calls.labels(key.name, key.namespace).inc()
        self._durations.labels(key.name, key.namespace).set(seconds * NANOSECONDS)

    def failed(self, key: Key) -> None:
        """Count one that failed."""
        (self._sync_errors.labels(key.name, key.namespace) if self._per_object else self._sync_errors).inc()

    def forget(self, key: Key) -> None:
        """Drop the series of an ExternalSecret that is gone."""
        if self._per_object:
            for each in (self._sync_calls, self._sync_errors, self._durations):
                each.remove(key.name, key.namespace)

    def called(self, provider: str, call: str, status: str) -> None:
        """Count one call of an SDK; called from threads."""
        self.provider_calls.labels(provider, call, status).inc()
        self.calls.labels(provider, call, status).inc()
        if self._spending.note(provider):
            self.cost.labels(provider).set_function(lambda: self._spending.monthly(provider))

    def metered(self, meter: Meter) -> Callable[[str, str, str], None]:
        """Return a function that counts a call here and at its client's meter."""

        def count(provider: str, call: str, status: str) -> None:
            meter.calls += 1
            self.called(provider, call, status)

        return count


class PushMetrics:
    """Counts passes over PushSecrets and what they wrote.

    Args:
        per_object: whether the duration of the last pass over each is told, as by external-secrets.
    """

    def __init__(self, registry: CollectorRegistry, cache: MetadataCache, *, per_object: bool = False) -> None:
        self._cache = cache
        self._passes = Counter("coffer_push_passes_total", "Passes over PushSecrets", registry=registry)
        self._errors = Counter("coffer_push_errors_total", "Passes over PushSecrets that failed", registry=registry)
        self._writes = Counter("coffer_push_writes_total", "Values written to providers", registry=registry)
        self._deletes = Counter("coffer_push_deletes_total", "Values deleted at providers", registry=registry)
        failing = Gauge("coffer_push_not_ready", "PushSecrets that are not ready", registry=registry)
        failing.set_function(self._failing)
        self._per_object = per_object
        self._durations = Gauge(
            "pushsecret_reconcile_duration",
            "Nanoseconds that the last work on a PushSecret took",
            OBJECT,
            registry=registry if per_object else None,
        )

    def passed(self, key: Key, seconds: float) -> None:
        """Count one pass."""
        self._passes.inc()
        if self._per_object:
            self._durations.labels(key.name, key.namespace).set(seconds * NANOSECONDS)

    def failed(self) -> None:
        """Count one that failed."""
        self._errors.inc()

    def wrote(self) -> None:
        """Count one value that was written."""
        self._writes.inc()

    def deleted(self) -> None:
        """Count one value that was deleted."""
        self._deletes.inc()

    def forget(self, key: Key) -> None:
        """Drop the series of a PushSecret that is gone."""
        if self._per_object:
            self._durations.remove(key.name, key.namespace)

    def _failing(self) -> float:
        return float(sum(not meta.digest.ready for _, meta in self._cache.items(PUSH_SECRETS)))


class ConditionCollector(Collector):
    """Yields 1 for the status of the condition Ready of an object, 0 for the other; nothing without the condition."""

    def __init__(self, cache: MetadataCache) -> None:
        self._cache = cache

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families without samples: the registry refuses a name twice, and docs/metrics.md lists them."""
        yield from (_condition_family(resource.kind) for resource in KINDS)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what the cache shows now; an object that is gone has no series."""
        for resource in KINDS:
            family = _condition_family(resource.kind)
            for key, meta in self._cache.items(resource):
                if meta.digest.judged:
                    for status in (True, False):
                        labels = [key.name, key.namespace, "Ready", str(status)]
                        family.add_metric(labels, float(meta.digest.ready is status))
            yield family


def _condition_family(kind: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{kind.lower()}_status_condition", f"The condition Ready of each {kind}", labels=LABELS)
