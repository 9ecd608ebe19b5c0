"""Connects stores to Akeyless."""

import base64
from collections.abc import Callable

from external.api.providers.akeyless import Akeyless, AkeylessAuthSecretRefKubernetesAuth
from external.providers.akeyless.client import AkeylessClient
from external.providers.akeyless.connection import LABEL, UNIVERSAL_IDENTITY, AkeylessConnection, Body
from external.providers.protocol import Client, ConnectContext
from external.providers.support.http import HttpOptions, http_url
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from external.providers.support.tls import trusting
from external.providers.support.tokens import credential
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

AT = "spec.provider.akeyless"
AUTH = f"{AT}.authSecretRef"
TOKEN_SECONDS = 600
KEY_TYPES = frozenset({"api_key", "access_key"})
SERVED = "api_key, access_key, a token of universal identity, or kubernetesAuth"


async def connect(spec: Akeyless, context: ConnectContext) -> Client:
    """Return the client of one account, over its gateway or the public API."""
    http_url(spec.akeyless_gw_api_url)
    login, fixed = await _login(spec, context)
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, AT)
    host = host_of(spec.akeyless_gw_api_url)

    def make() -> Client:
        options = HttpOptions.of(LABEL, context, f"akeylessGWApiURL, {host}", tls_context=trusting(authorities))
        connection = AkeylessConnection(spec.akeyless_gw_api_url, options, login, fixed)
        return AkeylessClient(connection, f"Akeyless {host}", ignore_cache=bool(spec.ignore_cache))

    return await context.run(make)


async def _login(spec: Akeyless, context: ConnectContext) -> tuple[Body | None, SecretValue | None]:
    """Return what logs in, or a token that needs no login. Raises NeedsHuman."""
    given = spec.auth_secret_ref
    if given.kubernetes_auth is not None:
        return await _kubernetes(given.kubernetes_auth, spec.akeyless_gw_api_url, context), None
    reference, at = given.secret_ref, f"{AUTH}.secretRef"
    if reference is None:
        raise NeedsHuman(INVALID, f"{AUTH}: kubernetesAuth or secretRef must be set")
    access = _text(await context.lookup.secret(reference.access_id, f"{at}.accessID"))
    kind = _text(await context.lookup.secret(reference.access_type, f"{at}.accessType"))
    param = await context.lookup.secret(reference.access_type_param, f"{at}.accessTypeParam")
    if _text(param).startswith(UNIVERSAL_IDENTITY):
        return None, SecretValue(_text(param).encode())
    if kind not in KEY_TYPES:
        raise NeedsHuman(INVALID, f"{at}.accessType: this type is not served by this version; served: {SERVED}")
    return (lambda: {"access-id": access, "access-type": "access_key", "access-key": _text(param)}), None


async def _kubernetes(given: AkeylessAuthSecretRefKubernetesAuth, url: str, context: ConnectContext) -> Body:
    source = await _token_source(given, context)

    def body() -> dict[str, str]:
        token = _text(credential("Auth", source))
        return {
            "access-id": given.access_id,
            "access-type": "k8s",
            "gateway-url": url,
            "k8s-auth-config-name": given.k8s_conf_name,
            "k8s-service-account-token": base64.b64encode(token.encode()).decode(),
        }

    return body


async def _token_source(
    given: AkeylessAuthSecretRefKubernetesAuth, context: ConnectContext
) -> Callable[[], SecretValue]:
    at = f"{AUTH}.kubernetesAuth"
    if given.service_account_ref is not None:
        reference, place = given.service_account_ref, f"{at}.serviceAccountRef"
        return context.lookup.token_source(reference, list(reference.audiences or ()), TOKEN_SECONDS, place)
    if given.secret_ref is None:
        raise NeedsHuman(INVALID, f"{at}: serviceAccountRef or secretRef must be set")
    fixed = await context.lookup.secret(given.secret_ref, f"{at}.secretRef", "token")
    return lambda: fixed


def _text(value: SecretValue) -> str:
    return value.reveal().decode(errors="replace").strip()
