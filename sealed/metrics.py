"""Metrics of the sealed module: the original's names (sealed-secrets.md section 6), and what its users asked for."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX = "sealed_secrets_controller"


class SealedMetrics:
    """Counts unsealing; labels never name an object (DESIGN.md 4a, 15)."""

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
        self.decrypted = Counter("coffer_sealed_decryptions_total", "SealedSecrets decrypted", registry=registry)
        self.keys = Gauge("coffer_sealing_keys", "Usable sealing keys", registry=registry)
        self.broken_keys = Gauge("coffer_sealing_keys_broken", "Key Secrets without a usable key", registry=registry)
