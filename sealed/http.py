"""The public endpoint that kubeseal fetches the certificate from (sealed-secrets.md section 5)."""

from aiohttp import web

from sealed.metrics import SealedMetrics
from sealed.registry import KeyRegistry


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
        self._metrics.http.labels("/v1/cert.pem", str(status), request.method.lower()).inc()
        if current is None:
            return web.Response(status=500, text="cannot get certificate\n")
        return web.Response(body=current.certificate, content_type="application/x-pem-file")
