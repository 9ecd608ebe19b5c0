"""Requests to one vault: where its tokens come from, and what its answers mean."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import re2

from external.providers.protocol import (
    CountCall,
    Egress,
    ProviderDenied,
    ProviderUnavailable,
    SecretAbsent,
)
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.logins.entra import Ask
from external.providers.support.logins.loopback import require_secure
from external.providers.support.naming import host_of
from external.providers.support.refusals import reason
from external.providers.support.tokens import IssuedToken, TokenKeeper
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.secret_value import SecretValue

LABEL = "Azure/KeyVault"
LOGIN_LABEL = "Azure/Entra"
API_VERSION = "7.4"
PAGE_SECRETS = 25  # the maximum
MAX_PAGES = 400
MAX_LINK_CHARACTERS = 4096
ANSWER = Caps(size=1 << 20, values=100_000, levels=20)
SPARE_SECONDS = 300.0  # a token is replaced this long before its end
ABSENCE = "Secret does not exist"
ABSENT = frozenset({"SecretNotFound", "KeyNotFound", "CertificateNotFound"})
RECOVERABLE = "ObjectIsDeletedButRecoverable"
CHALLENGE = re2.compile(r'(\w+)="([^"]*)"')
"""By RE2: it takes time in proportion to the text, which any server may send."""
MAX_CHALLENGE_CHARACTERS = 2048
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Recoverable(ProviderDenied):
    """An object of this name is deleted and can be recovered: until then the name is taken."""


class VaultPage(NamedTuple):
    """A part of a list."""

    items: list[Any]
    link: str
    """The next page, empty after the last."""
    size: int
    """Bytes of the answer."""


@dataclass(frozen=True)
class VaultAddress:
    """A vault and the cloud around it."""

    url: str
    tenant: str = ""
    """The tenant that the store names; empty for the identity's own."""
    resource: str = ""
    """What tokens are for, beside the vault's own domain: a custom cloud may name it as it likes."""

    @property
    def location(self) -> str:
        """Return what messages call the vault."""
        return f"Azure Key Vault {host_of(self.url)}"


class VaultConnection:
    """Sends requests to one vault under one identity; used by several threads.

    Args:
        login: gets a token.
        login_egress: decides where the login may lead.
    """

    def __init__(
        self, address: VaultAddress, login: Ask, login_egress: Egress, egress: Egress, count: CountCall, timeout: float
    ) -> None:
        require_secure(address.url, "vaultUrl")
        self.address = address
        self._login = login
        self._resource = ""
        self._keeper = TokenKeeper(self._issue)
        self._entra = HttpClient(HttpOptions(LOGIN_LABEL, login_egress, count, timeout, max_answer_bytes=64 << 10))
        options = HttpOptions(LABEL, egress, count, timeout, server=f"vaultUrl, {host_of(address.url)}")
        self._http = HttpClient(options, self._keeper)

    def ask(
        self, call: str, method: str, path: str, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        """Send a request and return the answer.

        Raises:
            SecretAbsent: the vault says that there is no such object.
            ProviderError: it does not answer, or refuses.

        """
        url = f"{self.address.url.rstrip('/')}/{path}"
        named = {"api-version": API_VERSION, **(params or {})}
        return self._answered(HttpRequest(call, method, url, params=named, json=json)).json_object(ANSWER)

    def page(self, call: str, link: str) -> VaultPage:
        """Return a page of secrets: the first, or the one that another page names. Raises ProviderError."""
        if link:
            self._require_own(call, link)
            answer = self._answered(HttpRequest(call, "GET", link))
        else:
            params = {"api-version": API_VERSION, "maxresults": str(PAGE_SECRETS)}
            answer = self._answered(HttpRequest(call, "GET", f"{self.address.url.rstrip('/')}/secrets", params=params))
        body = answer.json_object(ANSWER)
        items, following = body.get("value"), body.get("nextLink") or ""
        if not isinstance(items, list) or len(items) > PAGE_SECRETS:
            raise ProviderUnavailable(f"{call}: the answer is no page of a list")
        if not isinstance(following, str) or len(following) > MAX_LINK_CHARACTERS:
            raise ProviderUnavailable(f"{call}: the answer is no page of a list")
        return VaultPage(items, following, len(answer.content))

    def validate(self) -> None:
        """Check that the vault can be reached and the identity gets a token. Raises ProviderError."""
        self._keeper.current()

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._http.close()
        self._entra.close()

    def _require_own(self, call: str, link: str) -> None:
        """Raise ProviderUnavailable for a page that is not of this vault: it would get the token."""
        try:
            same = urlsplit(link)[:2] == urlsplit(self.address.url)[:2]
        except ValueError:
            same = False
        if not same:
            raise ProviderUnavailable(f"{call}: the next page is not of this vault")

    def _answered(self, request: HttpRequest) -> HttpAnswer:
        answer = self._http.send(request)
        if answer.status < 300:
            return answer
        raise _error_of(answer)

    def _issue(self, before: IssuedToken | None) -> IssuedToken:
        del before
        self._resource = self._resource or self._challenged()
        token = self._login(self._entra, self._resource)
        lasting = max(token.seconds - SPARE_SECONDS, token.seconds / 2)
        return IssuedToken(SecretValue(token.value.encode()), time.monotonic() + lasting)

    def _challenged(self) -> str:
        """Return what tokens for this vault are for: it tells that who sends none. Raises ProviderError."""
        call, url = "Challenge", f"{self.address.url.rstrip('/')}/secrets"
        answer = self._http.send_as(None, HttpRequest(call, "GET", url, params={"api-version": API_VERSION}))
        told = answer.headers.get("WWW-Authenticate", "")
        given = dict(CHALLENGE.findall(told)) if len(told) <= MAX_CHALLENGE_CHARACTERS else {}
        if answer.status == 401 and given:
            return resource_of(given, self.address)
        if answer.temporary:
            raise ProviderUnavailable(f"{call}: {answer.status}")
        if answer.status == 403:
            raise _error_of(answer)  # a firewall of the vault
        kind = ProviderDenied if answer.status == 401 else ProviderUnavailable
        text = "the server does not ask for a token as a vault does: check vaultUrl"
        raise kind(f"{call}: {answer.status}: {text}")


def resource_of(challenge: Mapping[str, str], address: VaultAddress) -> str:
    """Return what a token must be for. Raises ProviderDenied if that is not this vault's own domain.

    A server that is no vault would otherwise get a token that others accept too.
    """
    resource = challenge.get("resource") or challenge.get("scope", "").removesuffix("/.default")
    resource = resource.rstrip("/")
    host, named = urlsplit(address.url).hostname or "", urlsplit(resource).hostname or ""
    own = bool(named) and (host == named or host.endswith(f".{named}"))
    if not own and (not address.resource or resource != address.resource.rstrip("/")):
        raise ProviderDenied("Challenge: the server asks for a token of another resource than its host: check vaultUrl")
    tenant = urlsplit(challenge.get("authorization") or challenge.get("authorization_uri", "")).path.strip("/")
    if GUID.fullmatch(tenant) and GUID.fullmatch(address.tenant) and tenant.lower() != address.tenant.lower():
        raise ProviderDenied("Challenge: the vault belongs to another tenant than tenantId")
    return resource


def _error_of(answer: HttpAnswer) -> Exception:
    """Return the error of a refusal, with the vault's own words."""
    code, words = _told(answer)
    text = f"{answer.call}: {answer.status}{f' {code}' if code else ''}{words}"
    if answer.status == 404 and code in ABSENT:
        return SecretAbsent(ABSENCE)
    if answer.status == 409 and code == RECOVERABLE:
        return Recoverable(text)
    # A page of a proxy, or of a vault that is being moved, proves nothing.
    if answer.temporary or answer.status in (404, 408, 409) or not code:
        return ProviderUnavailable(text)
    return ProviderDenied(text)


def _told(answer: HttpAnswer) -> tuple[str, str]:
    """Return the vault's code, the inner one where there is one, and its text."""
    try:
        body = read_json(answer.content, ANSWER)
    except Unreadable:
        return "", ""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    inner = error.get("innererror")
    code = inner.get("code") if isinstance(inner, dict) else None
    shown = code if isinstance(code, str) and code else error.get("code")
    if not isinstance(shown, str) or not shown.isalnum():
        shown = ""
    return shown[:60], reason(error.get("message"), [answer.token])
