"""GithubAccessToken: an installation token of a GitHub App."""

import time
from typing import Annotated
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import Field

from external.api.credentials import RequiredSecretValue
from external.api.fields import Model
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, http_url
from external.providers.support.json_web_tokens import issued_token, rsa_key, signed
from external.providers.support.naming import host_of
from manager.core.clock import parse_rfc3339
from manager.core.documents import ANSWER
from manager.core.secret_value import SecretValue

LABEL, CALL = "GitHub", "CreateInstallationToken"
DEFAULT_URL = "https://api.github.com"
BACKDATED_SECONDS, JWT_SECONDS = 10, 300  # clocks differ; GitHub takes ten minutes at most
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
MAX_BYTES = 16 << 10


class GithubAccessTokenSpecAuth(Model):
    """How to authenticate as a GitHub App."""

    private_key: RequiredSecretValue
    """Private key of the App."""


class GithubAccessTokenSpec(Model):
    """An installation token of a GitHub App."""

    app_id: Annotated[str, Field(alias="appID")]
    """ID of the GitHub App."""
    auth: GithubAccessTokenSpecAuth
    """How to authenticate as a GitHub App."""
    install_id: Annotated[str, Field(alias="installID")]
    """ID of the installation of the App."""
    permissions: dict[str, str] | None = None
    """Permissions of the token."""
    repositories: list[str] | None = None
    """Repositories that the token covers."""
    url: str | None = None
    """URL of the API."""


async def connect(spec: GithubAccessTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for a token: `token`."""
    place = f"{at}.auth.privateKey.secretRef"
    pem = await context.lookup.secret(spec.auth.private_key.secret_ref, place)
    url = (spec.url or DEFAULT_URL).rstrip("/")

    def make() -> Generated:
        http_url(url)
        http = HttpClient(
            HttpOptions(LABEL, context.egress, context.count, context.timeout, max_answer_bytes=MAX_BYTES)
        )
        wanted = {"repositories": spec.repositories, "permissions": spec.permissions}
        request = HttpRequest(
            CALL,
            "POST",
            f"{url}/app/installations/{quote(spec.install_id, safe='')}/access_tokens",
            headers=HEADERS,
            json={name: value for name, value in wanted.items() if value},
        )
        try:
            return _token(http.send_as(_signed(spec.app_id, rsa_key(pem, place)), request), host_of(url))
        finally:
            http.close()

    return make


def _signed(app: str, key: rsa.RSAPrivateKey) -> SecretValue:
    """Return the App's JWT (RS256), as GitHub describes it."""
    now = int(time.time())
    return signed({"iat": now - BACKDATED_SECONDS, "exp": now + JWT_SECONDS, "iss": app}, key)


def _token(answer: HttpAnswer, host: str) -> Generated:
    token = issued_token(answer, 201, f"GitHub {host}", "appID, installID, key and permissions")
    ends = parse_rfc3339(answer.json_object(ANSWER).get("expires_at"))
    return Generated({"token": SecretValue(token.encode())}, ends.timestamp() if ends else None)


GITHUB_ACCESS_TOKENS = GeneratorKind(
    resource=resource("githubaccesstokens", "GithubAccessToken"),
    spec=GithubAccessTokenSpec,
    generate=None,
    connect=connect,
    embedded="githubAccessTokenSpec",
    about="An installation token of a GitHub App.",
    weigh=lambda _spec: (1, MAX_BYTES),
    label=LABEL,
    life_seconds=3600.0,
)
