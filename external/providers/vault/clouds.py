"""Logins to Vault as an identity of a cloud: a request to AWS that Vault sends, or a token that Google signs."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from external.api.providers.aws import AwsAuth, AwsProvider
from external.api.providers.vault import GcpLogin, IamLogin
from external.providers.protocol import ConnectContext
from external.providers.support.amazon.identity import identity_of
from external.providers.support.amazon.session import STS, AwsConnection
from external.providers.support.amazon.signature import signed_headers
from external.providers.support.egress import EgressPolicy
from external.providers.support.google.login import account_of_cluster, token_client
from external.providers.support.google.tokens import identity_token, self_signed
from external.providers.support.lookup import INVALID
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

Said = Mapping[str, str | Callable[[], SecretValue] | SecretValue]
REGION = "us-east-1"
BODY = "Action=GetCallerIdentity&Version=2011-06-15"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
SERVER_ID = "X-Vault-AWS-IAM-Server-ID"
SESSION_NAME = "external-secrets-provider-vault"  # what users' trust policies know
JWT_SECONDS = 900
"""Vault takes no token of Google that lives longer."""


async def said_as_aws(given: IamLogin, context: ConnectContext, at: str) -> Said:
    """Return what is posted for a role of AWS: a signed request, which Vault sends to AWS.

    The original puts the credentials into the environment of the process, where other tenants find them.
    """
    spec = AwsProvider(
        service="SecretsManager",
        region=given.region or REGION,
        role=given.role,
        external_id=given.external_id,
        auth=AwsAuth(secret_ref=given.secret_ref, jwt=given.jwt) if given.secret_ref or given.jwt else None,
    )
    identity = replace(await identity_of(spec, context, at, auth_at=at), session_name=SESSION_NAME)
    url = "https://sts.amazonaws.com/" if spec.region == REGION else f"https://sts.{spec.region}.amazonaws.com/"
    extra = {SERVER_ID: given.vault_aws_iam_server_id} if given.vault_aws_iam_server_id else {}

    @cache
    def amazon() -> AwsConnection:
        return AwsConnection(spec, identity, context.retries, context.count, context.timeout, STS)

    def headers() -> SecretValue:
        signed = signed_headers(amazon().credentials(), spec.region, url, BODY, {"Content-Type": FORM, **extra})
        return SecretValue(base64.b64encode(json.dumps(signed).encode()))

    return {
        "role": given.vault_role,
        "iam_http_request_method": "POST",
        "iam_request_url": _encoded(url),
        "iam_request_body": _encoded(BODY),
        "iam_request_headers": headers,
    }


async def said_as_google(given: GcpLogin, context: ConnectContext, at: str) -> Said:
    """Return what is posted for an account of Google: a token for Vault that the account's key, or Google, signs."""
    audience = f"vault/{given.role}"

    def claims(email: str) -> dict[str, str | int]:
        return {"aud": audience, "sub": email, "exp": int(time.time()) + JWT_SECONDS}

    if given.secret_ref is not None:
        place = f"{at}.secretRef.secretAccessKeySecretRef"
        key = await context.lookup.secret(given.secret_ref.secret_access_key_secret_ref, place)
        return {"role": given.role, "jwt": lambda: self_signed(key, place, claims)}
    if given.workload_identity is not None:
        place = f"{at}.workloadIdentity"
        sign = await account_of_cluster(given.workload_identity, context, place, given.project_id or "")
        return {"role": given.role, "jwt": lambda: sign(claims)}
    if given.service_account_ref is not None:
        cure = "set workloadIdentity.serviceAccountRef"
        raise NeedsHuman(INVALID, f"{at}.serviceAccountRef: it selects nothing, there or in external-secrets: {cure}")
    if not context.ambient:
        text = "secretRef or workloadIdentity is missing, and this namespace may not act as the controller"
        raise NeedsHuman(INVALID, f"{at}: {text}: ask an administrator for external.ambient_namespaces")

    def of_node() -> SecretValue:
        http = token_client(EgressPolicy(everything=True), context)
        try:
            return identity_token(http, f"http://{audience}")
        finally:
            http.close()

    return {"role": given.role, "jwt": of_node}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
