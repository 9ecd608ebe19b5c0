"""Metrics of the sealed module: under the original's names, and further ones."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from manager.core.clock import Clock
from manager.kube.cache import MetadataCache
from manager.kube.resources import SEALED_SECRETS
from sealed.keys.registry import KeyRegistry

PREFIX = "sealed_secrets_controller"
INSTANCE = "app.kubernetes.io/instance"
KEY_GAUGES: Mapping[str, str] = MappingProxyType(
    {
        "coffer_sealing_keys": "Usable sealing keys",
        "coffer_sealing_keys_broken": "Key Secrets that cannot be used as they are",
        "coffer_sealing_key_age_seconds": "Age of the key that seals",
        "coffer_sealing_key_expiry_timestamp_seconds": "When its certificate ends",
    }
)


class SealedMetrics:
    """Counts unsealing. Labels never name an object: series would grow with their number."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(f"{PREFIX}_unseal_requests_total", "SealedSecrets worked on", registry=registry)
        self.errors = Counter(
            f"{PREFIX}_unseal_errors_total", "Failures by reason", ["reason", "namespace"], registry=registry
        )
        self.http = Counter(
            f"{PREFIX}_http_requests_total", "Requests to /v1", ["path", "code", "method"], registry=registry
        )
        self.http_seconds = Histogram(
            f"{PREFIX}_http_request_duration_seconds", "Time to answer /v1", ["path", "method"], registry=registry
        )
        self.build = Gauge(f"{PREFIX}_build_info", "Version that is running", ["revision"], registry=registry)
        self.decrypted = Counter("coffer_sealed_decryptions_total", "SealedSecrets decrypted", registry=registry)


class KeyCollector(Collector):
    """Sealing keys, and how many SealedSecrets need each of them; computed at a scrape."""

    def __init__(self, registry: KeyRegistry, cache: MetadataCache, clock: Clock) -> None:
        self._registry = registry
        self._cache = cache
        self._clock = clock

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families without samples: the registry refuses a name twice, and docs/metrics.md lists them."""
        yield from (GaugeMetricFamily(name, text) for name, text in KEY_GAUGES.items())
        yield _objects_family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the current values."""
        values: dict[str, float] = {
            "coffer_sealing_keys": len(self._registry.keys),
            "coffer_sealing_keys_broken": len(self._registry.broken),
        }
        current = self._registry.current
        if current:
            age = (self._clock.now() - current.ordered_at).total_seconds()
            values["coffer_sealing_key_age_seconds"] = age
            values["coffer_sealing_key_expiry_timestamp_seconds"] = current.expires_at.timestamp()
        yield from (GaugeMetricFamily(name, KEY_GAUGES[name], value) for name, value in values.items())
        objects = _objects_family()
        for position, count in self._objects(current.id if current else "").items():
            objects.add_metric([position], count)
        yield objects

    def _objects(self, current: str) -> dict[str, int]:
        found = dict.fromkeys(("current", "older", "unknown"), 0)
        for _, meta in self._cache.items(SEALED_SECRETS):
            keys = meta.digest.keys
            found["unknown" if not keys else "current" if keys == (current,) else "older"] += 1
        return found


class ConditionCollector(Collector):
    """The original's gauge with a series for every object; a setting for compatibility.

    Args:
        omit: leaves the labels that name the object empty.
    """

    def __init__(self, cache: MetadataCache, *, omit: bool) -> None:
        self._cache = cache
        self._omit = omit

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the family without samples."""
        yield _condition_family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield -1 for False, 0 for none yet and 1 for True of every SealedSecret."""
        family = _condition_family()
        found: dict[tuple[str, ...], int] = {}  # without names, one series stands for many: the worst counts
        for key, meta in self._cache.items(SEALED_SECRETS):
            place = ("", "") if self._omit else (key.namespace, key.name)
            series: tuple[str, ...] = (*place, "Synced", meta.labels.get(INSTANCE, ""))
            found[series] = min(found.get(series, 1), meta.digest.condition)
        for labelled, value in found.items():
            family.add_metric(list(labelled), value)
        yield family


def _objects_family() -> GaugeMetricFamily:
    return GaugeMetricFamily("coffer_sealed_objects", "SealedSecrets by the key that opens them", labels=["key"])


def _condition_family() -> GaugeMetricFamily:
    labels = ["namespace", "name", "condition", "ss_app_kubernetes_io_instance"]
    return GaugeMetricFamily(f"{PREFIX}_condition_info", "Condition of each SealedSecret", labels=labels)
