"""Reads each secret by one HTTP request, made from templates of URL, headers and body."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.client import responses
from typing import Any
from urllib.parse import quote_plus

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
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, Redirects, http_url
from external.providers.support.naming import host_of, leads_elsewhere
from external.providers.support.pushing.delegation import DelegatesPushes
from external.providers.webhook.push import WebhookPush
from external.providers.webhook.results import value
from manager.core.secret_value import SecretValue

LABEL = "Webhook"
ACTION = "{{"
FAILED_CALL = "failed to call endpoint"
INVALID_REQUEST = "failed to create request"
MAX_ANSWER_BYTES = 1 << 20
"""What a Secret holds."""
Groups = Mapping[str, Mapping[str, SecretValue]]


@dataclass(frozen=True)
class WebhookContext:
    """What a webhook needs beside its spec."""

    secrets: Groups = field(repr=False)
    """Values for templates, by the names that the store gives."""
    namespace: str
    """Namespace of the ExternalSecret."""
    render: Render | None
    egress: Egress
    tls_context: Any
    """TLS context; None for the system's authorities."""
    count: CountCall
    timeout: float
    url_field: str = "url"
    """What errors call the field of the URL."""


class Webhook(DelegatesPushes):
    """Reads secrets from an HTTP API, and pushes to it."""

    natural = True
    batch = 1
    sends_property = True

    def __init__(self, spec: WebhookProvider, context: WebhookContext) -> None:
        self._spec = spec
        self._around = context
        options = HttpOptions(
            label=LABEL,
            egress=context.egress,
            count=context.count,
            timeout_seconds=context.timeout,
            tls_context=context.tls_context,
            max_answer_bytes=MAX_ANSWER_BYTES,
            redirects=Redirects.SAME_HOST,
            server=f"{context.url_field}, {_host(spec)}",
        )
        self._http = HttpClient(options)
        super().__init__(WebhookPush(self.send, spec.method))

    def validate(self) -> None:
        """Check that the URL's host accepts connections; nothing is sent. Raises ProviderError."""
        if ACTION in self._spec.url.partition("://")[2].partition("/")[0]:
            return  # the host depends on the secret that is read
        self._http.require_listener(self._spec.url)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return the answers, or what `result.jsonPath` finds in them."""
        return one_by_one(requests, self._one)

    def location(self, request: SecretRequest) -> str:
        """Return the host as the store writes it: a rendered host may hold a value."""
        del request
        return _host(self._spec)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Raise ProviderDenied: there is no common way to list secrets over HTTP."""
        del find
        raise ProviderDenied("not implemented: the webhook provider cannot find secrets")

    def _one(self, request: SecretRequest) -> SecretValue:
        said = {"key": request.key, "version": request.version, "property": request.property}
        for name, text in said.items():
            if leads_elsewhere(text):  # quoting leaves dots alone, and HTTP clients resolve them
                raise ProviderDenied(
                    f"remoteRef.{name}: . and .. lead to another path than the store's; name it without"
                )
        return self._asked(self._data(said), self._data(said, quoted=True))

    def ask(self) -> SecretValue:
        """Send the request without a reference to a secret; its templates have the values of Secrets only."""
        return self._asked(self._around.secrets, self._around.secrets)

    def send(
        self, method: str, said: Mapping[str, str | bytes], body: bytes | None = None, *, bare: bool = False
    ) -> bytes:
        """Send a request and return the body of its answer. Raises ProviderError.

        Args:
            said: what templates know as `.remoteRef`.
            body: sent where the store has no template for it.
            bare: whether no body is sent, not even the store's.
        """
        return self._sent(method, self._data(said), self._data(said, quoted=True), body, bare=bare)

    def _sent(
        self, method: str, data: Groups, quoted: Groups, body: bytes | None = None, *, bare: bool = False
    ) -> bytes:
        spec = self._spec
        url = self._rendered("url", "url", spec.url, quoted).decode(errors="replace")
        headers = {
            name: self._rendered(f"header {name}", f"headers.{name}", text, data).decode(errors="replace")
            for name, text in (spec.headers or {}).items()
        }
        content = self._rendered("body", "body", spec.body, data) if spec.body and not bare else body
        return self._call(HttpRequest("HTTPRequest", method, url, headers, body=content))

    def _asked(self, data: Groups, quoted: Groups) -> SecretValue:
        spec = self._spec
        answer = self._sent(spec.method or "GET", data, quoted)
        path = (spec.result.json_path if spec.result else None) or ""
        if not path:
            return SecretValue(answer)
        rendered = self._rendered("jsonPath", "result.jsonPath", path, data).decode(errors="replace")
        return value(answer, rendered, path)

    def _call(self, request: HttpRequest) -> bytes:
        try:
            http_url(request.url)
        except ProviderError as error:
            raise ProviderDenied(f"{INVALID_REQUEST}: {error}") from None
        return _body(self._http.send(replace(request, failed=FAILED_CALL, invalid=INVALID_REQUEST)))

    def _data(self, said: Mapping[str, str | bytes], *, quoted: bool = False) -> Groups:
        texts = {name: each if isinstance(each, bytes) else each.encode() for name, each in said.items()}
        shown = {name: SecretValue(quote_plus(each).encode() if quoted else each) for name, each in texts.items()}
        shown["namespace"] = SecretValue(self._around.namespace.encode())
        return {**self._around.secrets, "remoteRef": shown}

    def _rendered(self, noun: str, field_name: str, source: str, data: Groups) -> bytes:
        if ACTION not in source:
            return source.encode()
        if self._around.render is None:
            raise ProviderDenied(f"failed to parse {noun}: templates cannot be rendered here")
        try:
            return self._around.render(field_name, source, data).reveal()
        except ProviderError as error:
            raise type(error)(f"failed to parse {noun}: {error}") from None


def _host(spec: WebhookProvider) -> str:
    host = host_of(spec.url)
    return "the host that the store's url gives" if ACTION in host or not host else f"host {host}"


def _body(answer: HttpAnswer) -> bytes:
    """Return the body of a successful answer. Raises ProviderError."""
    status = answer.status
    if status == 404:
        raise SecretAbsent("Secret does not exist")
    if status == 304:
        raise NotModified("the endpoint says that nothing has changed: 304")
    if not 200 <= status < 300:
        kind = ProviderUnavailable if answer.temporary else ProviderDenied
        raise kind(f"endpoint gave error {status} {responses.get(status, '')}".rstrip())
    return answer.content
