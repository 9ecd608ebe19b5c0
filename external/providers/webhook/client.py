"""Asks an HTTP API for each secret, by templates of URL, headers and body (providers 4.5)."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import responses
from typing import Any
from urllib.parse import quote_plus, urljoin, urlsplit

from external.api.providers.webhook import WebhookProvider
from external.providers.protocol import (
    CountCall,
    Egress,
    NotModified,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    Render,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.naming import host_of
from external.providers.webhook.results import value
from manager.core.secret_value import SecretValue

LABEL = "Webhook"
ACTION = "{{"
LARGEST = 1 << 20  # bytes of an answer: what a Secret holds
REDIRECTS = 2
MOVED = frozenset({301, 302, 303, 307, 308})
Groups = Mapping[str, Mapping[str, SecretValue]]


@dataclass(frozen=True)
class Surroundings:
    """What a webhook is called with."""

    secrets: Groups = field(repr=False)
    """Values that templates may use, by the names that the store gives."""
    namespace: str
    """Whose ExternalSecret asks."""
    render: Render | None
    egress: Egress
    context: Any
    """TLS context; None for the system's authorities."""
    count: CountCall
    timeout: float


class Webhook:
    """Reads by HTTP requests."""

    natural = True
    batch = 1
    asks_property = True

    def __init__(self, spec: WebhookProvider, around: Surroundings) -> None:
        from external.providers.support.http import (
            GuardedSession,  # here: 6 MB that clusters without such stores do not need
        )

        self._spec = spec
        self._around = around
        self._session = GuardedSession(around.egress, around.context, around.timeout, LARGEST)
        self._limits = (min(3.0, around.timeout / 2), around.timeout / 2)

    def validate(self) -> None:
        """Find out whether somebody listens at the URL's host; nothing is asked. Raises ProviderError."""
        if ACTION in self._spec.url.partition("://")[2].partition("/")[0]:
            return  # its host is known once something is read
        parts = _address(self._spec.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._around.egress.resolve(parts.hostname or "", port)
        try:
            socket.create_connection((address, port), timeout=self._limits[0]).close()
        except OSError as error:
            raise ProviderUnavailable(f"nobody listens at the URL's host: {type(error).__name__}") from None

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def read(self, wants: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return what the API answers, or what `result.jsonPath` finds in it."""
        return one_by_one(wants, self._one)

    def place(self, want: SecretRequest) -> str:
        """Return the host that is asked, where it is in the store: what a template makes of values is not shown."""
        del want
        host = host_of(self._spec.url)
        return "the host that the store's url gives" if ACTION in host or not host else f"host {host}"

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Raise ProviderDenied: an HTTP API has no list that all would share."""
        del find
        raise ProviderDenied("not implemented: the webhook provider cannot find secrets")

    def _one(self, want: SecretRequest) -> SecretValue:
        spec, data = self._spec, self._data(want)
        url = self._rendered("url", "url", spec.url, self._data(want, quoted=True))
        headers = {
            name: self._rendered(f"header {name}", f"headers.{name}", text, data)
            for name, text in (spec.headers or {}).items()
        }
        body = self._rendered("body", "body", spec.body, data) if spec.body else None
        answer = self._asked(spec.method or "GET", url, headers, body)
        path = (spec.result.json_path if spec.result else None) or ""
        if not path:
            return SecretValue(answer)
        return value(answer, self._rendered("jsonPath", "result.jsonPath", path, data), path)

    def _data(self, want: SecretRequest, *, quoted: bool = False) -> Groups:
        said = {"key": want.key, "version": want.version, "property": want.property}
        shown = {name: SecretValue((quote_plus(text) if quoted else text).encode()) for name, text in said.items()}
        shown["namespace"] = SecretValue(self._around.namespace.encode())
        return {**self._around.secrets, "remoteRef": shown}

    def _rendered(self, noun: str, field_name: str, source: str, data: Groups) -> str:
        if ACTION not in source:
            return source
        if self._around.render is None:
            raise ProviderDenied(f"failed to parse {noun}: templates cannot be rendered here")
        try:
            return self._around.render(field_name, source, data).reveal().decode(errors="replace")
        except ProviderError as error:
            raise type(error)(f"failed to parse {noun}: {error}") from None

    def _asked(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> bytes:
        for _ in range(REDIRECTS + 1):
            answer = self._sent(method, url, headers, body)
            if answer.status_code not in MOVED or "Location" not in answer.headers:
                return _understood(answer)
            further = urljoin(url, answer.headers["Location"])
            if _address(further)[:2] != _address(url)[:2]:
                # Elsewhere nobody may see what the headers hold.
                raise ProviderDenied("failed to call endpoint: the answer redirects to another host")
            url = further
            if answer.status_code == 303:
                method, body = "GET", None
        raise ProviderDenied(f"failed to call endpoint: more than {REDIRECTS} redirects")

    def _sent(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> Any:
        import requests
        import urllib3

        try:
            _address(url)
        except ProviderError as error:
            raise ProviderDenied(f"failed to create request: {error}") from None
        status = "error"
        try:
            answer = self._session.request(
                method,
                url,
                headers=dict(headers),
                data=None if body is None else body.encode(),
                timeout=self._limits,
                allow_redirects=False,
            )
            status = "success" if answer.status_code < 400 else "error"
        except ProviderError:
            raise
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError) as error:
            raise ProviderDenied(f"failed to create request: {type(error).__name__}") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ProviderUnavailable(f"failed to call endpoint: {type(error).__name__}") from None
        finally:
            self._around.count(LABEL, "HTTPRequest", status)
        return answer


def _address(url: str) -> Any:
    """Return the parts of a URL. Raises ProviderDenied for what is none of http."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ProviderDenied("the URL cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ProviderDenied("the URL is no http or https URL")
    return parts


def _understood(answer: Any) -> bytes:
    status = answer.status_code
    if status == 404:
        raise SecretAbsent("Secret does not exist")
    if status == 304:
        raise NotModified("the endpoint says that nothing has changed: 304")
    if not 200 <= status < 300:
        kind = ProviderUnavailable if status == 429 or status >= 500 else ProviderDenied
        raise kind(f"endpoint gave error {status} {responses.get(status, '')}".rstrip())
    return bytes(answer.content)
