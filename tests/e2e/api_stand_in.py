"""Stand-ins for an API server and for proxies, for tests of the route that a client takes.

The server records the path, user and certificate of every request; both proxies forward every request to it.
"""

import json
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

from tests.cluster.certificates import Authority

HOSTS = ("127.0.0.1", "localhost", "::1", "cluster.example", "other.example", "10.9.8.7")
SERVICES = "/api/v1/namespaces/kube-system/services/"
TOLD = ("authorization", "impersonate-user", "impersonate-uid", "impersonate-group")
Seen = frozenset[tuple[str, ...]]


@dataclass
class Surroundings:
    """The addresses of all servers, and the requests so far."""

    folder: Path
    certificate: bytes
    port: int = 0
    plain_port: int = 0
    foreign_port: int = 0
    """A server with an unknown CA."""
    http_proxy: int = 0
    socks_proxy: int = 0
    seen: set[tuple[str, ...]] = field(default_factory=set)

    def take(self) -> Seen:
        """Return the requests since the last call."""
        found, self.seen = frozenset(self.seen), set()
        return found


class _Server(BaseHTTPRequestHandler):
    around: Surroundings
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        prefix, _, rest = self.path.partition(SERVICES)
        peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        name = dict(each[0] for each in peer.get("subject", ())).get("commonName", "") if peer else ""
        told = [f"{each}={self.headers.get_all(each)}" for each in TOLD if each in self.headers]
        told += sorted(
            f"{each.lower()}={self.headers[each]}" for each in self.headers if "Impersonate-Extra" in each.title()
        )
        self.around.seen.add(("asked", prefix, name, *told))
        if "401" in prefix:
            self._answer(401, json.dumps({"kind": "Status", "message": "Unauthorized"}).encode())
        elif "/proxy/" in rest:
            self._answer(200, self.around.certificate)
        else:
            self._answer(
                200, json.dumps({"kind": "Service", "apiVersion": "v1", "spec": {"ports": [{"name": "http"}]}}).encode()
            )

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body[:1] == b"{" else "application/x-pem-file")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do not log: keep the test's output clean."""


class _HttpProxy(BaseRequestHandler):
    around: Surroundings

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.request.recv(1)
        lines = head.decode().split("\r\n")
        who = [each for each in lines if each.lower().startswith("proxy-authorization")]
        self.around.seen.add(("http proxy", lines[0].split()[1], *who))
        if not lines[0].startswith("CONNECT"):
            _pass(self.request, self.around.plain_port, head)
            return
        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        _pass(self.request, self.around.port)


class _SocksProxy(BaseRequestHandler):
    around: Surroundings

    def handle(self) -> None:
        methods = self.request.recv(2)[1]
        offered = self.request.recv(methods)
        who = ""
        if 2 in offered:
            self.request.sendall(b"\x05\x02")
            _, length = self.request.recv(2)
            who = self.request.recv(length).decode()
            self.request.recv(self.request.recv(1)[0])
            self.request.sendall(b"\x01\x00")
        else:
            self.request.sendall(b"\x05\x00")
        *_, kind = self.request.recv(4)
        length = {1: 4, 4: 16}.get(kind) or self.request.recv(1)[0]
        host = self.request.recv(length)
        self.request.recv(2)
        self.around.seen.add(("socks proxy", str(kind), host.decode("latin-1"), who))
        self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
        _pass(self.request, self.around.port)


def _pass(near: socket.socket, port: int, first: bytes = b"") -> None:
    """Copy bytes both ways until one side closes."""
    with socket.create_connection(("127.0.0.1", port)) as far:
        far.sendall(first)
        while True:
            ready, _, _ = select.select([near, far], [], [], 20)
            for each in ready:
                try:
                    found = each.recv(1 << 16)
                    (far if each is near else near).sendall(found)
                except OSError:
                    return
                if not found:
                    return
            if not ready:
                return


@contextmanager
def surroundings(folder: Path, certificate: bytes) -> Iterator[Surroundings]:
    """Start all servers; the folder contains the CA certificate as `ca.crt` and a client's as `client.crt`."""
    around = Surroundings(folder, certificate)
    authority, foreign = Authority.create(folder), folder / "foreign"
    foreign.mkdir()
    authority.client("client", "from-the-certificate")
    servers: list[Any] = []
    for signer, wanted in ((authority, True), (Authority.create(foreign), True), (None, False)):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Server", (_Server,), {"around": around}))
        if signer and wanted:
            server.socket = _tls(signer, authority).wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        servers.append(server)
    servers += [
        ThreadingTCPServer(("127.0.0.1", 0), type("Proxy", (handler,), {"around": around}))
        for handler in (_HttpProxy, _SocksProxy)
    ]
    ports = [each.server_address[1] for each in servers]
    around.port, around.foreign_port, around.plain_port, around.http_proxy, around.socks_proxy = ports
    threads = []
    for each in servers:
        each.daemon_threads = True
        each.handle_error = lambda *_: None
        threads.append(threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True))
        threads[-1].start()
    try:
        yield around
    finally:
        for each in servers:
            each.shutdown()
            each.server_close()


def _tls(signer: Authority, clients: Authority) -> ssl.SSLContext:
    pair = signer.server("server", HOSTS)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(clients.file))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(pair.certificate, pair.key)
    return context
