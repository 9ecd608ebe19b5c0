"""Where the API server is and how to prove who we are: kubeconfig or the Pod's own ServiceAccount."""

import asyncio
import os
import ssl
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from aiohttp import ClientMiddlewareType
from yarl import URL

from manager.access import pod
from manager.access.flags import Access
from manager.access.identity import Identity
from manager.access.proxies import Proxy
from manager.access.socks_connector import SocksConnector
from manager.access.target import find, in_pod
from manager.core.errors import AccessError, SettingsError


@dataclass
class Connection:
    """One API server: base URL, TLS, and who we are there."""

    server: str
    ssl_context: ssl.SSLContext | None
    identity: Identity
    default_namespace: str
    server_name: str = ""
    """Whose certificate the server must show; empty for the server's own name."""
    proxy: Proxy | None = None

    async def authorization(self) -> str:
        """Return the Authorization header of now; a plug-in runs beside the event loop.

        Raises ClientConnectionError when none can be had: to be tried again.
        """
        try:
            if self.identity.takes_long:
                return await asyncio.to_thread(self.identity.authorization)
            return self.identity.authorization()
        except AccessError as error:
            raise aiohttp.ClientConnectionError(str(error)) from None

    def session(self, agent: str, *middlewares: ClientMiddlewareType) -> aiohttp.ClientSession:
        """Open an HTTP session under its own User-Agent.

        ~/.netrc is not consulted, and proxies are known already: that would cost 0.8 ms a request (kopf.md section 4).
        """
        origin = URL(self.server).origin()

        async def authorise(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            if request.url.origin() != origin:  # a redirect leads here again; the token is for the API server alone
                return await handler(request)
            header = await self.authorization()
            if header:
                request.headers["Authorization"] = header
            for name, value in self.identity.impersonate:
                request.headers.add(name, value)
            request.server_hostname = self.server_name or None
            answer = await handler(request)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self.identity.refused()
            return answer

        known, connector = self.proxy, self._connector()
        if isinstance(connector, SocksConnector):
            known = None  # it is on its way already
        return aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": agent},
            middlewares=(*middlewares, authorise),
            trust_env=False,
            proxy=known.url if known else None,
            proxy_auth=aiohttp.BasicAuth(known.username, known.password) if known and known.username else None,
            read_bufsize=2**21,  # a watch line carries a whole object
        )

    def _connector(self) -> aiohttp.BaseConnector:
        if self.proxy is not None and self.proxy.scheme.startswith("socks"):
            return SocksConnector(self.proxy, self.ssl_context)
        return aiohttp.TCPConnector(ssl=self.ssl_context or True, limit=0)


async def connect(kubeconfig: str = "", context: str = "", *, verify: bool = True) -> Connection:
    """Find the API server: the named kubeconfig, KUBECONFIG, the Pod's ServiceAccount, ~/.kube/config, in this order.

    Args:
        kubeconfig: path of a file.
        context: of the kubeconfig.
        verify: whether the server must prove who it is.

    Raises:
        SettingsError: none of them can be used.
    """
    environ = os.environ
    if not kubeconfig and not environ.get("KUBECONFIG") and (pod.SERVICE_ACCOUNT / "token").exists():
        if not environ.get("KUBERNETES_SERVICE_HOST"):
            raise SettingsError("a ServiceAccount token is mounted but KUBERNETES_SERVICE_HOST is not set")
        target = await asyncio.to_thread(in_pod, verify=verify)
    else:
        target = await asyncio.to_thread(find, Access(kubeconfig, context), verify=verify, plain=True)
    return Connection(target.url, target.context, target.identity, target.namespace, target.server_name, target.proxy)
