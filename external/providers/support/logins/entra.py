"""Tokens of Microsoft Entra ID over HTTP: for a secret, a certificate or an assertion, or as a managed identity."""

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpRequest
from external.providers.support.json_web_tokens import encoded, rsa_key, signed
from external.providers.support.refusals import reason
from external.providers.support.tokens import credential, life_of
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.secret_value import SecretValue

LOGIN = "Login"
METADATA_URL = "http://169.254.169.254/metadata/identity/oauth2/token"
METADATA_VERSION = "2018-02-01"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AUDIENCE = "api://AzureADTokenExchange"
CLIENT_ID, TENANT_ID = "azure.workload.identity/client-id", "azure.workload.identity/tenant-id"
ACCOUNT_TOKEN_SECONDS = 600
ASSERTION_SECONDS = 600
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
VARYING_END = "Trace ID:"  # from here on each refusal differs: ids and a time


class Cloud(NamedTuple):
    """Where a cloud of Azure logs in, and what its tokens are for."""

    login: str
    """URL of Entra ID."""
    management: str
    """URL of the resource manager, which a registry exchanges tokens of."""


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "PublicCloud": Cloud("https://login.microsoftonline.com", "https://management.azure.com"),
        "USGovernmentCloud": Cloud("https://login.microsoftonline.us", "https://management.usgovcloudapi.net"),
        "ChinaCloud": Cloud("https://login.partner.microsoftonline.cn", "https://management.chinacloudapi.cn"),
        "GermanCloud": Cloud("https://login.microsoftonline.de", "https://management.microsoftazure.de"),
    }
)


PLAIN_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?", re.IGNORECASE)


class EntraToken(NamedTuple):
    """A token and how long it lives."""

    value: str
    seconds: float


Ask = Callable[[HttpClient, str], EntraToken]
"""Returns a token for a resource. Raises ProviderError."""
Form = Callable[[str], Mapping[str, str]]
"""Returns the fields by which a client proves who it is, given the URL that it asks."""


@dataclass(frozen=True)
class Principal:
    """An application of a tenant."""

    login: str
    """URL of Entra ID."""
    tenant: str
    proof: Form = field(repr=False)

    def __call__(self, http: HttpClient, resource: str) -> EntraToken:
        """Return a token for a resource. Raises ProviderError."""
        url = f"{self.login.rstrip('/')}/{_step(self.tenant)}/oauth2/v2.0/token"
        proof = self.proof(url)
        form = {"grant_type": "client_credentials", "scope": f"{resource}/.default", **proof}
        answer = http.send(HttpRequest(LOGIN, "POST", url, headers=FORM_HEADERS, body=urlencode(form).encode()))
        return _issued(answer, "Entra ID", "tenantId and the credentials", proof.values())


def by_secret(client: str, secret: SecretValue) -> Form:
    """Return the proof of an application that has a secret."""
    return lambda _: {"client_id": client, "client_secret": text_of(secret)}


def by_assertion(client: str, source: Callable[[], SecretValue]) -> Form:
    """Return the proof of an application that trusts tokens of another issuer, such as this cluster."""

    def proof(_: str) -> Mapping[str, str]:
        return _asserted(client, text_of(credential(LOGIN, source)))

    return proof


def by_certificate(client: str, pem: SecretValue, place: str) -> Form:
    """Return the proof of an application with a certificate: PEM with its private key. Raises ProviderDenied."""
    key = rsa_key(pem, place)
    try:
        own = next(
            each for each in x509.load_pem_x509_certificates(pem.reveal()) if each.public_key() == key.public_key()
        )
    except (ValueError, StopIteration):
        raise ProviderDenied(f"{place}: it holds no certificate in PEM form that belongs to its private key") from None
    thumbprint = encoded(own.fingerprint(hashes.SHA256()))

    def proof(url: str) -> Mapping[str, str]:
        now = int(time.time())
        claims: dict[str, Any] = {"aud": url, "iss": client, "sub": client, "jti": str(uuid4())}
        claims |= {"nbf": now, "exp": now + ASSERTION_SECONDS}
        token = signed(claims, key, algorithm="PS256", **{"x5t#S256": thumbprint})
        return _asserted(client, text_of(token))

    return proof


def by_metadata(client: str | None) -> Ask:
    """Return what asks the node's metadata service for a token of a managed identity."""

    def ask(http: HttpClient, resource: str) -> EntraToken:
        params = {"api-version": METADATA_VERSION, "resource": resource}
        params |= {"client_id": client} if client else {}
        request = HttpRequest(LOGIN, "GET", METADATA_URL, headers={"Metadata": "true"}, params=params)
        return _issued(http.send(request), "Azure metadata", "the client ID of the managed identity", ())

    return ask


def is_within(url: str, domains: Iterable[str]) -> bool:
    """Return True if the host of a URL belongs to one of the domains.

    Tokens of the controller's own identity go to such hosts only. A host with other signs than those of a name is none:
    parsers of URLs do not agree on it.
    """
    try:
        host = urlsplit(url).netloc
    except ValueError:
        return False
    name = host.partition(":")[0].lower()
    return bool(PLAIN_HOST.fullmatch(host)) and any(name == each or name.endswith(f".{each}") for each in domains)


def tenant_of_environment() -> str:
    """Return the tenant that Azure's webhook gives to this Pod, empty without one."""
    return os.environ.get("AZURE_TENANT_ID", "")


def text_of(value: SecretValue) -> str:
    """Return a credential as text, without the line end of a file."""
    return value.reveal().decode(errors="replace").strip()


def _asserted(client: str, assertion: str) -> Mapping[str, str]:
    return {"client_id": client, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def _issued(answer: HttpAnswer, server: str, check: str, sent: Any) -> EntraToken:
    if answer.status != 200:
        raise _refusal(answer, server, check, sent)
    body = answer.json_object(ANSWER)
    # The metadata service writes numbers as texts.
    token, told = body.get("access_token"), body.get("expires_in")
    seconds = life_of(int(told) if isinstance(told, str) and told.isdecimal() and len(told) < 20 else told)
    if not isinstance(token, str) or not token:
        raise ProviderUnavailable(f"{server}: {answer.call}: the answer holds no token")
    if seconds is None:
        raise ProviderUnavailable(f"{server}: {answer.call}: the token does not say when it ends")
    return EntraToken(token, seconds)


def _refusal(answer: HttpAnswer, server: str, check: str, sent: Any) -> Exception:
    given = answer.refusal(server, check)
    try:
        body = read_json(answer.content, ANSWER)
    except Unreadable:
        return given
    text = body.get("error_description") if isinstance(body, dict) else None
    said = reason(text.partition(VARYING_END)[0] if isinstance(text, str) else None, sent)
    return type(given)(f"{server}: {answer.call}: {answer.status}{said}: check {check}") if said else given


def _step(tenant: str) -> str:
    """Return a tenant as one step of a path. Raises ProviderDenied for one that leads elsewhere."""
    if not all(each.isalnum() or each in "-." for each in tenant) or tenant.strip(".") == "":
        raise ProviderDenied("tenantId: it is neither an id nor a domain")
    return tenant
