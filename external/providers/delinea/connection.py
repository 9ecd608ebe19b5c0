"""Requests to DevOps Secrets Vault: login, and what its answers mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretAbsent
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.refusals import reason
from external.providers.support.tokens import IssuedToken, TokenKeeper, issued_in
from manager.core.documents import Caps
from manager.core.secret_value import SecretValue

LABEL = "Delinea/DevOpsSecretsVault"
LOGIN = "Login"
ABSENCE = "Secret does not exist"
ANSWER = Caps(size=8 << 20, values=100_000, levels=50)


@dataclass(frozen=True)
class VaultAddress:
    """Where a tenant's vault is."""

    template: str
    """With %s for tenant, top-level domain, resource and path."""
    tenant: str
    tld: str

    def url(self, resource: str, path: str = "") -> str:
        """Return the URL of a resource; the path begins with a slash."""
        return self.template % (self.tenant, self.tld, resource, path)


class VaultConnection:
    """Sends requests under one client; used by several threads."""

    def __init__(self, address: VaultAddress, own: SecretValue, secret: SecretValue, options: HttpOptions) -> None:
        self._address = address
        self._own, self._secret = own, secret
        self._keeper = TokenKeeper(self._issue)
        self._http = HttpClient(options, self._keeper)

    def get(self, call: str, resource: str, path: str) -> Mapping[str, Any]:
        """Return an answer. Raises SecretAbsent where the vault says that there is nothing, ProviderError."""
        answer = self._http.send(HttpRequest(call, "GET", self._address.url(resource, path)))
        if answer.status < 300:
            return answer.json_object(ANSWER)
        raise _error_of(answer, ())

    def validate(self) -> None:
        """Check that there is a token. Raises ProviderError."""
        self._keeper.current()

    def close(self) -> None:
        """Close the connections; a token ends by itself."""
        self._http.close()

    def _issue(self, before: IssuedToken | None) -> IssuedToken:
        del before
        said = {name: each.reveal().decode(errors="replace").strip() for name, each in self._credentials().items()}
        body = {"grant_type": "client_credentials", **said}
        answer = self._http.send_as(None, HttpRequest(LOGIN, "POST", self._address.url("token"), json=body))
        if answer.status >= 300:
            raise _error_of(answer, tuple(said.values()))
        return issued_in(LOGIN, answer.json_object(ANSWER), "accessToken", "expiresIn")

    def _credentials(self) -> Mapping[str, SecretValue]:
        return {"client_id": self._own, "client_secret": self._secret}


def _error_of(answer: HttpAnswer, sent: tuple[str, ...]) -> ProviderError:
    start = f"{answer.call}: {answer.status}"
    if answer.temporary:
        return ProviderUnavailable(start)
    said = answer.error_body(ANSWER).get("message")
    if not isinstance(said, str):
        return ProviderUnavailable(f"{start}: the answer is none of the vault's API")
    if answer.status == 404 and answer.call != LOGIN:
        return SecretAbsent(ABSENCE)
    return ProviderDenied(f"{start}{reason(said, [answer.token, *sent])}")
