"""The HTTP session beneath `external.providers.support.http`: egress policy, deadline and size of every request.

It imports requests and urllib3, so it is imported with the first client only.
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
from external.providers.support.deadlines import watch_reused, watched_socket, within
from manager.core.tls import as_go_verifies

CHUNK_BYTES = 64 << 10


class GuardedAdapter(HTTPAdapter):
    """Sends requests through connections that ask the egress policy where they may lead.

    Args:
        context: TLS settings; None for the system's.
    """

    def __init__(self, egress: Egress, tls_context: Any = None) -> None:
        self._egress = egress
        self._context = tls_context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make every pool open guarded connections."""
        super().init_poolmanager(
            *args, **options, ssl_context=self._context or as_go_verifies(create_urllib3_context())
        )
        self.poolmanager.pool_classes_by_scheme = _pools(self._egress)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Trust the authorities of the context, where one is given, and no others."""
        if self._context is None:
            super().cert_verify(conn, url, verify, cert)


def _pools(egress: Egress) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return watched_socket(super()._new_conn())

        def request(self, *args: Any, **options: Any) -> None:
            watch_reused(self)
            super().request(*args, **options)

        def connect(self) -> None:
            name, self.host = self.host, egress.resolve(self.host, self.port)
            try:
                super().connect()
            finally:
                self.host = name

    class Secured(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return watched_socket(super()._new_conn())

        def request(self, *args: Any, **options: Any) -> None:
            watch_reused(self)
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


class GuardedSession(requests.Session):
    """An HTTP session without the environment's proxies, whose answers are read whole, in time, up to a size.

    Args:
        timeout_seconds: until an answer must have arrived whole, connection and headers included.
        max_bytes: of an answer's body.
    """

    def __init__(self, egress: Egress, tls_context: Any, timeout_seconds: float, max_bytes: int) -> None:
        super().__init__()
        self.trust_env = False
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        for scheme in ("http://", "https://"):
            self.mount(scheme, GuardedAdapter(egress, tls_context))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request and read its answer.

        Raises:
            ProviderDenied: the answer is too large, or the address is not permitted.
            ProviderUnavailable: the answer is not whole in time.

        """
        with within(self._timeout_seconds) as call:
            try:
                answer = self._read_whole(super().send(request, **options | {"stream": True}))
            except ProviderError:
                raise
            except Exception:
                if not call.over:
                    raise
            if not call.over:  # a body without a length ends with its connection, and the deadline ends that too
                return answer
        raise ProviderUnavailable(f"there was no whole answer within {self._timeout_seconds:g} s")

    def _read_whole(self, answer: requests.Response) -> requests.Response:
        parts, size = [], 0
        for part in answer.raw.stream(CHUNK_BYTES, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > self._max_bytes:
                answer.close()
                raise ProviderDenied(f"the answer is larger than {self._max_bytes} bytes")
        answer.raw = io.BytesIO(b"".join(parts))
        return answer
