"""Requests to Akeyless: every one is a POST that carries the token in its body."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretAbsent
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.refusals import reason
from external.providers.support.tokens import IssuedToken, TokenKeeper
from manager.core.documents import Caps
from manager.core.secret_value import SecretValue

LABEL = "AKEYLESSLESS/SecretsManager"
"""So spelt by external-secrets, whose dashboards know it."""
ANSWER = Caps(size=8 << 20, values=300_000, levels=30)
TOKEN_SECONDS = 900.0
"""A token lives longer; how long, the answer does not say in a form that all gateways have."""
ABSENCE = "item does not exist"
ABSENT_WORDS = ("not found", "does not exist", "doesn't exist")
REFUSED = 401
UNIVERSAL_IDENTITY = "u-"

Body = Callable[[], Mapping[str, str]]
"""Returns the fields of a login. Raises ProviderError."""


class AkeylessConnection:
    """Sends requests under one identity; used by several threads.

    Args:
        login: the fields of a login; None for a token of universal identity.
        fixed: that token.
    """

    def __init__(self, url: str, options: HttpOptions, login: Body | None, fixed: SecretValue | None) -> None:
        self._url = url.rstrip("/")
        self._http = HttpClient(options)
        self._login = login
        self._fixed = fixed
        self._keeper = TokenKeeper(self._issue)

    def ask(self, call: str, path: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a request; once more with a new token if the server refuses an issued one.

        Raises:
            SecretAbsent: the server says that there is no such item.
            ProviderError: it does not answer, or refuses.

        """
        token = self._token()
        answer = self._sent(call, path, fields, token)
        if answer.status == REFUSED and self._fixed is None:
            self._keeper.drop(token)
            token = self._token()
            answer = self._sent(call, path, fields, token)
        return _parsed(answer, [token.reveal().decode(errors="replace")])

    def validate(self) -> None:
        """Check that there is a token. Raises ProviderError."""
        self._token()

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._http.close()

    def _token(self) -> SecretValue:
        return self._fixed if self._fixed is not None else self._keeper.current()

    def _sent(self, call: str, path: str, fields: Mapping[str, Any], token: SecretValue) -> HttpAnswer:
        text = token.reveal().decode(errors="replace").strip()
        field = "uid-token" if text.startswith(UNIVERSAL_IDENTITY) else "token"
        body = {**fields, field: text, "json": True}
        return self._http.send(HttpRequest(call, "POST", f"{self._url}/{path}", json=body))

    def _issue(self, before: IssuedToken | None) -> IssuedToken:
        del before
        said = self._login() if self._login is not None else {}
        answer = self._http.send(HttpRequest("Auth", "POST", f"{self._url}/auth", json=dict(said)))
        try:
            token = _parsed(answer, list(said.values())).get("token")
        except SecretAbsent:
            raise ProviderDenied("Auth: 404: check akeylessGWApiURL and the access ID") from None
        if not isinstance(token, str) or not token:
            raise ProviderUnavailable("Auth: the answer holds no token")
        return IssuedToken(SecretValue(token.encode()), time.monotonic() + TOKEN_SECONDS)


def _parsed(answer: HttpAnswer, sent: list[str]) -> Mapping[str, Any]:
    """Return the body of a successful answer. Raises ProviderError, whose text repeats nothing of what was sent."""
    if answer.status < 300:
        return answer.json_object(ANSWER)
    said = answer.error_body(ANSWER).get("error")
    words = reason(said, sent)
    if answer.status == 404 and any(each in words.lower() for each in ABSENT_WORDS):
        raise SecretAbsent(ABSENCE)
    kind: type[ProviderError] = ProviderDenied
    if answer.temporary or answer.status == 404 or not isinstance(said, str):
        kind = ProviderUnavailable  # a page of a proxy, or of another path, proves nothing
    raise kind(f"{answer.call}: {answer.status}{words}")
