"""Where the API server is and how to prove who we are: kubeconfig or the Pod's own ServiceAccount."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from aiohttp import ClientMiddlewareType
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import kube_config
from kubernetes.aio.config.config_exception import ConfigException
from yarl import URL

from manager.errors import SettingsError
from manager.tls import as_go_verifies, verifying

UNREADABLE = (ConfigException, yaml.YAMLError, OSError, ValueError, LookupError, TypeError, AttributeError)
"""What the library raises for a kubeconfig that is missing, is no YAML, or has something else where it looks."""
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass
class TokenFile:
    """A bearer token that kubelet rotates; read again when the file changes, so a replaced one is used at once."""

    path: Path
    _seen: tuple[int, int] = (0, 0)
    _text: str = field(default="", repr=False)

    async def header(self) -> str:
        """Return the Authorization value of now."""
        stat = self.path.stat()
        if (stat.st_mtime_ns, stat.st_ino) != self._seen:
            self._text = self.path.read_text().strip()
            self._seen = (stat.st_mtime_ns, stat.st_ino)
        return f"Bearer {self._text}"


@dataclass
class ConfiguredToken:
    """Whatever the kubeconfig says: static token, exec plugin (asked again when it expires), or none."""

    configuration: Configuration

    async def header(self) -> str | None:
        """Return the Authorization value of now, None where a client certificate speaks.

        Raises ClientConnectionError when none can be had, such as from an exec plugin: to be tried again.
        """
        try:
            value: str | None = await self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        except UNREADABLE as error:
            raise aiohttp.ClientConnectionError(f"no token: {type(error).__name__}") from error
        return value


@dataclass
class Connection:
    """One API server: base URL, TLS, and a token that is always fresh."""

    server: str
    ssl_context: ssl.SSLContext
    token: TokenFile | ConfiguredToken
    default_namespace: str

    def session(self, agent: str, *middlewares: ClientMiddlewareType) -> aiohttp.ClientSession:
        """Open an HTTP session under its own User-Agent.

        The environment's proxies and ~/.netrc are not consulted: that costs 0.8 ms a request (kopf.md section 4).
        """
        origin = URL(self.server).origin()

        async def authorise(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            # A redirect leads here again; the token is for the API server alone.
            header = await self.token.header() if request.url.origin() == origin else None
            if header:
                request.headers["Authorization"] = header
            return await handler(request)

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self.ssl_context, limit=0),
            headers={"User-Agent": agent},
            middlewares=(*middlewares, authorise),
            trust_env=False,
            read_bufsize=2**21,  # a watch line carries a whole object, up to 1.5 MiB
        )


async def connect(kubeconfig: str = "", context: str = "", *, verify: bool = True) -> Connection:
    """Find the API server: the named kubeconfig, KUBECONFIG, the Pod's ServiceAccount, ~/.kube/config, in this order.

    Args:
        verify: whether the server must prove who it is.

    Raises:
        SettingsError: none of them can be used.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG", "")
    if not path and (SERVICE_ACCOUNT / "token").exists():
        return _in_cluster(os.environ, verify=verify)
    configuration = Configuration()
    try:
        await kube_config.load_kube_config(path or None, context or None, configuration)
        configuration.verify_ssl = configuration.verify_ssl and verify
        tls = as_go_verifies(RESTClientObject(configuration).ssl_context)
        namespace = _context_namespace(path, context) or "default"
    except UNREADABLE as error:
        raise SettingsError(f"no usable kubeconfig at {path or '~/.kube/config'}: {type(error).__name__}") from error
    return Connection(configuration.host.rstrip("/"), tls, ConfiguredToken(configuration), namespace)


def _in_cluster(environ: os._Environ[str], *, verify: bool) -> Connection:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise SettingsError("a ServiceAccount token is mounted but KUBERNETES_SERVICE_HOST is not set")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    tls = verifying(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
    if not verify:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip()
    return Connection(server, tls, TokenFile(SERVICE_ACCOUNT / "token"), namespace)


def _context_namespace(path: str, context: str) -> str:
    contexts, active = kube_config.list_kube_config_contexts(path or None)
    chosen = next((each for each in contexts if each["name"] == context), active)
    return str(chosen.get("context", {}).get("namespace", ""))
