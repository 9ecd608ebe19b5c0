"""The connection to a Vault or OpenBao server: login, renewal of the token, and what its answers mean."""

import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from external.providers.protocol import (
    CountCall,
    Egress,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SecretAbsent,
)
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, Redirects, TokenHeader
from external.providers.support.naming import host_of
from external.providers.support.refusals import reason
from external.providers.support.tls import show, trusting
from external.providers.support.tokens import IssuedToken, TokenKeeper, credential, life_of
from external.providers.vault.login import Login
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.secret_value import SecretValue
from manager.core.tls import verifying

SPARE_SECONDS = 60.0
"""A token is replaced this long before its end, so that no request carries one that has ended on the way."""
ENDLESS_TOKEN_SECONDS = 86_400.0
"""After this time a token without an end (a root token) is asked for again."""
MAX_ANSWER_BYTES = 1 << 20
"""What a Secret holds, and what Vault's own storage holds in one entry."""
TOKEN_HEADER = TokenHeader("X-Vault-Token", "", 403)
ABSENCE = "Secret does not exist"
READ_FAILED = "cannot read secret data from Vault: "
READ_CALLS = frozenset({"ReadSecretData", "ListSecrets"})
LOGIN_REFUSED = frozenset({400, 401, 403, 404})
OTHER_VERSION = "check-and-set parameter did not match"
PRECONDITION_FAILED = 412  # a standby server that has not yet the state which the request needs


@dataclass(frozen=True)
class Server:
    """The address of a server and how to talk to it."""

    url: str
    namespace: str
    login_namespace: str
    headers: Mapping[str, str]
    authorities: bytes | None
    """PEM; None for the system's."""
    certificate: tuple[SecretValue, SecretValue] | None = field(repr=False)
    """A client certificate and its key."""
    label: str
    """Its name in the metric of provider calls."""


class Forbidden(ProviderDenied):
    """The token's policies refuse the request; they may allow another one."""


class Changed(ProviderUnavailable):
    """The secret is not the version any more that was read."""


class Connection:
    """Sends requests to one server under one identity; used by several threads."""

    def __init__(self, server: Server, login: Login | None, egress: Egress, count: CountCall, timeout: float) -> None:
        if urlsplit(server.url).scheme not in ("http", "https"):
            raise ProviderDenied("server is no http or https URL")
        self._server = server
        self._login = login
        self._keeper = TokenKeeper(self._issue) if login is not None and login.path else None
        options = HttpOptions(
            label=server.label,
            egress=egress,
            count=count,
            timeout_seconds=timeout,
            tls_context=_context(server),
            max_answer_bytes=MAX_ANSWER_BYTES,
            redirects=Redirects.ANY_HOST,
            headers=server.headers,
            token_header=TOKEN_HEADER,
            server=f"server {host_of(server.url)}",
        )
        self._http = HttpClient(options, self._keeper or (login.token if login is not None else None))
        self.location = f"{server.label.rpartition('/')[2]} {host_of(server.url)}"
        """Server and namespace, for condition texts."""
        if server.namespace:
            self.location += f", namespace {server.namespace}"

    def get(self, call: str, path: str, *, method: str = "get", params: Any = None, json: Any = None) -> Any:
        """Send a request and return the parsed answer.

        Raises:
            SecretAbsent: the engine says that there is no such secret.
            ProviderDenied: the identity may not read it, or the request makes no sense.
            ProviderUnavailable: there is no answer, or one that is the server's fault.

        """
        answer = self._http.send(self._request(call, path, method=method, params=params, json=json))
        return _parsed(answer, [answer.token])

    def exchange(self, call: str, path: str, *, method: str = "get", body: bytes | None = None) -> HttpAnswer:
        """Send a request and return the answer, whose status is 404 if there is no such secret.

        Raises:
            Forbidden: the token's policies refuse it.
            Changed: the secret has another version than `body` says.
            ProviderError: as `get`.

        """
        request = replace(self._request(call, path, method=method), body=body)
        answer = self._http.send(request)
        with suppress(SecretAbsent):
            _parsed(answer, [answer.token])
        return answer

    def validate(self) -> None:
        """Check that the server accepts the identity. Raises ProviderError."""
        if self._login is not None:
            self.get("LookupSelf", "auth/token/lookup-self")

    def token_seconds(self) -> float | None:
        """Return how long the token of a login lasts, None if this connection did not log in."""
        return self._keeper.seconds_left() if self._keeper is not None else None

    def token(self) -> SecretValue | None:
        """Return the token of a login, None if this connection did not log in. Raises ProviderError."""
        return self._keeper.current() if self._keeper is not None else None

    def prolong(self, token: SecretValue) -> float | None:
        """Renew the token of a login; return how long it lasts, None if it has been replaced. Raises ProviderError."""
        return self._keeper.prolong(token, self._renewed) if self._keeper is not None else None

    def leave(self) -> None:
        """Close the connections; the token lives on, as Vault revokes with it what it was given. Never raises."""
        self._http.close()

    def close(self) -> None:
        """Revoke a token that this connection was issued, and close the connections. Never raises."""
        token = self._keeper.take() if self._keeper is not None else None
        try:
            if token is not None:
                self._http.send_as(token, self._request("RevokeSelf", "auth/token/revoke-self", method="post"))
        except ProviderError:
            pass  # the token ends by itself
        finally:
            self._http.close()

    def _issue(self, before: IssuedToken | None) -> IssuedToken:
        return self._renewed(before) or self._logged_in()

    def _renewed(self, before: IssuedToken | None) -> IssuedToken | None:
        if before is None or not before.renewable:
            return None
        answer = self._http.send_as(before.value, self._request("RenewSelf", "auth/token/renew-self", method="post"))
        if answer.status != 200:
            return None
        issued = _issued_token(_parsed(answer, [answer.token]))
        # A token close to its maximum life is renewed for less and less time: then a new login is due.
        return replace(issued, value=before.value) if issued.refresh_at > before.refresh_at else None

    def _logged_in(self) -> IssuedToken:
        login = self._login or Login()
        body = credential("Login", login.body)
        answer = self._http.send_as(None, self._request("Login", f"auth/{login.path}", method="post", json=body))
        sent = [str(each) for each in body.values()]
        if answer.status in LOGIN_REFUSED:
            text = f"Login: {answer.status}: the identity is not accepted"
            raise ProviderDenied(text + reason(_errors(answer), sent))
        return _issued_token(_parsed(answer, sent))

    def _request(self, call: str, path: str, *, method: str, params: Any = None, json: Any = None) -> HttpRequest:
        namespace = self._server.login_namespace if call == "Login" else self._server.namespace
        headers = {"X-Vault-Request": "true"} | ({"X-Vault-Namespace": namespace} if namespace else {})
        return HttpRequest(call, method, _url(self._server.url, path), headers=headers, params=params, json=json)


def _url(server: str, path: str) -> str:
    """Return the URL of an API path. Raises ProviderDenied for a path that leads out of its engine."""
    if any(step in (".", "..") for step in path.split("/")):
        raise ProviderDenied("the key has a step . or .., which leads out of its engine")
    quoted = quote(path, safe="/")
    while "//" in quoted:  # Vault's command line reads two slashes as one, and keys are written for it
        quoted = quoted.replace("//", "/")
    return f"{server.strip('/')}/v1/{quoted.strip('/')}"


def _issued_token(answer: Mapping[str, Any]) -> IssuedToken:
    auth = answer.get("auth") or {}
    token = auth.get("client_token")
    if not isinstance(token, str) or not token:
        raise ProviderUnavailable("Login: the answer holds no token")
    seconds = life_of(auth.get("lease_duration")) or 0.0
    lasting = max(seconds - SPARE_SECONDS, seconds / 2) if seconds else ENDLESS_TOKEN_SECONDS
    return IssuedToken(SecretValue(token.encode()), time.monotonic() + lasting, bool(auth.get("renewable")))


def _errors(answer: HttpAnswer) -> str:
    """Return Vault's own description of an error; empty where it gives none."""
    try:
        parsed = read_json(answer.content, ANSWER)
    except Unreadable:
        return ""
    found = parsed.get("errors") if isinstance(parsed, dict) else None
    return "; ".join(each for each in found if isinstance(each, str)) if isinstance(found, list) else ""


def _parsed(answer: HttpAnswer, sent: Sequence[str]) -> dict[str, Any]:
    """Return the body of a successful answer. Raises ProviderError, whose text repeats nothing of what was sent."""
    call, status = answer.call, answer.status
    failed = READ_FAILED if call in READ_CALLS else ""
    words = reason(_errors(answer), sent) if status >= 400 else ""
    if answer.temporary or status == PRECONDITION_FAILED:
        raise ProviderUnavailable(f"{failed}{call}: {status}{words}")
    parsed = answer.json_object(ANSWER) if answer.content else {}
    if status == 404 and parsed.get("errors"):
        raise ProviderDenied(f"{failed}{call}: 404: there is no engine at this path{words}")
    if status == 404:
        raise SecretAbsent(ABSENCE)
    if status == 403:
        raise Forbidden(f"{failed}{call}: {status}{words}")
    if status == 400 and OTHER_VERSION in words:
        raise Changed(f"{call}: the secret was changed meanwhile")
    if status >= 300:
        raise ProviderDenied(f"{failed}{call}: {status}{words}")
    return parsed


def _context(server: Server) -> ssl.SSLContext | None:
    if server.authorities is None and server.certificate is None:
        return None
    tls_context = trusting(server.authorities) or verifying()
    if server.certificate is not None:
        show(tls_context, *server.certificate)
    return tls_context
