"""HTTP to a provider: one client, whose parameters say in what providers differ.

It decides once where a connection may lead (egress policy), how large an answer may be, how long a call may take, which
redirects are followed, when a token is replaced, and which error a failed request becomes. The libraries beneath it
are imported with the first client: without one they are 6 MB that nobody needs.
"""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from external.providers.protocol import (
    ConnectContext,
    CountCall,
    Egress,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
)
from external.providers.support.connection_faults import connection_fault
from external.providers.support.deadlines import within
from external.providers.support.tokens import TokenKeeper
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.secret_value import SecretValue

MAX_ANSWER_BYTES = 8 << 20
MAX_CONNECT_SECONDS = 3.0
MAX_REDIRECTS = 2
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
SEE_OTHER = 303
TOO_MANY_REQUESTS = 429


class Redirects(Enum):
    """Which redirects a client follows; at most MAX_REDIRECTS, and none from https to http."""

    NONE = "none"
    """The redirect is the answer."""
    SAME_HOST = "same host"
    """Headers hold what a tenant has written: another host must not see it."""
    ANY_HOST = "any host"
    """A standby server names the active one, to which the token goes too."""


@dataclass(frozen=True)
class TokenHeader:
    """How a token is sent, and how the server says that it does not accept it."""

    name: str
    prefix: str
    refused_status: int


BEARER = TokenHeader("Authorization", "Bearer ", 401)


@dataclass(frozen=True)
class HttpOptions:
    """In what the clients of providers differ."""

    label: str
    """The provider's name in the metric of provider calls."""
    egress: Egress
    count: CountCall
    timeout_seconds: float
    """For a call as a whole: name, connection, redirects, headers and body."""
    tls_context: ssl.SSLContext | None = None
    """TLS settings; None for the system's authorities."""
    max_answer_bytes: int = MAX_ANSWER_BYTES
    redirects: Redirects = Redirects.NONE
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request."""
    token_header: TokenHeader = BEARER
    server: str = ""
    """What errors call the server: the field of its URL, and its host unless a value of a Secret may be in it."""

    @classmethod
    def of(cls, label: str, context: ConnectContext, server: str, **more: Any) -> "HttpOptions":
        """Return the options of a client in a store's context; `more` are further fields."""
        return cls(label, context.egress, context.count, context.timeout, server=server, **more)

    @property
    def at(self) -> str:
        """What errors of a connection begin with."""
        return f"{self.server}: " if self.server else ""


@dataclass(frozen=True)
class _NamedEgress:
    """Asks the egress policy, and names the server in a refusal."""

    options: HttpOptions

    def resolve(self, host: str, port: int | None) -> str:
        try:
            return self.options.egress.resolve(host, port)
        except ProviderError as error:
            raise type(error)(f"{self.options.at}{error}") from None


@dataclass(frozen=True)
class HttpRequest:
    """One request."""

    call: str
    """Its name in the metric of provider calls and in errors."""
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)
    failed: str = ""
    """What errors of the connection begin with; empty for the name of the call."""
    invalid: str = ""
    """What the error of a request that cannot be sent begins with; empty for the name of the call."""


@dataclass(frozen=True)
class HttpAnswer:
    """The whole answer to one request."""

    call: str
    status: int
    content: bytes = field(repr=False)
    location: str | None = field(default=None, repr=False)
    """Where a redirect leads."""
    token: str = field(default="", repr=False)
    """The token that the request carried: the server may repeat it in its texts."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the answer; their names are looked up in any case."""

    @property
    def temporary(self) -> bool:
        """Return True if the status says that the same request may succeed later."""
        return self.status == TOO_MANY_REQUESTS or self.status >= 500

    def refusal(self, server: str, check: str) -> ProviderError:
        """Return the error of an answer with another status than expected.

        Args:
            server: what messages call the server.
            check: what a person should look at.

        """
        # An unexpected success is the page of a proxy, and no refusal.
        kind = ProviderUnavailable if self.temporary or self.status < 300 else ProviderDenied
        return kind(f"{server}: {self.call}: {self.status}: check {check}")

    def json_object(self, caps: Caps) -> dict[str, Any]:
        """Return the body as a JSON object. Raises ProviderUnavailable: a working server would not answer otherwise."""
        try:
            parsed = read_json(self.content, caps)
        except Unreadable:
            raise ProviderUnavailable(f"{self.call}: {self.status}: the answer is no JSON") from None
        if not isinstance(parsed, dict):
            raise ProviderUnavailable(f"{self.call}: {self.status}: the answer is no object")
        return parsed

    def error_body(self, caps: Caps) -> dict[str, Any]:
        """Return the body of a refusal as a JSON object, an empty one for anything else: a proxy answers with pages."""
        try:
            parsed = read_json(self.content, caps)
        except Unreadable:
            return {}
        return parsed if isinstance(parsed, dict) else {}


class HttpClient:
    """Sends requests under one identity; used by several threads.

    Args:
        token: a fixed token, or the keeper of one that ends.
    """

    def __init__(self, options: HttpOptions, token: TokenKeeper | SecretValue | None = None) -> None:
        from external.providers.support.guarded_session import GuardedSession

        self._options = options
        self._token = token
        timeout = options.timeout_seconds
        self._egress = _NamedEgress(options)
        self._session = GuardedSession(self._egress, options.tls_context, timeout, options.max_answer_bytes)
        self._session.headers.update(options.headers)
        self._timeouts = (min(MAX_CONNECT_SECONDS, timeout / 2), timeout / 2)

    def send(self, request: HttpRequest) -> HttpAnswer:
        """Send a request with the identity's token; once more with a new one if the server refuses an issued one.

        Raises:
            ProviderDenied: the request cannot be sent, or leads where it must not.
            ProviderUnavailable: there is no whole answer.

        """
        token = self._current_token()
        answer = self.send_as(token, request)
        if answer.status == self._options.token_header.refused_status and isinstance(self._token, TokenKeeper):
            # It may have been revoked, or lost when the server restarted.
            self._token.drop(token)
            answer = self.send_as(self._current_token(), request)
        return answer

    def send_as(self, token: SecretValue | None, request: HttpRequest) -> HttpAnswer:
        """Send a request with this token, or with none; follow redirects as the options say. Raises as `send`."""
        text = token.reveal().decode(errors="replace").strip() if token is not None else ""
        if token is not None:
            header = self._options.token_header
            request = replace(request, headers={**request.headers, header.name: header.prefix + text})
        failed = request.failed or request.call
        with within(self._options.timeout_seconds):
            for _ in range(MAX_REDIRECTS + 1):
                answer = self._send_once(request)
                redirected = answer.status in REDIRECT_STATUSES and answer.location is not None
                if not redirected or self._options.redirects is Redirects.NONE:
                    return replace(answer, token=text)
                url = urljoin(request.url, answer.location or "")
                self._require_permitted(request.url, url, failed)
                request = replace(request, url=url, params=None)
                if answer.status == SEE_OTHER:
                    request = replace(request, method="GET", json=None, body=None)
        raise ProviderDenied(f"{failed}: more than {MAX_REDIRECTS} redirects")

    def require_listener(self, url: str) -> None:
        """Connect to a URL's host and send nothing. Raises ProviderError where nothing accepts the connection."""
        parts = http_url(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._egress.resolve(parts.hostname or "", port)
        try:
            socket.create_connection((address, port), timeout=self._timeouts[0]).close()
        except OSError as error:
            text = f"nobody listens at the URL's host: {connection_fault(error)}"
            raise ProviderUnavailable(f"{self._options.at}{text}") from None

    def close(self) -> None:
        """Close the connections; a token stays as it is."""
        self._session.close()

    def _current_token(self) -> SecretValue | None:
        return self._token.current() if isinstance(self._token, TokenKeeper) else self._token

    def _require_permitted(self, before: str, after: str, failed: str) -> None:
        """Raise ProviderDenied for a redirect that would show headers to whom they are not meant for."""
        old, new = http_url(before), http_url(after)
        if self._options.redirects is Redirects.SAME_HOST and new[:2] != old[:2]:
            raise ProviderDenied(f"{failed}: the answer redirects to another host")
        if old.scheme == "https" and new.scheme != "https":
            raise ProviderDenied(f"{failed}: the answer redirects from https to http")

    def _send_once(self, request: HttpRequest) -> HttpAnswer:
        import requests
        import urllib3

        status, invalid = "error", request.invalid or request.call
        try:
            answer = self._session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                params=request.params,
                json=request.json,
                data=request.body,
                timeout=self._timeouts,
                allow_redirects=False,
            )
            status = "success" if answer.status_code < 400 else "error"
        except ProviderError:
            raise
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError) as error:
            header = isinstance(error, requests.exceptions.InvalidHeader)
            what = "a header holds what HTTP does not allow there" if header else "the URL cannot be used"
            raise ProviderDenied(f"{invalid}: {what}") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            text = f"{request.failed or request.call}: {self._options.at}{connection_fault(error)}"
            raise ProviderUnavailable(text) from None
        finally:
            self._options.count(self._options.label, request.call, status)
        headers = answer.headers
        return HttpAnswer(request.call, answer.status_code, answer.content, headers.get("Location"), headers=headers)


def http_url(url: str) -> SplitResult:
    """Return the parts of a URL. Raises ProviderDenied for one that is not of http or https."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ProviderDenied("the URL cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ProviderDenied("the URL is no http or https URL")
    return parts
