"""Metrics of the reflector; the original has none. No label names an object."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from manager.kube.resources import Key

LAG_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Tally:
    """The state of one source after a pass."""

    mirrors: int = 0
    stale: int = 0
    conflicts: int = 0
    guarded: int = 0


class ReflectorMetrics:
    """Counts writes, and what prevents them.

    Args:
        provenance: the setting of the guard, a label of its gauge.
    """

    def __init__(self, registry: CollectorRegistry, provenance: str) -> None:
        self.writes = Counter("coffer_mirror_writes_total", "Mirrors written", ["kind", "action"], registry=registry)
        self.failures = Counter("coffer_mirror_failures_total", "Mirror writes refused", ["kind"], registry=registry)
        self.lag = Histogram(
            "coffer_mirror_lag_seconds",
            "From the sight of a source's change to the write of a mirror",
            buckets=LAG_BUCKETS_SECONDS,
            registry=registry,
        )
        self._mirrors = Gauge("coffer_mirrors", "Objects that mirror a source", registry=registry)
        self._stale = Gauge(
            "coffer_mirrors_stale", "Mirrors that do not hold what their source has, or wants made", registry=registry
        )
        self._conflicts = Gauge(
            "coffer_mirror_conflicts",
            "Sources with a foreign object or an older source in the way",
            registry=registry,
        )
        self._guarded = Gauge(
            "coffer_mirror_provenance",
            "Sources made by an ExternalSecret, by what the guard does about them",
            ["policy"],
            registry=registry,
        ).labels(provenance)
        self._tallies: dict[Key, Tally] = {}

    def take(self, source: Key, tally: Tally) -> None:
        """Update the gauges with the state of one source."""
        before = self._tallies.pop(source, Tally())
        if tally != Tally():
            self._tallies[source] = tally
        self._mirrors.inc(tally.mirrors - before.mirrors)
        self._stale.inc(tally.stale - before.stale)
        self._conflicts.inc(tally.conflicts - before.conflicts)
        self._guarded.inc(tally.guarded - before.guarded)
