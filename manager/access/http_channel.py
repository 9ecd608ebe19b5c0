"""Send HTTP requests one after the other, through the kinds of proxies that Go's programs support."""

import base64
import http.client
import os
import select
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from manager.access.explanations import explained
from manager.access.proxies import Proxy, from_environment
from manager.core.errors import AccessError

SOCKS_PROBLEMS = ("", "failed", "does not permit it", "finds no network", "finds no host", "was refused", "timed out")
MAX_REDIRECTS = 10
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Answer:
    """The answer of a server."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Route:
    """How to reach one server."""

    host: str
    port: int
    context: ssl.SSLContext | None
    server_name: str
    proxy: Proxy | None
    patience: float


class Channel:
    """A connection to one server, kept open between requests."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._open: http.client.HTTPConnection | None = None

    def request(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes | None = None) -> Answer:
        """Send one request and read its answer. Raises AccessError, without a library's text."""
        try:
            return self._request(method, path, headers, body)
        except AccessError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise AccessError(explained(error, self._route.server_name)) from None

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _request(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        if self._open is None or self._open.sock is None or _ended(self._open.sock):
            self.close()
            self._open = _connected(self._route)
        route = self._route
        plain_proxy = route.proxy if route.context is None and route.proxy else None
        if plain_proxy and not plain_proxy.scheme.startswith("socks"):
            path = f"http://{_authority(route)}{path}"
            headers = [*headers, *_proxy_authorization(plain_proxy)]
        self._open.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        self._open.putheader("Host", _authority(route))
        for name, value in headers:
            self._open.putheader(name, value.encode())
        if body is not None:
            self._open.putheader("Content-Length", str(len(body)))
        self._open.endheaders(body)
        answer = self._open.getresponse()
        content = answer.read()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)


def fetch(url: str, patience: float, largest: int) -> Answer:
    """Read a page, after redirections. Raises AccessError."""
    for _ in range(MAX_REDIRECTS):
        try:
            parts = urlsplit(url)
            port = parts.port or PORTS.get(parts.scheme, 0)
        except ValueError:
            raise AccessError("not a usable URL") from None
        if parts.scheme not in PORTS:
            raise AccessError(f'unsupported protocol scheme "{parts.scheme}"')
        if not parts.hostname:
            raise AccessError("no Host in request URL")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not path.isprintable() or " " in path or not path.isascii():
            raise AccessError("not a usable URL: write other characters as %XX")
        context = None
        if parts.scheme == "https":
            from manager.core.tls import verifying

            context = verifying()
        proxy = from_environment(parts.scheme, parts.hostname, port, os.environ)
        channel = Channel(Route(parts.hostname, port, context, parts.hostname, proxy, patience))
        headers = [("User-Agent", "kubeseal"), ("Connection", "close")]
        if parts.username:
            headers += _proxy_authorization(Proxy("", "", 0, parts.username, parts.password or ""), "Authorization")
        try:
            answer = channel.request("GET", path, headers)
        finally:
            channel.close()
        if answer.status not in (301, 302, 303, 307, 308) or "location" not in answer.headers:
            return Answer(answer.status, answer.headers, answer.body[:largest])
        url = urljoin(url, answer.headers["location"])
    raise AccessError(f"stopped after {MAX_REDIRECTS} redirects")


def _authority(route: Route) -> str:
    host = f"[{route.host}]" if ":" in route.host else route.host
    return host if route.port == PORTS["https" if route.context else "http"] else f"{host}:{route.port}"


def _ended(connected: socket.socket) -> bool:
    """Return True if the server has closed an idle connection."""
    readable, _, _ = select.select([connected], [], [], 0)
    return bool(readable)


def _connected(route: Route) -> http.client.HTTPConnection:
    proxy = route.proxy
    if proxy is None:
        raw = socket.create_connection((route.host, route.port), route.patience)
    else:
        raw = _to_proxy(proxy, route.patience)
        if proxy.scheme.startswith("socks"):
            _socks(raw, proxy, route)
        elif route.context is not None:
            _tunnel(raw, proxy, route)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if route.context is not None:
        if isinstance(raw, ssl.SSLSocket):
            raise AccessError(f"proxy {proxy.url if proxy else ''}: TLS within TLS; give its address with http://")
        raw = route.context.wrap_socket(raw, server_hostname=route.server_name)
    connection = http.client.HTTPConnection(route.host, route.port)
    connection.sock = raw
    return connection


def through_socks(proxy: Proxy, host: str, port: int, patience: float) -> socket.socket:
    """Return a connection to a server by way of a SOCKS5 proxy. Raises AccessError."""
    raw = _to_proxy(proxy, patience)
    try:
        _socks(raw, proxy, Route(host, port, None, host, proxy, patience))
    except OSError as error:
        raw.close()
        raise AccessError(f"proxy {proxy.url}: {explained(error, host)}") from None
    except AccessError:
        raw.close()
        raise
    return raw


def _to_proxy(proxy: Proxy, patience: float) -> socket.socket:
    try:
        raw = socket.create_connection((proxy.host, proxy.port), patience)
        if proxy.scheme == "https":
            from manager.core.tls import verifying

            return verifying().wrap_socket(raw, server_hostname=proxy.host)
    except OSError as error:
        raise AccessError(f"proxy {proxy.url}: {explained(error, proxy.host)}") from None
    return raw


def _tunnel(raw: socket.socket, proxy: Proxy, route: Route) -> None:
    host = f"[{route.host}]" if ":" in route.host else route.host
    lines = [f"CONNECT {host}:{route.port} HTTP/1.1", f"Host: {host}:{route.port}"]
    lines += [f"{name}: {value}" for name, value in _proxy_authorization(proxy)]
    raw.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < 1 << 16:
        head += _exactly(raw, 1, proxy)  # byte by byte: the bytes after the answer belong to TLS
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        code = status[0].decode("ascii", "replace") if status and status[0].isdigit() else "no HTTP"
        raise AccessError(f"proxy {proxy.url}: answered {code} to CONNECT")


def _socks(raw: socket.socket, proxy: Proxy, route: Route) -> None:
    """Ask a SOCKS5 proxy for the server by its name (RFC 1928, 1929)."""
    known = bool(proxy.username)
    raw.sendall(b"\x05\x02\x00\x02" if known else b"\x05\x01\x00")
    version, method = _exactly(raw, 2, proxy)
    if version != 5 or method not in ((0, 2) if known else (0,)):
        raise AccessError(f"proxy {proxy.url}: speaks no SOCKS5, or wants a user name and password in its URL")
    if method:
        user, password = proxy.username.encode()[:255], proxy.password.encode()[:255]
        raw.sendall(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
        if _exactly(raw, 2, proxy)[1]:
            raise AccessError(f"proxy {proxy.url}: refuses the user name and password of its URL")
    raw.sendall(b"\x05\x01\x00" + _socks_address(route.host) + route.port.to_bytes(2, "big"))
    _, failed, _, kind = _exactly(raw, 4, proxy)
    if failed:
        problem = SOCKS_PROBLEMS[failed] if failed < len(SOCKS_PROBLEMS) else "failed"
        raise AccessError(f"proxy {proxy.url}: the connection to {route.host} {problem}")
    length = {1: 4, 4: 16}.get(kind) or _exactly(raw, 1, proxy)[0]
    _exactly(raw, length + 2, proxy)


def _socks_address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("idna")
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


def _exactly(raw: socket.socket, count: int, proxy: Proxy) -> bytes:
    found = b""
    while len(found) < count:
        more = raw.recv(count - len(found))
        if not more:
            raise AccessError(f"proxy {proxy.url}: ended the connection")
        found += more
    return found


def _proxy_authorization(proxy: Proxy, header: str = "Proxy-Authorization") -> list[tuple[str, str]]:
    if not proxy.username:
        return []
    pair = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
    return [(header, f"Basic {pair}")]
