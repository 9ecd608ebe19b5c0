"""Connects stores to Doppler."""

import os
import time
from collections.abc import Callable

from external.api.providers.doppler import Doppler, DopplerAuthOidcConfig
from external.providers.doppler.client import LABEL, DopplerClient
from external.providers.protocol import Client, ConnectContext, ProviderDenied, ProviderUnavailable
from external.providers.support.http import HttpClient, HttpOptions, HttpRequest
from external.providers.support.logins.loopback import require_secure
from external.providers.support.lookup import INVALID
from external.providers.support.refusals import reason
from external.providers.support.tokens import IssuedToken, TokenKeeper, credential
from manager.core.clock import parse_rfc3339
from manager.core.documents import ANSWER
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import CLUSTER_SECRET_STORES

AT = "spec.provider.doppler"
URL = "https://api.doppler.com"
URL_VARIABLE = "DOPPLER_BASE_URL"
"""An administrator sets it for a Doppler that is not the public one."""
SPARE_SECONDS = 60.0
DEFAULT_KEY = "dopplerToken"
LOGIN = "Login"


async def connect(spec: Doppler, context: ConnectContext) -> Client:
    """Return the client of one config."""
    auth, url = spec.auth, (os.environ.get(URL_VARIABLE) or URL).rstrip("/")
    require_secure(url, URL_VARIABLE)
    if (auth.secret_ref is None) == (auth.oidc_config is None):
        raise NeedsHuman(INVALID, f"{AT}.auth: exactly one of secretRef and oidcConfig must be set")
    options = HttpOptions(LABEL, context.egress, context.count, context.timeout, server="Doppler")
    if auth.secret_ref is not None:
        at = f"{AT}.auth.secretRef.dopplerToken"
        fixed = await context.lookup.secret(auth.secret_ref.doppler_token, at, DEFAULT_KEY)
        return await context.run(lambda: DopplerClient(spec, HttpClient(options, fixed), url))
    source = _account_token(auth.oidc_config, url, context)
    identity = auth.oidc_config.identity if auth.oidc_config is not None else ""

    def make() -> Client:
        login = HttpClient(options)
        keeper = TokenKeeper(lambda _: _issued(login, url, identity, source))
        return DopplerClient(spec, HttpClient(options, keeper), url)

    return await context.run(make)


def _account_token(given: DopplerAuthOidcConfig | None, url: str, context: ConnectContext) -> Callable[[], SecretValue]:
    if given is None:
        raise NeedsHuman(INVALID, f"{AT}.auth.oidcConfig is missing")
    store, reference = context.lookup.store, given.service_account_ref
    named = f"clusterSecretStore:{store.name}"
    if store.resource is not CLUSTER_SECRET_STORES:
        named = f"secretStore:{store.namespace}:{store.name}"
    audiences = [*(reference.audiences or [url]), named]
    at = f"{AT}.auth.oidcConfig.serviceAccountRef"
    return context.lookup.token_source(reference, audiences, given.expiration_seconds, at)


def _issued(http: HttpClient, url: str, identity: str, source: Callable[[], SecretValue]) -> IssuedToken:
    token = credential(LOGIN, source).reveal().decode().strip()
    answer = http.send(HttpRequest(LOGIN, "POST", f"{url}/v3/auth/oidc", json={"identity": identity, "token": token}))
    if answer.status >= 300:
        said = answer.json_object(ANSWER).get("messages") if not answer.temporary else None
        words = reason("; ".join(map(str, said)), [token]) if isinstance(said, list) else ""
        kind = ProviderUnavailable if answer.temporary else ProviderDenied
        raise kind(f"{LOGIN}: {answer.status}{words}: check oidcConfig.identity, and what it trusts")
    body = answer.json_object(ANSWER)
    given, ends = body.get("token"), parse_rfc3339(body.get("expires_at"))
    if not isinstance(given, str) or not given or ends is None:
        raise ProviderUnavailable(f"{LOGIN}: the answer holds no token that says when it ends")
    seconds = ends.timestamp() - time.time()
    return IssuedToken(SecretValue(given.encode()), time.monotonic() + max(seconds - SPARE_SECONDS, seconds / 2))
