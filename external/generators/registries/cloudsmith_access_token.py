"""CloudsmithAccessToken: a token of Cloudsmith, for the token of a ServiceAccount that it trusts."""

import base64
from collections.abc import Callable
from urllib.parse import quote

from external.api.fields import Model, ServiceAccountSelector
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, http_url
from external.providers.support.json_web_tokens import expiry_of, issued_token
from external.providers.support.naming import host_of
from external.providers.support.tokens import credential
from manager.core.secret_value import SecretValue

LABEL, CALL = "Cloudsmith", "ExchangeToken"
DEFAULT_URL = "https://api.cloudsmith.io"
ACCOUNT_TOKEN_SECONDS = 600
MAX_BYTES = 16 << 10


class CloudsmithAccessTokenSpec(Model):
    """An access token of Cloudsmith."""

    api_url: str | None = None
    """URL of the API."""
    org_slug: str
    """Slug of the organization."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""
    service_slug: str
    """Slug of the service account."""


async def connect(spec: CloudsmithAccessTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for a token: `auth`, `expiry`."""
    reference, place = spec.service_account_ref, f"{at}.serviceAccountRef"
    ask = context.lookup.token_source(reference, list(reference.audiences or ()), ACCOUNT_TOKEN_SECONDS, place)
    url = (spec.api_url or DEFAULT_URL).rstrip("/")

    def make() -> Generated:
        http_url(url)
        http = HttpClient(
            HttpOptions(LABEL, context.egress, context.count, context.timeout, max_answer_bytes=MAX_BYTES)
        )
        try:
            return _login(http.send(_request(spec, url, ask)), host_of(url))
        finally:
            http.close()

    return make


def _request(spec: CloudsmithAccessTokenSpec, url: str, ask: Callable[[], SecretValue]) -> HttpRequest:
    token = credential(CALL, ask).reveal().decode().strip()
    wanted = {"oidc_token": token, "service_slug": spec.service_slug}
    return HttpRequest(CALL, "POST", f"{url}/openid/{quote(spec.org_slug, safe='')}/", json=wanted)


def _login(answer: HttpAnswer, host: str) -> Generated:
    server = f"Cloudsmith {host}"
    token = issued_token(answer, 201, server, "orgSlug, serviceSlug and its provider settings")
    ends = expiry_of(token, server)
    values = {"auth": base64.b64encode(f"token:{token}".encode()).decode(), "expiry": str(int(ends))}
    return Generated({name: SecretValue(text.encode()) for name, text in values.items()}, ends)


CLOUDSMITH_ACCESS_TOKENS = GeneratorKind(
    resource=resource("cloudsmithaccesstokens", "CloudsmithAccessToken"),
    spec=CloudsmithAccessTokenSpec,
    generate=None,
    connect=connect,
    embedded="cloudsmithAccessTokenSpec",
    about="An access token of Cloudsmith.",
    weigh=lambda _spec: (2, 2 * MAX_BYTES),
    label=LABEL,
    life_seconds=7200.0,
)
