"""Address and credentials of the API server, from a kubeconfig or the Pod's ServiceAccount."""

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
    """One API server: base URL, TLS and our identity."""

    server: str
    ssl_context: ssl.SSLContext | None
    identity: Identity
    default_namespace: str
    server_name: str = ""
    """The name that the server's certificate must have; empty for the name in the URL."""
    proxy: Proxy | None = None

    async def authorization(self) -> str:
        """Return the current Authorization header; a plug-in runs in a thread.

        Raises ClientConnectionError if there is none now; the caller retries.
        """
        try:
            if self.identity.takes_long:
                return await asyncio.to_thread(self.identity.authorization)
            return self.identity.authorization()
        except AccessError as error:
            raise aiohttp.ClientConnectionError(str(error)) from None

    def session(self, agent: str, *middlewares: ClientMiddlewareType) -> aiohttp.ClientSession:
        """Open an HTTP session with its own User-Agent.

        It reads neither ~/.netrc nor the proxy variables, which would cost 0.8 ms for each request.
        """
        origin = URL(self.server).origin()

        async def authorise(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            if request.url.origin() != origin:  # after a redirect; only the API server may get the token
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
            known = None  # the connector uses it
        return aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": agent},
            middlewares=(*middlewares, authorise),
            trust_env=False,
            proxy=known.url if known else None,
            proxy_auth=aiohttp.BasicAuth(known.username, known.password) if known and known.username else None,
            read_bufsize=2**21,  # a line of a watch holds a whole object
        )

    def _connector(self) -> aiohttp.BaseConnector:
        if self.proxy is not None and self.proxy.scheme.startswith("socks"):
            return SocksConnector(self.proxy, self.ssl_context)
        return aiohttp.TCPConnector(ssl=self.ssl_context or True, limit=0)


async def connect(kubeconfig: str = "", context: str = "", *, verify: bool = True) -> Connection:
    """Return the API server of the given kubeconfig, KUBECONFIG, the Pod's ServiceAccount or ~/.kube/config.

    Args:
        kubeconfig: path of a file.
        context: name of a context in the kubeconfig.
        verify: whether the server's certificate is verified.

    Raises:
        SettingsError: none of them is usable.
    """
    environ = os.environ
    if not kubeconfig and not environ.get("KUBECONFIG") and (pod.SERVICE_ACCOUNT / "token").exists():
        if not environ.get("KUBERNETES_SERVICE_HOST"):
            raise SettingsError("a ServiceAccount token is mounted but KUBERNETES_SERVICE_HOST is not set")
        target = await asyncio.to_thread(in_pod, verify=verify)
    else:
        target = await asyncio.to_thread(find, Access(kubeconfig, context), verify=verify, plain=True)
    return Connection(target.url, target.context, target.identity, target.namespace, target.server_name, target.proxy)
