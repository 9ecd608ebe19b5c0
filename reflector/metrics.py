"""Metrics of the reflector; the original has none. No label names an object."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ReflectorMetrics:
    """Counts writes, and what is in the way."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.writes = Counter("coffer_mirror_writes_total", "Mirrors written", ["kind", "action"], registry=registry)
        self.failures = Counter("coffer_mirror_failures_total", "Mirror writes refused", ["kind"], registry=registry)
        self.conflicts = Gauge("coffer_mirror_conflicts", "Sources with a foreign object in the way", registry=registry)
        self.guarded = Gauge(
            "coffer_mirror_provenance",
            "Sources made by an ExternalSecret, by what the guard does about them",
            ["policy"],
            registry=registry,
        )
