"""Find the API server by kubeconfig, flags, environment or Pod, with everything that a request needs."""

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from manager.access import pod, proxies
from manager.access.explanations import file_fault
from manager.access.flags import NO_FLAGS, Access
from manager.access.http_channel import PORTS, Route
from manager.access.identity import Identity, identity_of
from manager.access.kubeconfig import load
from manager.access.namespaces import default_namespace
from manager.access.proxies import Proxy
from manager.access.selection import Endpoint, NoConfiguration, User, choose
from manager.core.errors import AccessError
from manager.core.tls import verifying


@dataclass(frozen=True)
class Target:
    """One API server."""

    url: str
    """Without a slash at the end."""
    context: ssl.SSLContext | None
    """None for plain HTTP."""
    server_name: str
    """The name that the server's certificate must have."""
    proxy: Proxy | None
    identity: Identity
    namespace: str
    """The default one."""
    patience: float
    """Seconds for one request."""

    @property
    def route(self) -> Route:
        """The way there."""
        parts = urlsplit(self.url)
        port = parts.port or PORTS[parts.scheme]
        return Route(parts.hostname or "", port, self.context, self.server_name, self.proxy, self.patience)


def find(
    access: Access = NO_FLAGS, environ: Mapping[str, str] = os.environ, *, verify: bool = True, plain: bool = False
) -> Target:
    """Find the API server: by kubeconfig and flags, or in a Pod by its ServiceAccount.

    Args:
        access: what the command line says.
        environ: for KUBECONFIG, proxies and the Pod.
        verify: whether the server must prove who it is.
        plain: whether a server on this machine may be told a credential over plain HTTP, which kubectl never does.

    Raises:
        AccessError: none can be used.
    """
    known = load(access.kubeconfig, environ)
    try:
        endpoint, user = choose(access, known)
    except NoConfiguration:
        if not pod.inside(environ):
            raise
        endpoint, user = pod.server(environ, access)
    namespace = default_namespace(access, known, environ)
    return _target(endpoint if verify else _unverified(endpoint), user, namespace, access, environ, plain=plain)


def in_pod(environ: Mapping[str, str] = os.environ, *, verify: bool = True) -> Target:
    """Return the API server of the Pod's own cluster. Raises AccessError."""
    endpoint, user = pod.server(environ, Access())
    return _target(endpoint if verify else _unverified(endpoint), user, pod.namespace(environ), Access(), environ)


def _unverified(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, insecure=True, authority=b"", authority_file="")


def _target(
    endpoint: Endpoint, user: User, namespace: str, access: Access, environ: Mapping[str, str], *, plain: bool = False
) -> Target:
    parts = _address(endpoint)
    context = _context(endpoint) if parts.scheme == "https" else None
    # Behind a proxy the name of this machine is another one, and the way there is not within it.
    near = plain and not endpoint.proxy and proxies.is_excepted(parts.hostname or "", 0, "")
    identity = identity_of(user, _told(endpoint, parts), context, trusted=near)
    port = parts.port or PORTS[parts.scheme]
    host = parts.hostname or ""
    if endpoint.proxy:
        proxy: Proxy | None = proxies.chosen(endpoint.proxy, endpoint.at)
    else:
        proxy = proxies.from_environment(parts.scheme, host, port, environ)
    url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return Target(url, context, endpoint.server_name or host, proxy, identity, namespace, access.patience())


def _address(endpoint: Endpoint) -> SplitResult:
    text = endpoint.server if "://" in endpoint.server else f"http://{endpoint.server}"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in PORTS or not parts.hostname or parts.username or not parts.netloc.isprintable():
        raise AccessError(f"{endpoint.at}.server: host must be a URL or a host:port pair, such as https://host:6443")
    return parts


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    authority, at = endpoint.authority, f"{endpoint.at}.certificate-authority"
    if not authority and endpoint.authority_file:
        try:
            authority = Path(endpoint.authority_file).read_bytes()
        except (OSError, ValueError) as error:
            raise AccessError(f"{at}: {endpoint.authority_file}: {file_fault(error)}") from None
    try:
        context = verifying(cadata=authority.decode("ascii", "ignore") or None)
    except (ssl.SSLError, ValueError):
        raise AccessError(f"{at}: holds no certificates in PEM") from None
    if endpoint.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _told(endpoint: Endpoint, parts: SplitResult) -> dict[str, object]:
    """Return the cluster information for an exec plug-in."""
    authority = endpoint.authority
    if endpoint.authority_file:
        try:
            authority = Path(endpoint.authority_file).read_bytes()
        except OSError:
            authority = b""
    told = {
        "server": parts.geturl(),
        "tls-server-name": endpoint.server_name,
        "insecure-skip-tls-verify": endpoint.insecure,
        "certificate-authority-data": base64.b64encode(authority).decode(),
        "proxy-url": endpoint.proxy,
        "config": endpoint.plugin_config,
    }
    return {name: value for name, value in told.items() if value or name == "config"}
