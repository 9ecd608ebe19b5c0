"""Connect to an API server through a SOCKS5 proxy, which aiohttp does not support."""

import asyncio
import ssl
from typing import Any

import aiohttp

from manager.access.http_channel import through_socks
from manager.access.proxies import Proxy
from manager.core.errors import AccessError
from manager.core.tls import verifying

CONNECT_SECONDS = 30.0  # for the proxy to reach the server, if the request has no timeout of its own


class SocksConnector(aiohttp.BaseConnector):
    """Opens connections to one server through its proxy; the proxy resolves the name.

    Args:
        proxy: the proxy.
        context: TLS with the server; None for one that trusts the system's authorities.
    """

    def __init__(self, proxy: Proxy, context: ssl.SSLContext | None) -> None:
        super().__init__(limit=0)
        self._proxy = proxy
        self._context = context or verifying()

    async def _create_connection(self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout) -> Any:  # noqa: ASYNC109
        """Connect; aiohttp's own connectors override this method too. Raises ClientConnectionError."""
        del traces
        host, port = req.url.raw_host, req.url.port
        patience = timeout.sock_connect or timeout.connect or timeout.total or CONNECT_SECONDS
        try:
            raw = await asyncio.to_thread(through_socks, self._proxy, host, port, patience)
        except AccessError as error:
            raise aiohttp.ClientConnectionError(str(error)) from None
        secure = req.url.scheme == "https"
        raw.setblocking(False)
        try:
            _, protocol = await self._loop.create_connection(
                self._factory,
                sock=raw,
                ssl=self._context if secure else None,
                server_hostname=(req.server_hostname or host) if secure else None,
            )
        except ssl.CertificateError as error:
            raw.close()
            raise aiohttp.ClientConnectorCertificateError(req.connection_key, error) from error
        except OSError as error:
            raw.close()
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol
