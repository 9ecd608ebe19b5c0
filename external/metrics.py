"""Metrics of the external module: the original's names without per-object labels (core 5.5; DESIGN.md 4a, 15)."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from external.prices import Spending
from manager.clock import Clock, SystemClock


class Meter:
    """Counts the calls of one client's SDK; several threads may, and a lost one would not matter."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0


class ExternalMetrics:
    """Counts syncs and provider calls."""

    def __init__(self, registry: CollectorRegistry, clock: Clock | None = None) -> None:
        self._spending = Spending(clock or SystemClock())
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
        self.sync_calls = Counter("externalsecret_sync_calls_total", "ExternalSecrets worked on", registry=registry)
        self.sync_errors = Gauge("externalsecret_sync_calls_error", "Failed syncs", registry=registry)
        self.oldest = Gauge(
            "coffer_external_last_success_age_seconds",
            "Since the last success of the ExternalSecret that has waited longest for one",
            registry=registry,
        )
        self.failing = Gauge("coffer_external_not_ready", "ExternalSecrets that are not ready", registry=registry)
        self.saved = Counter(
            "coffer_provider_calls_saved_total",
            "Calls that were not made: reads shared, made together, or spared by a list of versions",
            registry=registry,
        )

    def called(self, provider: str, call: str, status: str) -> None:
        """Count one call of an SDK; called from threads."""
        self.provider_calls.labels(provider, call, status).inc()
        self.calls.labels(provider, call, status).inc()
        if self._spending.note(provider):
            self.cost.labels(provider).set_function(lambda: self._spending.monthly(provider))

    def metered(self, meter: Meter) -> Callable[[str, str, str], None]:
        """Return what counts a call here and at its client's meter."""

        def count(provider: str, call: str, status: str) -> None:
            meter.calls += 1
            self.called(provider, call, status)

        return count
