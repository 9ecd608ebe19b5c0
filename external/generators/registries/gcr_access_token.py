"""GCRAccessToken: an access token of Google Cloud, as its registries take it for a password."""

import time
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import Field

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector
from external.api.providers.clouds import GoogleIdentityFederation
from external.errors import FAILED
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext, Egress, ProviderDenied, ProviderUnavailable
from external.providers.support.egress import EgressPolicy
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.json_web_tokens import rsa_key, signed
from external.providers.support.tokens import credential
from manager.core.clock import parse_rfc3339
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

LABEL = "GCP"
TOKEN, EXCHANGE, IMPERSONATE = "Token", "ExchangeToken", "GenerateAccessToken"
TOKEN_URL = "https://oauth2.googleapis.com/token"
EXCHANGE_URL = "https://sts.googleapis.com/v1/token"
IMPERSONATE_URL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
METADATA_URL = "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN, JWT = (f"urn:ietf:params:oauth:token-type:{each}" for each in ("access_token", "jwt"))
GOOGLE_ACCOUNT = "iam.gke.io/gcp-service-account"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
USER = "oauth2accesstoken"
JWT_SECONDS, ACCOUNT_TOKEN_SECONDS = 3600, 600
MAX_BYTES = 32 << 10


class GcrAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    secret_access_key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the service account key."""


class GcrAuthWorkloadIdentity(Model):
    """Workload identity of the cloud."""

    cluster_location: str
    """Location of the GKE cluster."""
    cluster_name: str
    """Name of the GKE cluster."""
    cluster_project_id: Annotated[str | None, Field(alias="clusterProjectID")] = None
    """Project of the GKE cluster."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""


class GcrAuth(Model):
    """How to authenticate to Google Cloud."""

    secret_ref: GcrAuthSecretRef | None = None
    """Credentials that Secrets hold."""
    workload_identity: GcrAuthWorkloadIdentity | None = None
    """Workload identity of the cloud."""
    workload_identity_federation: GoogleIdentityFederation | None = None
    """Workload identity federation of Google Cloud."""


class GCRAccessTokenSpec(Model):
    """An access token of Google Cloud."""

    auth: GcrAuth
    """How to authenticate to Google Cloud."""
    project_id: Annotated[str, Field(alias="projectID")]
    """ID of the project."""


Ask = Callable[[HttpClient], tuple[str, float]]
"""Returns an access token, and the Unix time at which it ends."""


async def connect(spec: GCRAccessTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for a token: `username`, `password`, `expiry`."""
    ask, egress = await _login(spec, context, f"{at}.auth")

    def make() -> Generated:
        http = HttpClient(HttpOptions(LABEL, egress, context.count, context.timeout, max_answer_bytes=MAX_BYTES))
        try:
            token, ends_at = ask(http)
        finally:
            http.close()
        values = {"username": USER, "password": token, "expiry": str(int(ends_at))}
        return Generated({name: SecretValue(text.encode()) for name, text in values.items()}, ends_at)

    return make


async def _login(spec: GCRAccessTokenSpec, context: ConnectContext, at: str) -> tuple[Ask, Egress]:
    auth = spec.auth
    if auth.secret_ref is not None:
        place = f"{at}.secretRef.secretAccessKeySecretRef"
        content = await context.lookup.secret(auth.secret_ref.secret_access_key_secret_ref, place)
        return _by_key(content, place), context.egress
    if auth.workload_identity is not None:
        return await _by_cluster(spec, auth.workload_identity, context, f"{at}.workloadIdentity"), context.egress
    if auth.workload_identity_federation is not None:
        place = f"{at}.workloadIdentityFederation"
        return await _by_federation(auth.workload_identity_federation, context, place), context.egress
    if not context.ambient:
        text = (
            "secretRef, workloadIdentity or workloadIdentityFederation must be set: Coffer's own identity is not used"
        )
        raise NeedsHuman(FAILED, f"{at}: {text}")
    return _by_metadata, EgressPolicy(everything=True)  # Coffer's own request, to an address that no tenant has chosen


def _by_key(content: SecretValue, place: str) -> Ask:
    """Log in with the key of a Google service account (RFC 7523)."""

    def ask(http: HttpClient) -> tuple[str, float]:
        try:
            key: Any = read_json(content.reveal(), ANSWER)
            email, pem = key["client_email"], key["private_key"]
            url = key.get("token_uri") or TOKEN_URL
        except (Unreadable, KeyError, TypeError, AttributeError):
            raise ProviderDenied(f"{place}: it is no key of a Google service account") from None
        now = int(time.time())
        claims = {"iss": email, "scope": SCOPE, "aud": TOKEN_URL, "iat": now, "exp": now + JWT_SECONDS}
        assertion = signed(claims, rsa_key(SecretValue(str(pem).encode()), place), kid=key.get("private_key_id"))
        body = urlencode({"grant_type": JWT_BEARER, "assertion": assertion.reveal().decode()}).encode()
        request = HttpRequest(TOKEN, "POST", str(url), headers=FORM, body=body)
        return _issued(http.send(request), "the key of the service account")

    return ask


async def _by_cluster(
    spec: GCRAccessTokenSpec, given: GcrAuthWorkloadIdentity, context: ConnectContext, at: str
) -> Ask:
    """Log in as a ServiceAccount of a GKE cluster, and as the Google service account that its annotation names."""
    project = given.cluster_project_id or spec.project_id
    pool = f"{project}.svc.id.goog"
    cluster = f"projects/{project}/locations/{given.cluster_location}/clusters/{given.cluster_name}"
    audience = f"identitynamespace:{pool}:https://container.googleapis.com/v1/{cluster}"
    place = f"{at}.serviceAccountRef"
    account = await context.lookup.account(given.service_account_ref, place)
    email = (account["metadata"].get("annotations") or {}).get(GOOGLE_ACCOUNT)
    audiences = [*(given.service_account_ref.audiences or ()), pool]
    source = context.lookup.token_source(given.service_account_ref, audiences, ACCOUNT_TOKEN_SECONDS, place)
    return _by_exchange(source, audience, str(email or ""))


async def _by_federation(given: GoogleIdentityFederation, context: ConnectContext, at: str) -> Ask:
    """Log in through a workload identity pool with the token of a ServiceAccount."""
    if given.cred_config is not None or given.aws_security_credentials is not None:
        text = "credConfig and awsSecurityCredentials are not supported by this version"
        raise NeedsHuman(FAILED, f"{at}: {text}: set serviceAccountRef and audience")
    if given.service_account_ref is None or not given.audience:
        raise NeedsHuman(FAILED, f"{at}: serviceAccountRef and audience must be set")
    audiences = [*(given.service_account_ref.audiences or ()), given.audience]
    place = f"{at}.serviceAccountRef"
    source = context.lookup.token_source(given.service_account_ref, audiences, ACCOUNT_TOKEN_SECONDS, place)
    return _by_exchange(source, given.audience, given.gcp_service_account_email or "")


def _by_exchange(source: Callable[[], SecretValue], audience: str, email: str) -> Ask:
    def ask(http: HttpClient) -> tuple[str, float]:
        body = {
            "audience": audience,
            "grantType": EXCHANGE_GRANT,
            "requestedTokenType": ACCESS_TOKEN,
            "scope": SCOPE,
            "subjectTokenType": JWT,
            "subjectToken": credential(EXCHANGE, source).reveal().decode().strip(),
        }
        answer = http.send(HttpRequest(EXCHANGE, "POST", EXCHANGE_URL, json=body))
        token, ends_at = _issued(answer, "the pool and its provider")
        return _impersonated(http, token, email) if email else (token, ends_at)

    return ask


def _impersonated(http: HttpClient, token: str, email: str) -> tuple[str, float]:
    url = f"{IMPERSONATE_URL}{quote(email, safe='@')}:generateAccessToken"
    answer = http.send_as(SecretValue(token.encode()), HttpRequest(IMPERSONATE, "POST", url, json={"scope": [SCOPE]}))
    _require_success(answer, "that the identity may impersonate the Google service account")
    found = answer.json_object(ANSWER)
    ends, made = parse_rfc3339(found.get("expireTime")), found.get("accessToken")
    if ends is None or not isinstance(made, str) or not made:
        raise ProviderUnavailable(f"Google Cloud: {IMPERSONATE}: the answer holds no token")
    return made, ends.timestamp()


def _by_metadata(http: HttpClient) -> tuple[str, float]:
    request = HttpRequest(TOKEN, "GET", METADATA_URL, headers={"Metadata-Flavor": "Google"})
    return _issued(http.send(request), "the service account of the node")


def _issued(answer: HttpAnswer, check: str) -> tuple[str, float]:
    _require_success(answer, check)
    found = answer.json_object(ANSWER)
    token, seconds = found.get("access_token"), found.get("expires_in")
    if not isinstance(token, str) or not token or not isinstance(seconds, int):
        raise ProviderUnavailable(f"Google Cloud: {answer.call}: the answer holds no token")
    return token, time.time() + seconds


def _require_success(answer: HttpAnswer, check: str) -> None:
    if answer.status != 200:
        raise answer.refusal("Google Cloud", check)


GCR_ACCESS_TOKENS = GeneratorKind(
    resource=resource("gcraccesstokens", "GCRAccessToken"),
    spec=GCRAccessTokenSpec,
    generate=None,
    connect=connect,
    embedded="gcrAccessTokenSpec",
    about="An access token of Google Cloud.",
    weigh=lambda _spec: (3, MAX_BYTES),
    label=LABEL,
    life_seconds=3600.0,
)
