"""Requests to Scaleway's API, and what its answers mean."""

from collections.abc import Mapping
from typing import Any

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, TokenHeader
from external.providers.support.refusals import reason
from manager.core.documents import Caps
from manager.core.secret_value import SecretValue

LABEL = "Scaleway/SecretManager"
TOKEN = TokenHeader("X-Auth-Token", "", 401)
ANSWER = Caps(size=2 << 20, values=100_000, levels=20)


class Missing(ProviderDenied):
    """The API has no such secret, or the secret has no such version: another request tells which."""


class ScalewayConnection:
    """Sends requests with one API key; used by several threads."""

    def __init__(self, url: str, options: HttpOptions, key: SecretValue) -> None:
        self._url = url
        self._http = HttpClient(options, key)

    def ask(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        """Send a request and return the answer. Raises Missing, ProviderError."""
        answer = self._http.send(HttpRequest(call, method, f"{self._url}/{path}", params=params, json=json))
        if answer.status == 204:
            return {}
        if answer.status < 300:
            return answer.json_object(ANSWER)
        raise _error_of(answer)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _error_of(answer: HttpAnswer) -> ProviderError:
    start = f"{answer.call}: {answer.status}"
    if answer.temporary:
        return ProviderUnavailable(start)
    body = answer.error_body(ANSWER)
    kind = body.get("type")
    if not isinstance(kind, str):
        return ProviderUnavailable(f"{start}: the answer is no error of Scaleway's API")
    words = reason(body.get("message"), [answer.token])
    named = f"{start} {kind}" if kind.isidentifier() and len(kind) < 60 else start
    return (Missing if answer.status == 404 and kind == "not_found" else ProviderDenied)(f"{named}{words}")
