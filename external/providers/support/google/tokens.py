"""Access tokens of Google Cloud: exchanged, impersonated, or of the node."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpRequest
from external.providers.support.json_web_tokens import rsa_key, signed
from external.providers.support.tokens import credential, life_of
from manager.core.clock import parse_rfc3339
from manager.core.documents import ANSWER, Unreadable, field, read_json
from manager.core.secret_value import SecretValue

LABEL = "GCP"
TOKEN, EXCHANGE, IMPERSONATE, METADATA = "Token", "ExchangeToken", "GenerateAccessToken", "GetMetadata"
SIGN = "SignJwt"
TOKEN_URL = "https://oauth2.googleapis.com/token"
EXCHANGE_URL = "https://sts.googleapis.com/v1/token"
IMPERSONATE_URL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
METADATA_URL = "http://169.254.169.254/computeMetadata/v1/"
NODE_TOKEN = "instance/service-accounts/default/token"
NODE_IDENTITY = "instance/service-accounts/default/identity"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN, JWT = (f"urn:ietf:params:oauth:token-type:{each}" for each in ("access_token", "jwt"))
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JWT_SECONDS = 3600
MAX_BYTES = 32 << 10

Ask = Callable[[HttpClient], tuple[str, float]]
"""Returns an access token, and the Unix time at which it ends."""
Claims = Callable[[str], Mapping[str, Any]]
"""Returns the claims of a token for an account."""
Subject = Callable[[HttpClient], SecretValue]
"""Returns the token that is exchanged."""


def by_key(content: SecretValue, place: str) -> Ask:
    """Log in with the key of a Google service account (RFC 7523)."""

    def ask(http: HttpClient) -> tuple[str, float]:
        account = _account(content, place)
        now = int(time.time())
        claims = {"iss": account.email, "scope": SCOPE, "aud": TOKEN_URL, "iat": now, "exp": now + JWT_SECONDS}
        assertion = account.signed(claims).reveal().decode()
        body = urlencode({"grant_type": JWT_BEARER, "assertion": assertion}).encode()
        request = HttpRequest(TOKEN, "POST", account.token_url, headers=FORM, body=body)
        return issued(http.send(request), "the key of the account")

    return ask


def self_signed(content: SecretValue, place: str, claims: Claims) -> SecretValue:
    """Return a token with these claims, signed with the key of a Google service account. Raises ProviderDenied."""
    account = _account(content, place)
    return account.signed(claims(account.email))


def signed_by_google(http: HttpClient, token: str, email: str, claims: Claims) -> SecretValue:
    """Return a token with these claims that Google signs as a service account. Raises ProviderError."""
    url, body = f"{IMPERSONATE_URL}{quote(email, safe='@')}:signJwt", {"payload": json.dumps(claims(email))}
    answer = http.send_as(SecretValue(token.encode()), HttpRequest(SIGN, "POST", url, json=body))
    _require_success(answer, "that the identity may sign as the Google service account")
    signed = answer.json_object(ANSWER).get("signedJwt")
    if not isinstance(signed, str) or not signed:
        raise ProviderUnavailable(f"Google Cloud: {SIGN}: the answer holds no token")
    return SecretValue(signed.encode())


def identity_token(http: HttpClient, audience: str) -> SecretValue:
    """Return a token that says which machine this is. Raises ProviderError."""
    query = urlencode({"audience": audience, "format": "full"})
    answer = _metadata(http, TOKEN, f"{NODE_IDENTITY}?{query}")
    _require_success(answer, "the service account of the node")
    return SecretValue(answer.content)


@dataclass(frozen=True)
class _Account:
    """The key of a Google service account."""

    email: str
    pem: SecretValue
    key_id: str | None
    token_url: str
    place: str

    def signed(self, claims: Mapping[str, Any]) -> SecretValue:
        return signed(claims, rsa_key(self.pem, self.place), kid=self.key_id)


def _account(content: SecretValue, place: str) -> _Account:
    """Read a key. Raises ProviderDenied, which names the place."""
    try:
        key = read_json(content.reveal(), ANSWER)
        email, pem, kid = (field(key, name, str) for name in ("client_email", "private_key", "private_key_id"))
        url = field(key, "token_uri", str) or TOKEN_URL
    except Unreadable:
        email = pem = None
    if not email or not pem:
        raise ProviderDenied(f"{place}: it is no key of a Google service account")
    return _Account(email, SecretValue(pem.encode()), kid, url, place)


def by_exchange(subject: Subject, audience: str, email: str = "", kind: str = JWT, url: str = "") -> Ask:
    """Exchange a token (RFC 8693), and act as a Google service account if one is named.

    Args:
        subject: gets the token that is exchanged.
        audience: of the pool's provider.
        email: of the Google service account; empty for the identity itself.
        kind: of the token that is exchanged.
        url: of the service that exchanges; empty for Google's usual one.
    """

    def ask(http: HttpClient) -> tuple[str, float]:
        body = {
            "audience": audience,
            "grantType": EXCHANGE_GRANT,
            "requestedTokenType": ACCESS_TOKEN,
            "scope": SCOPE,
            "subjectTokenType": kind,
            "subjectToken": credential(EXCHANGE, lambda: subject(http)).reveal().decode().strip(),
        }
        answer = http.send(HttpRequest(EXCHANGE, "POST", url or EXCHANGE_URL, json=body))
        token, ends_at = issued(answer, "the pool and its provider")
        return _impersonated(http, token, email) if email else (token, ends_at)

    return ask


def by_metadata(http: HttpClient) -> tuple[str, float]:
    """Log in as the node, or as the ServiceAccount that GKE gives Coffer's own Pod."""
    return issued(_metadata(http, TOKEN, NODE_TOKEN), "the service account of the node")


def fact(http: HttpClient, path: str) -> str:
    """Return what the metadata server says of project or cluster. Raises ProviderError."""
    answer = _metadata(http, METADATA, path)
    if answer.status != 200 or not answer.content:
        raise answer.refusal("Google Cloud", f"that Coffer runs on Google Cloud, or name it in the store: {path}")
    return answer.content.decode(errors="replace").strip()


def issued(answer: HttpAnswer, check: str) -> tuple[str, float]:
    """Return token and end of an answer. Raises ProviderError."""
    _require_success(answer, check)
    found = answer.json_object(ANSWER)
    token, seconds = found.get("access_token"), life_of(found.get("expires_in"))
    if not isinstance(token, str) or not token or seconds is None:
        raise ProviderUnavailable(f"Google Cloud: {answer.call}: the answer holds no token")
    return token, time.time() + seconds


def _impersonated(http: HttpClient, token: str, email: str) -> tuple[str, float]:
    url = f"{IMPERSONATE_URL}{quote(email, safe='@')}:generateAccessToken"
    answer = http.send_as(SecretValue(token.encode()), HttpRequest(IMPERSONATE, "POST", url, json={"scope": [SCOPE]}))
    _require_success(answer, "that the identity may impersonate the Google service account")
    found = answer.json_object(ANSWER)
    ends, made = parse_rfc3339(found.get("expireTime")), found.get("accessToken")
    if ends is None or not isinstance(made, str) or not made:
        raise ProviderUnavailable(f"Google Cloud: {IMPERSONATE}: the answer holds no token")
    return made, ends.timestamp()


def _metadata(http: HttpClient, call: str, path: str) -> HttpAnswer:
    return http.send(HttpRequest(call, "GET", METADATA_URL + path, headers={"Metadata-Flavor": "Google"}))


def _require_success(answer: HttpAnswer, check: str) -> None:
    if answer.status != 200:
        raise answer.refusal("Google Cloud", check)
