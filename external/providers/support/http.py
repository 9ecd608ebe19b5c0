"""HTTP to servers that tenants name: connections ask where they may go, answers have an end.

Imported where the first such client is made: without one the libraries beneath it are 6 MB that nobody needs.
"""

import io
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from external.providers.protocol import Egress, ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.deadlines import watch, within
from manager.core.tls import as_go_verifies

PART = 64 << 10  # bytes


class GuardedAdapter(HTTPAdapter):
    """Sends requests through connections that ask where they may go.

    Args:
        context: TLS settings; None for the system's.
    """

    def __init__(self, egress: Egress, context: Any = None) -> None:
        self._egress = egress
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Let every pool make guarded connections."""
        super().init_poolmanager(
            *args, **options, ssl_context=self._context or as_go_verifies(create_urllib3_context())
        )
        self.poolmanager.pool_classes_by_scheme = _pools(self._egress)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Keep to the authorities of the context, where one is given."""
        if self._context is None:
            super().cert_verify(conn, url, verify, cert)


def _pools(egress: Egress) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _watched(super()._new_conn())

        def request(self, *args: Any, **options: Any) -> None:
            _watch_kept(self)
            super().request(*args, **options)

        def connect(self) -> None:
            name, self.host = self.host, egress.resolve(self.host, self.port)
            try:
                super().connect()
            finally:
                self.host = name

    class Secured(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _watched(super()._new_conn())

        def request(self, *args: Any, **options: Any) -> None:
            _watch_kept(self)
            super().request(*args, **options)

        def connect(self) -> None:
            self.server_hostname = self.server_hostname or self.host
            name, self.host = self.host, egress.resolve(self.host, self.port)
            try:
                super().connect()
            finally:
                self.host = name

    plain = type("GuardedPool", (HTTPConnectionPool,), {"ConnectionCls": Plain})
    secured = type("GuardedSecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secured})
    return {"http": plain, "https": secured}


def _watched(connection: socket.socket) -> socket.socket:
    watch(connection)
    return connection


def _watch_kept(connection: Any) -> None:
    """Watch a connection that an earlier request has left open."""
    if connection.sock is not None:
        watch(connection.sock)


class GuardedSession(requests.Session):
    """An HTTP session that knows no proxies of the environment, few redirects, and no endless answers.

    Args:
        seconds: until an answer must have arrived whole, connection and headers included.
        largest: bytes of an answer.
    """

    def __init__(self, egress: Egress, context: Any, seconds: float, largest: int = 8 << 20) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 2
        self._seconds = seconds
        self._largest = largest
        for scheme in ("http://", "https://"):
            self.mount(scheme, GuardedAdapter(egress, context))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request and read its answer as far as it may go. Raises ProviderDenied for more."""
        with within(self._seconds) as call:
            try:
                answer = self._whole(super().send(request, **options | {"stream": True}))
            except ProviderError:
                raise
            except Exception:
                if not call.over:
                    raise
            if not call.over:  # a body without a length ends with its connection, whoever shut that
                return answer
        raise ProviderUnavailable(f"there was no whole answer within {self._seconds:g} s")

    def _whole(self, answer: requests.Response) -> requests.Response:
        parts, size = [], 0
        for part in answer.raw.stream(PART, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > self._largest:
                answer.close()
                raise ProviderDenied(f"the answer is larger than {self._largest} bytes")
        answer.raw = io.BytesIO(b"".join(parts))
        return answer
