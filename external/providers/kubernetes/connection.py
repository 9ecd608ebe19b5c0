"""The way to an API server under a store's own identity, and what its answers mean."""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from external.providers.protocol import (
    CountCall,
    Egress,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SecretAbsent,
)
from external.providers.support.refusals import reason
from external.providers.support.tls import show
from manager.core.documents import OBJECT, Unreadable, read_json
from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue
from manager.core.tls import verifying

LABEL = "Kubernetes"
ABSENCE = "Secret does not exist"
TOKEN_SECONDS = 3600  # life of a ServiceAccount's token
KEPT = 0.8  # of its life a token is used


@dataclass(frozen=True)
class Server:
    """Where an API server is and who speaks to it."""

    url: str
    context: ssl.SSLContext | None
    """Whom to believe; None for the system's authorities."""
    egress: Egress
    token: Callable[[], SecretValue] | SecretValue | None = field(default=None, repr=False)
    """A bearer token, or what asks for a new one that lives for TOKEN_SECONDS."""
    certificate: tuple[SecretValue, SecretValue] | None = field(default=None, repr=False)
    """A client certificate and its key."""


class Connection:
    """Asks one API server under one identity; used by several threads."""

    def __init__(self, server: Server, count: CountCall, timeout: float) -> None:
        from external.providers.support.http import (
            GuardedSession,  # here: 6 MB that clusters without such stores do not need
        )

        context = server.context
        if server.certificate is not None:
            context = context or verifying()
            show(context, *server.certificate)
        self._server = server
        self._session = GuardedSession(server.egress, context, timeout)
        self._count = count
        self._timeout = (min(3.0, timeout / 2), timeout / 2)
        self._lock = threading.Lock()
        self._token: SecretValue | None = None
        self._until = 0.0  # monotonic second from which on another token is asked for

    def ask(self, name: str, method: str, path: str, **options: Any) -> Any:
        """Return the parsed answer.

        Raises:
            SecretAbsent: the API server says that there is no such object.
            ProviderDenied: the identity may not, or is not accepted.
            ProviderUnavailable: no answer, or one that is the server's fault.

        """
        token = self._current()
        answer = self._send(name, method, path, token, **options)
        if answer.status_code == 401 and callable(self._server.token):
            # The token may have been revoked with the ServiceAccount's being made anew; one more is worth asking for.
            self._drop(token)
            answer = self._send(name, method, path, self._current(), **options)
        return _understood(answer, name, token)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _current(self) -> SecretValue | None:
        given = self._server.token
        if not callable(given):
            return given
        with self._lock:  # one request for all threads
            if self._token is None or time.monotonic() >= self._until:
                try:
                    self._token = given()
                except (CofferError, OSError, TimeoutError) as error:
                    text = str(error) if isinstance(error, CofferError) else type(error).__name__
                    raise ProviderUnavailable(f"token: {text}") from None
                self._until = time.monotonic() + TOKEN_SECONDS * KEPT
            return self._token

    def _drop(self, token: SecretValue | None) -> None:
        with self._lock:
            if self._token == token:
                self._token = None

    def _send(self, name: str, method: str, path: str, token: SecretValue | None, **options: Any) -> Any:
        import requests
        import urllib3

        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal().decode(errors='replace').strip()}"
        status, url = "error", self._server.url.rstrip("/") + path
        try:
            answer = self._session.request(
                method, url, headers=headers, timeout=self._timeout, allow_redirects=False, **options
            )
            status = "success" if answer.status_code < 400 else "error"
        except ProviderError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ProviderUnavailable(f"{name}: {type(error).__name__}") from None
        finally:
            self._count(LABEL, name, status)
        return answer


def _understood(answer: Any, name: str, token: SecretValue | None) -> Any:
    status = answer.status_code
    if status == 429 or status >= 500:
        raise ProviderUnavailable(f"{name}: {status}")
    try:
        parsed = read_json(answer.content, OBJECT)
    except Unreadable:
        raise ProviderUnavailable(f"{name}: {status}: the answer is no JSON") from None
    if not isinstance(parsed, dict):
        raise ProviderUnavailable(f"{name}: {status}: the answer is no object")
    if status == 404 and parsed.get("kind") == "Status" and parsed.get("reason") == "NotFound":
        raise SecretAbsent(ABSENCE)
    words = reason(parsed.get("message"), [token.reveal().decode(errors="replace").strip()] if token else ())
    if status in (401, 403):
        text = f"{name}: {status}: the identity {'is not accepted' if status == 401 else 'may not'}"
        raise ProviderDenied(text + words)
    if status >= 300:
        raise ProviderDenied(f"{name}: {status}{words}")
    return parsed
