"""The connection to an API server under a store's own identity, and what its answers mean."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from external.providers.protocol import CountCall, Egress, ProviderDenied, ProviderUnavailable, SecretAbsent
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.naming import host_of
from external.providers.support.refusals import reason
from external.providers.support.tls import show
from external.providers.support.tokens import IssuedToken, TokenKeeper, credential
from manager.core.documents import OBJECT
from manager.core.secret_value import SecretValue
from manager.core.tls import verifying

LABEL = "Kubernetes"
ABSENCE = "Secret does not exist"
TOKEN_SECONDS = 3600
"""Life of a ServiceAccount's token."""
USED_LIFE_SHARE = 0.8
"""Share of its life for which a token is used."""


@dataclass(frozen=True)
class Server:
    """The address of an API server and the identity shown to it."""

    url: str
    tls_context: ssl.SSLContext | None
    """Whom to trust; None for the system's authorities."""
    egress: Egress
    token: Callable[[], SecretValue] | SecretValue | None = field(default=None, repr=False)
    """A bearer token, or what asks for a new one that lives for TOKEN_SECONDS."""
    certificate: tuple[SecretValue, SecretValue] | None = field(default=None, repr=False)
    """A client certificate and its key."""


class Forbidden(ProviderDenied):
    """RBAC or admission refuses the request; it may allow another one."""


class Connection:
    """Sends requests to one API server under one identity; used by several threads.

    Args:
        label: the provider's name in the metric of provider calls.
    """

    def __init__(self, server: Server, count: CountCall, timeout: float, label: str = LABEL) -> None:
        tls_context = server.tls_context
        if server.certificate is not None:
            tls_context = tls_context or verifying()
            show(tls_context, *server.certificate)
        token = server.token
        self._url = server.url.rstrip("/")
        options = HttpOptions(
            label, server.egress, count, timeout, tls_context, server=f"server.url, host {host_of(server.url)}"
        )
        self._http = HttpClient(options, TokenKeeper(_issuing(token)) if callable(token) else token)

    def request(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        """Send a request and return the parsed answer.

        Raises:
            SecretAbsent: the API server says that there is no such object.
            ProviderDenied: the identity is not accepted, or may not.
            ProviderUnavailable: there is no answer, one that is the server's fault, or the object has changed.

        """
        headers = {"Accept": "application/json"}
        answer = self._http.send(HttpRequest(call, method, self._url + path, headers, params, json))
        return _parsed(answer)

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._http.close()


def _issuing(ask: Callable[[], SecretValue]) -> Callable[[IssuedToken | None], IssuedToken]:
    def issue(before: IssuedToken | None) -> IssuedToken:
        del before  # a ServiceAccount's token cannot be renewed
        return IssuedToken(credential("token", ask), time.monotonic() + TOKEN_SECONDS * USED_LIFE_SHARE)

    return issue


def _parsed(answer: HttpAnswer) -> Mapping[str, Any]:
    """Return the body of a successful answer. Raises ProviderError."""
    call, status = answer.call, answer.status
    if answer.temporary:
        raise ProviderUnavailable(f"{call}: {status}")
    parsed = answer.json_object(OBJECT)
    if status == 404 and parsed.get("kind") == "Status" and parsed.get("reason") == "NotFound":
        raise SecretAbsent(ABSENCE)
    words = reason(parsed.get("message"), [answer.token])
    if status == 401:
        raise ProviderDenied(f"{call}: {status}: the identity is not accepted{words}")
    if status == 403:
        raise Forbidden(f"{call}: {status}: the identity may not{words}")
    if status == 409:
        raise ProviderUnavailable(f"{call}: {status}: the object was changed or created meanwhile{words}")
    if status >= 300:
        raise ProviderDenied(f"{call}: {status}{words}")
    return parsed
