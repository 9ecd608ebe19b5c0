"""Requests to Infisical: login, revocation, and what its answers mean."""

from collections.abc import Mapping
from typing import Any

from external.providers.infisical.login import LOGIN, Login, issued
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.refusals import reason
from external.providers.support.tokens import IssuedToken, TokenKeeper
from manager.core.documents import Caps

LABEL = "Infisical"
ANSWER = Caps(size=8 << 20, values=300_000, levels=20)


class Missing(ProviderDenied):
    """Infisical answers 404: for a secret, and for a folder, an environment or a project."""

    @property
    def of_secret(self) -> bool:
        """Whether Infisical says that the secret does not exist, and not what it would be in."""
        return ": 404: Secret " in str(self).partition("'")[0]


class Forbidden(ProviderDenied):
    """The identity may not do this; it may do less."""


class InfisicalConnection:
    """Sends requests under one identity; used by several threads."""

    def __init__(self, url: str, login: Login, options: HttpOptions) -> None:
        self._url = url.rstrip("/")
        self._login = login
        self._keeper = TokenKeeper(self._issue) if login.token is None else None
        self._http = HttpClient(options, self._keeper or login.token)

    def ask(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        """Send a request and return the answer. Raises Missing, Forbidden, ProviderError."""
        return _parsed(self._http.send(HttpRequest(call, method, f"{self._url}/{path}", params=params, json=json)))

    def validate(self) -> None:
        """Check that there is a token. Raises ProviderError."""
        if self._keeper is not None:
            self._keeper.current()

    def close(self) -> None:
        """Revoke a token that was issued to this connection, and close the connections. Never raises."""
        token = self._keeper.take() if self._keeper is not None else None
        try:
            if token is not None:
                said = {"accessToken": token.reveal().decode()}
                self._http.send_as(token, HttpRequest("Revoke", "POST", f"{self._url}/v1/auth/token/revoke", json=said))
        except ProviderError:
            pass  # the token ends by itself
        finally:
            self._http.close()

    def _issue(self, before: IssuedToken | None) -> IssuedToken:
        del before
        body = self._login.body()
        answer = self._http.send_as(None, HttpRequest(LOGIN, "POST", f"{self._url}/{self._login.path}", json=body))
        try:
            return issued(_parsed(answer, tuple(body.values())))
        except Missing as error:
            raise ProviderDenied(str(error)) from None


def _parsed(answer: HttpAnswer, sent: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Return the body of a successful answer. Raises ProviderError, whose text repeats nothing of what was sent."""
    if answer.status < 300:
        return answer.json_object(ANSWER)
    said = answer.error_body(ANSWER).get("message")
    words = reason(said, [answer.token, *sent])
    kind: type[ProviderError] = {404: Missing, 403: Forbidden}.get(answer.status, ProviderDenied)
    if answer.temporary or not isinstance(said, str):
        kind = ProviderUnavailable
    raise kind(f"{answer.call}: {answer.status}{words}")
