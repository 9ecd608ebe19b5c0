"""Prometheus metrics of the process; a module adds its own to the same registry."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from manager import VERSION
from manager.runtime.loop_time import LoopPauses

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Metrics of the process. No label carries the name of a Secret: scrapers may not be allowed to know it."""

    def __init__(self) -> None:
        disable_created_metrics()  # they double the series of counters and histograms
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Gauge("coffer_build_info", "Version that is running", ["version"], registry=self.registry)
        build.labels(VERSION).set(1)
        self.requests = Counter(
            "coffer_api_requests_total",
            "Requests to the API server by verb, resource and status (0: no answer)",
            ["verb", "resource", "status"],
            registry=self.registry,
        )
        self.reconciles = Counter(
            "coffer_reconcile_total", "Keys worked on", ["controller", "result"], registry=self.registry
        )
        self.seconds = Histogram(
            "coffer_reconcile_seconds",
            "Time to work on one key",
            ["controller"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.depth = Gauge(
            "coffer_queue_depth", "Keys queued, delayed or held", ["controller", "state"], registry=self.registry
        )
        self.leader = Gauge("coffer_leader", "1 on the replica that writes", registry=self.registry)
        self.synced = Gauge(
            "coffer_synced", "1 when everything that a module needs is known", ["module"], registry=self.registry
        )
        self.watch_refused = Counter(
            "coffer_watch_refused_total",
            "Lists and watches that the API server refused",
            ["resource", "status"],
            registry=self.registry,
        )
        self.pulse = LoopPauses()
        Gauge(
            "coffer_event_loop_pause_seconds", "Longest pause of the event loop in a minute", registry=self.registry
        ).set_function(self.pulse.longest)
        self.unusable = Counter(
            "coffer_objects_refused_total",
            "Objects that were not taken in, or not whole: nested too deep, or too much in them",
            ["resource"],
            registry=self.registry,
        )
        self.observing = Gauge(
            "coffer_module_observing", "1 where another controller is to write", ["module"], registry=self.registry
        )
        self.rivals = Gauge(
            "coffer_other_installation", "1 where a second Coffer works too", ["module"], registry=self.registry
        )
        self.deletes_paused = Counter(
            "coffer_deletes_paused_total",
            "Deletes put off because too many came in a minute",
            ["module"],
            registry=self.registry,
        )

    def requested(self, verb: str, resource: str, status: int) -> None:
        """Count one request to the API server."""
        self.requests.labels(verb, resource, str(status)).inc()

    def reconciled(self, controller: str, result: str, seconds: float) -> None:
        """Count one reconciled key."""
        self.reconciles.labels(controller, result).inc()
        self.seconds.labels(controller).observe(seconds)

    def render(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self.registry)
