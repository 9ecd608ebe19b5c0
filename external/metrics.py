"""Metrics of the external module: the original's names without per-object labels (core 5.5; DESIGN.md 4a, 15)."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class Meter:
    """Counts the calls of one client's SDK; several threads may, and a lost one would not matter."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0


class ExternalMetrics:
    """Counts syncs and provider calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Gauges that only go up: the client library would add `_total` to a counter's name, and dashboards know these.
        self.provider_calls = Gauge(
            "externalsecret_provider_api_calls_count",
            "Calls of providers' SDKs",
            ["provider", "call", "status"],
            registry=registry,
        )
        self.sync_calls = Counter("externalsecret_sync_calls_total", "ExternalSecrets worked on", registry=registry)
        self.sync_errors = Gauge("externalsecret_sync_calls_error", "Failed syncs", registry=registry)
        self.shared_reads = Counter(
            "coffer_provider_calls_saved_total", "Reads answered by one already made", registry=registry
        )

    def called(self, provider: str, call: str, status: str) -> None:
        """Count one call of an SDK; called from threads."""
        self.provider_calls.labels(provider, call, status).inc()

    def metered(self, meter: Meter) -> Callable[[str, str, str], None]:
        """Return what counts a call here and at its client's meter."""

        def count(provider: str, call: str, status: str) -> None:
            meter.calls += 1
            self.called(provider, call, status)

        return count
