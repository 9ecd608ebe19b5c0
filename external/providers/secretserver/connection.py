"""Requests to Secret Server: login, and what its answers mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.refusals import reason
from external.providers.support.tokens import IssuedToken, TokenKeeper, issued_in
from manager.core.documents import Caps
from manager.core.secret_value import SecretValue

LABEL = "Delinea/SecretServer"
LOGIN = "Login"
ANSWER = Caps(size=8 << 20, values=100_000, levels=20)
DENIED = frozenset({"API_AccessDenied", "API_SecretNotFound"})
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Hidden(ProviderDenied):
    """There is no such secret, or the user may not see it: Secret Server does not tell which."""


@dataclass(frozen=True)
class Login:
    """A user's name and password, or a token that a user has made."""

    said: Mapping[str, SecretValue] = field(default_factory=dict, repr=False)
    domain: str = ""
    token: SecretValue | None = field(default=None, repr=False)

    def form(self) -> dict[str, str]:
        """Return the form of the login."""
        given = {name: each.reveal().decode(errors="replace").strip() for name, each in self.said.items()}
        return {"grant_type": "password", **given, **({"domain": self.domain} if self.domain else {})}


class SecretServerConnection:
    """Sends requests as one user; used by several threads."""

    def __init__(self, url: str, login: Login, options: HttpOptions) -> None:
        self._url = url
        self._login = login
        self._http = HttpClient(options, login.token or TokenKeeper(self._issue))

    def ask(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        """Send a request and return the answer. Raises Hidden, ProviderError."""
        return self._answered(call, method, path, params, json).json_object(ANSWER)

    def content(self, call: str, path: str) -> bytes:
        """Return the bytes of an attached file. Raises Hidden, ProviderError."""
        return self._answered(call, "GET", path).content

    def write(self, call: str, method: str, path: str, json: Any = None) -> None:
        """Send a request whose answer tells nothing more. Raises Hidden, ProviderError."""
        self._answered(call, method, path, None, json)

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._http.close()

    def _answered(
        self, call: str, method: str, path: str, params: Mapping[str, str] | None = None, json: Any = None
    ) -> HttpAnswer:
        answer = self._http.send(HttpRequest(call, method, f"{self._url}/api/v1/{path}", params=params, json=json))
        if answer.status < 300:
            return answer
        raise _error_of(answer, ())

    def _issue(self, before: IssuedToken | None) -> IssuedToken:
        del before
        form = self._login.form()
        request = HttpRequest(LOGIN, "POST", f"{self._url}/oauth2/token", FORM, body=urlencode(form).encode())
        answer = self._http.send_as(None, request)
        if answer.status >= 300:
            raise _error_of(answer, tuple(self._login.said[name].reveal().decode() for name in self._login.said))
        # Some errors come with 200 and a page.
        return issued_in(LOGIN, answer.json_object(ANSWER), "access_token", "expires_in")


def _error_of(answer: HttpAnswer, sent: tuple[str, ...]) -> ProviderError:
    start = f"{answer.call}: {answer.status}"
    if answer.temporary:
        return ProviderUnavailable(start)
    told = answer.error_body(ANSWER)
    said = told.get("message", told.get("error"))
    if not isinstance(said, str):
        return ProviderUnavailable(f"{start}: the answer is none of Secret Server's API")
    hidden = answer.call != LOGIN and (told.get("errorCode") in DENIED or answer.status == 404)
    words = reason(said, [answer.token, *sent])
    return Hidden(f"{start}{words}") if hidden else ProviderDenied(f"{start}{words}")
