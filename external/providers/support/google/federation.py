"""Workload identity federation: a token of another issuer is exchanged for one of Google.

A store's ConfigMap may name addresses: they are Google's own, or the one that the store allows; programs and files are
never used, because they would be read as Coffer.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from external.api.fields import ConfigMapKeySelector, SecretKeySelector, ServiceAccountSelector
from external.api.providers.gcpsm import AwsSecurityCredentials, GoogleIdentityFederation
from external.providers.protocol import ConnectContext, ProviderUnavailable
from external.providers.support.amazon.signature import signed_headers
from external.providers.support.google.tokens import EXCHANGE, JWT, Ask, Subject, by_exchange
from external.providers.support.http import HttpClient, HttpRequest
from external.providers.support.lookup import INVALID
from manager.core.documents import ANSWER, CONFIGURATION, Unreadable, field, read_json
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

GOOGLE_ACCOUNT = "iam.gke.io/gcp-service-account"
ACCOUNT_TOKEN_SECONDS = 600
AWS_REQUEST = "urn:ietf:params:aws:token-type:aws4_request"
TARGET = "x-goog-cloud-target-resource"
TOKEN_URL = re.compile(r"https://sts\.([a-z0-9.-]+\.)?googleapis\.com/v1/token")
ACCOUNT_URL = re.compile(
    r"https://iamcredentials\.([a-z0-9.-]+\.)?googleapis\.com/v1/projects/-/serviceAccounts/"
    r"(?P<email>[^/:?#]+):generateAccessToken"
)
ONE = "exactly one of serviceAccountRef, awsSecurityCredentials and credConfig must be set"


async def by_federation(given: GoogleIdentityFederation, context: ConnectContext, at: str) -> Ask:
    """Return what logs in through a workload identity pool. Raises NeedsHuman."""
    ways = (given.service_account_ref, given.aws_security_credentials, given.cred_config)
    if sum(each is not None for each in ways) != 1:
        raise NeedsHuman(INVALID, f"{at}: {ONE}")
    email = given.gcp_service_account_email or ""
    if given.cred_config is not None:
        return await _configured(given, given.cred_config, context, f"{at}.credConfig")
    if given.aws_security_credentials is not None:
        keys = await _aws_keys(given.aws_security_credentials, context, f"{at}.awsSecurityCredentials")
        audience = _required(given.audience, at)
        signed = _signed(keys, given.aws_security_credentials.region, audience)
        return by_exchange(signed, audience, email, AWS_REQUEST)
    if given.service_account_ref is None:
        raise NeedsHuman(INVALID, f"{at}: {ONE}")
    return await _of_account(given, given.service_account_ref, context, at)


async def _of_account(
    given: GoogleIdentityFederation, account: ServiceAccountSelector, context: ConnectContext, at: str
) -> Ask:
    place, email = f"{at}.serviceAccountRef", given.gcp_service_account_email or ""
    found = await context.lookup.account(account, place)
    email = email or str((found["metadata"].get("annotations") or {}).get(GOOGLE_ACCOUNT) or "")
    audience = _required(given.audience, at)
    source = context.lookup.token_source(
        account, list(account.audiences or ()) or [audience], ACCOUNT_TOKEN_SECONDS, place
    )
    return by_exchange(lambda _: source(), audience, email)


def _required(audience: str | None, at: str) -> str:
    if not audience:
        raise NeedsHuman(INVALID, f"{at}.audience: it must be set beside serviceAccountRef or awsSecurityCredentials")
    return audience


@dataclass(frozen=True)
class _Source:
    """Where the token comes from that is exchanged."""

    url: str
    headers: Mapping[str, str]
    member: str
    """Name of the member of a JSON answer; empty where the answer is the token."""

    def __call__(self, http: HttpClient) -> SecretValue:
        answer = http.send(HttpRequest(EXCHANGE, "GET", self.url, headers=self.headers))
        if answer.status != 200:
            raise answer.refusal("the external issuer", "externalTokenEndpoint and the headers of credConfig")
        if not self.member:
            return SecretValue(answer.content)
        token = answer.json_object(ANSWER).get(self.member)
        if not isinstance(token, str) or not token:
            raise ProviderUnavailable(f"{EXCHANGE}: the answer of the external issuer holds no token")
        return SecretValue(token.encode())


async def _configured(
    given: GoogleIdentityFederation, selector: ConfigMapKeySelector, context: ConnectContext, at: str
) -> Ask:
    """Return what logs in as an external account, of the form that gcloud writes."""
    text = await context.lookup.configuration(selector, at)
    try:
        found = read_json(text, CONFIGURATION)
        if field(found, "type", str) != "external_account":
            raise NeedsHuman(INVALID, f"{at}: its type is not external_account")
        audience = given.audience or field(found, "audience", str)
        kind, url = field(found, "subject_token_type", str) or JWT, field(found, "token_url", str) or ""
        account = field(found, "service_account_impersonation_url", str) or ""
        source = _source(field(found, "credential_source", dict) or {}, given.external_token_endpoint or "", at)
    except Unreadable as error:
        raise NeedsHuman(INVALID, f"{at}: it is no credential configuration: {error}") from None
    if not audience:
        raise NeedsHuman(INVALID, f"{at}: audience is missing, there and in the store")
    if url and not TOKEN_URL.fullmatch(url):
        raise NeedsHuman(INVALID, f"{at}: token_url is no address of Google's Security Token Service")
    acting = ACCOUNT_URL.fullmatch(account)
    if account and acting is None:
        raise NeedsHuman(INVALID, f"{at}: service_account_impersonation_url is no address of Google's")
    email = given.gcp_service_account_email or (acting["email"] if acting else "")
    return by_exchange(source, audience, email, kind, url)


def _source(found: Mapping[str, Any], allowed: str, at: str) -> Subject:
    """Return what gets the token of a credential source. Raises NeedsHuman, Unreadable."""
    refused = sorted({"executable", "file", "environment_id", "certificate"} & set(found))
    if refused:
        cure = "set serviceAccountRef or awsSecurityCredentials, or a source with url"
        raise NeedsHuman(INVALID, f"{at}: {', '.join(refused)} would be read as Coffer itself: {cure}")
    url = field(found, "url", str) or ""
    if not url or url != allowed:
        raise NeedsHuman(INVALID, f"{at}: credential_source.url must be what externalTokenEndpoint says")
    headers = {name: str(each) for name, each in (field(found, "headers", dict) or {}).items()}
    form = field(found, "format", dict) or {}
    member = field(form, "subject_token_field_name", str) or "" if field(form, "type", str) == "json" else ""
    return _Source(url, headers, member)


async def _aws_keys(
    given: AwsSecurityCredentials, context: ConnectContext, at: str
) -> tuple[SecretValue, SecretValue, SecretValue | None]:
    ref, place = given.aws_credentials_secret_ref, f"{at}.awsCredentialsSecretRef"

    async def value(key: str) -> SecretValue:
        selector = SecretKeySelector(name=ref.name, namespace=ref.namespace, key=key)
        return await context.lookup.secret(selector, place)

    try:
        session = await value("aws_session_token")
    except NeedsHuman:
        session = None  # long-lived keys have none
    return await value("aws_access_key_id"), await value("aws_secret_access_key"), session


def _signed(keys: tuple[SecretValue, SecretValue, SecretValue | None], region: str, audience: str) -> Subject:
    """Return what signs a request to AWS that says who one is: Google sends it, and believes the answer."""

    def sign(http: HttpClient) -> SecretValue:
        del http
        from botocore.credentials import Credentials

        plain = [each.reveal().decode().strip() if each is not None else None for each in keys]
        url = f"https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
        signed = signed_headers(Credentials(*plain), region, url, headers={TARGET: audience})
        headers = [{"key": name, "value": each} for name, each in signed.items()]
        text = json.dumps({"headers": headers, "method": "POST", "url": url}, sort_keys=True)
        return SecretValue(quote(text).encode())

    return sign
