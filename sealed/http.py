"""The public endpoint that kubeseal fetches the certificate from (sealed-secrets.md section 5)."""

from aiohttp import web

from sealed.metrics import SealedMetrics
from sealed.registry import KeyRegistry

METHODS = frozenset({"get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"})


class SealingApi:
    """Serves the certificate of the current key; never limited, it is public."""

    def __init__(self, registry: KeyRegistry, metrics: SealedMetrics) -> None:
        self._registry = registry
        self._metrics = metrics

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the endpoints; the original never checks the method."""
        return (web.route("*", "/v1/cert.pem", self._certificate),)

    async def _certificate(self, request: web.Request) -> web.Response:
        current = self._registry.current
        status = 200 if current else 500
        self._metrics.http.labels("/v1/cert.pem", str(status), method_label(request)).inc()
        if current is None:
            return web.Response(status=500, text="cannot get certificate\n")
        return web.Response(body=current.certificate, content_type="application/x-pem-file")


def method_label(request: web.Request) -> str:
    """Return the method for a metric; what a caller invents must not become a series."""
    method = request.method.lower()
    return method if method in METHODS else "unknown"
