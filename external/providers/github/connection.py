"""Requests to GitHub as an installation of an App, and what its answers mean."""

import time
from collections.abc import Mapping
from typing import Any

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.json_web_tokens import issued_token, rsa_key, signed
from external.providers.support.refusals import reason
from external.providers.support.tokens import IssuedToken, TokenKeeper
from manager.core.clock import parse_rfc3339
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.secret_value import SecretValue

LABEL = "GitHub/Actions"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
ANSWER = Caps(size=2 << 20, values=100_000, levels=20)
BACKDATED_SECONDS, JWT_SECONDS = 10, 300  # clocks differ; GitHub takes ten minutes at most
SPARE_SECONDS = 300.0  # a token is replaced this long before its end
LOGIN = "CreateInstallationToken"


class Missing(ProviderDenied):
    """GitHub answers 404: there is no such secret, or the App may not see where it would be."""


class Installation:
    """Sends requests as one installation of an App; used by several threads.

    Args:
        url: of the API.
        key: the App's private key.
        place: where the key stands, for messages.
    """

    def __init__(self, url: str, app: int, number: int, options: HttpOptions, key: SecretValue, place: str) -> None:
        self._url = url
        self._app, self._number = app, number
        self._key = rsa_key(key, place)
        self._http = HttpClient(options, TokenKeeper(self._issue))

    def ask(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        """Send a request and return the answer, empty for one without content. Raises Missing, ProviderError."""
        answer = self._http.send(HttpRequest(call, method, f"{self._url}/{path}", HEADERS, params, json))
        if answer.status in (201, 204):
            return {}
        if answer.status == 200:
            return answer.json_object(ANSWER)
        raise _error_of(answer)

    def close(self) -> None:
        """Close the connections; a token ends within an hour."""
        self._http.close()

    def _issue(self, before: IssuedToken | None) -> IssuedToken:
        del before
        now = int(time.time())
        claims = {"iat": now - BACKDATED_SECONDS, "exp": now + JWT_SECONDS, "iss": str(self._app)}
        url = f"{self._url}/app/installations/{self._number}/access_tokens"
        answer = self._http.send_as(signed(claims, self._key), HttpRequest(LOGIN, "POST", url, HEADERS, json={}))
        token = issued_token(answer, 201, "GitHub", "appID, installationID and the private key")
        ends = parse_rfc3339(answer.json_object(ANSWER).get("expires_at"))
        if ends is None:
            raise ProviderUnavailable(f"{LOGIN}: the answer does not say when the token ends")
        lasting = max(ends.timestamp() - now - SPARE_SECONDS, 0.0)
        return IssuedToken(SecretValue(token.encode()), time.monotonic() + lasting)


def _error_of(answer: HttpAnswer) -> ProviderError:
    start = f"{answer.call}: {answer.status}"
    limited = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    if answer.temporary or (answer.status == 403 and limited):
        return ProviderUnavailable(f"{start}: GitHub limits the rate" if limited else start)
    try:
        body = read_json(answer.content, ANSWER)
    except Unreadable:
        body = None
    said = body.get("message") if isinstance(body, dict) else None
    if not isinstance(said, str):
        return ProviderUnavailable(f"{start}: the answer is none of GitHub's API")
    return (Missing if answer.status == 404 else ProviderDenied)(f"{start}{reason(said, [answer.token])}")
