"""The controller reaches an API server through a SOCKS5 proxy, which alone knows the server's name."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from manager.access.identity import Identity
from manager.access.proxies import chosen
from manager.core.tls import verifying
from manager.kube.connection import Connection
from tests.cluster.certificates import Authority
from tests.cluster.serving import Served

HOST = "cluster.example"  # nobody but the proxy could find it
USER = b"me"


class Handler(BaseRequestHandler):
    """Leads every name to one port, and says no to a user whose password is `wrong`."""

    port = 0
    asked: list[tuple[str, str]]

    def handle(self) -> None:
        _, methods = self.request.recv(2)
        offered, who = self.request.recv(methods), b""
        self.request.sendall(b"\x05\x02" if 2 in offered else b"\x05\x00")
        if 2 in offered:
            who = self.request.recv(self.request.recv(2)[1])
            password = self.request.recv(self.request.recv(1)[0])
            self.request.sendall(b"\x01" + bytes([password == b"wrong"]))
        if not (head := self.request.recv(4)):
            return
        assert head[3] == 3, "the name goes to the proxy"
        name = self.request.recv(self.request.recv(1)[0]).decode()
        self.request.recv(2)
        self.asked.append((name, who.decode()))
        refused = name == "refused.example"
        self.request.sendall(bytes([5, 5 if refused else 0, 0, 1]) + bytes(6))
        if not refused:
            with socket.create_connection(("127.0.0.1", self.port)) as far:
                threading.Thread(target=carry, args=(far, self.request), daemon=True).start()
                carry(self.request, far)


def carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while found := source.recv(1 << 16):
            target.sendall(found)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has ended


class Scene:
    """A server behind a proxy."""

    def __init__(self, folder: Path) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.json_response({"path": request.path, "authorization": request.headers.get("Authorization")})

        self.authority = Authority.create(folder)
        self._served = Served(answer, tls=self.authority.server("api", (HOST,)))
        handler: Any = type("Here", (Handler,), {"port": urlsplit(self._served.start()).port, "asked": []})
        self.asked: list[tuple[str, str]] = handler.asked
        self._proxy = ThreadingTCPServer(("127.0.0.1", 0), handler)
        self._proxy.daemon_threads = True
        self.port: int = self._proxy.server_address[1]
        threading.Thread(target=self._proxy.serve_forever, daemon=True).start()

    def connection(self, user: str = "", *, host: str = HOST, trusting: bool = True, port: int = 0) -> Connection:
        context = verifying(cafile=str(self.authority.file) if trusting else None)
        proxy = chosen(f"socks5://{user}127.0.0.1:{port or self.port}", "here")
        return Connection(f"https://{host}", context, Identity(), "default", "", proxy)

    def stop(self) -> None:
        self._proxy.shutdown()
        self._proxy.server_close()
        self._served.stop()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("socks"))
    yield made
    made.stop()


async def asked(connection: Connection, *paths: str) -> list[str]:
    async with connection.session("test") as session:
        found = []
        for path in paths:
            async with session.get(f"{connection.server}{path}", timeout=aiohttp.ClientTimeout(20)) as answer:
                found.append((await answer.json())["path"])
        return found


@pytest.mark.parametrize(("user", "who"), [("", ""), ("me:it@", "me")])
async def test_the_proxy_is_asked_once_for_the_servers_name(scene: Scene, user: str, who: str) -> None:
    scene.asked.clear()

    assert await asked(scene.connection(user), "/version", "/api") == ["/version", "/api"]
    assert scene.asked == [(HOST, who)], "the connection is used again"


async def test_the_server_proves_its_name_to_us_and_not_to_the_proxy(scene: Scene) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await asked(scene.connection(trusting=False), "/version")
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await asked(scene.connection(host="other.example"), "/version")


async def test_what_the_proxy_refuses_is_told_without_the_password(scene: Scene) -> None:
    with pytest.raises(aiohttp.ClientConnectionError, match=r"the connection to refused.example was refused"):
        await asked(scene.connection(host="refused.example"), "/version")
    with pytest.raises(aiohttp.ClientConnectionError, match="refuses the user name and password") as caught:
        await asked(scene.connection("me:wrong@"), "/version")
    assert "wrong" not in str(caught.value)


async def test_a_proxy_that_is_away_is_an_error_to_be_tried_again(scene: Scene) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(aiohttp.ClientConnectionError, match=r"proxy socks5://127\.0\.0\.1"):
            await asked(scene.connection(port=unused.getsockname()[1]), "/version")
