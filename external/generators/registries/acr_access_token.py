"""ACRAccessToken: a token of an Azure Container Registry, for a token of Microsoft Entra ID."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlencode

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector
from external.errors import FAILED
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext, Egress, ProviderUnavailable
from external.providers.support.egress import EgressPolicy
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.json_web_tokens import expiry_of
from external.providers.support.logins import entra
from external.providers.support.logins.entra import FORM_HEADERS, Ask, Principal, text_of
from external.providers.support.naming import host_of
from manager.core.documents import ANSWER
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

LABEL = "Azure/ContainerRegistry"
EXCHANGE, ACCESS = "ExchangeToken", "AccessToken"
SCHEME = "https://"
REGISTRY_DOMAINS = ("azurecr.io", "azurecr.us", "azurecr.cn", "azurecr.de")
"""Hosts of Azure's own registries: any other would get a token of the resource manager."""
USER = "00000000-0000-0000-0000-000000000000"
MAX_BYTES = 32 << 10


class ACRAccessTokenSpecAuthManagedIdentity(Model):
    """A managed identity of Azure."""

    identity_id: str | None = None
    """Client ID of the managed identity."""


class ACRAccessTokenSpecAuthServicePrincipalSecretRef(Model):
    """Credentials that Secrets hold."""

    client_id: SecretKeySelector | None = None
    """Key of a Secret that holds the client ID."""
    client_secret: SecretKeySelector | None = None
    """Key of a Secret that holds the client secret."""


class ACRAccessTokenSpecAuthServicePrincipal(Model):
    """A service principal of Azure."""

    secret_ref: ACRAccessTokenSpecAuthServicePrincipalSecretRef
    """Credentials that Secrets hold."""


class ACRAccessTokenSpecAuthWorkloadIdentity(Model):
    """Workload identity of the cloud."""

    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""


class ACRAccessTokenSpecAuth(Model):
    """How to authenticate to Azure Container Registry."""

    managed_identity: ACRAccessTokenSpecAuthManagedIdentity | None = None
    """A managed identity of Azure."""
    service_principal: ACRAccessTokenSpecAuthServicePrincipal | None = None
    """A service principal of Azure."""
    workload_identity: ACRAccessTokenSpecAuthWorkloadIdentity | None = None
    """Workload identity of the cloud."""


class ACRAccessTokenSpec(Model):
    """An access token of an Azure Container Registry."""

    auth: ACRAccessTokenSpecAuth
    """How to authenticate to Azure Container Registry."""
    environment_type: Literal["PublicCloud", "USGovernmentCloud", "ChinaCloud", "GermanCloud", "AzureStackCloud"] = (
        "PublicCloud"
    )
    """Azure cloud."""
    registry: str
    """Domain of the registry."""
    scope: str | None = None
    """Scope of the token; without it a refresh token is returned."""
    tenant_id: str | None = None
    """ID of the tenant."""


async def connect(spec: ACRAccessTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for a token: `username`, `password`; with a scope an access token, else a refresh token."""
    cloud = entra.CLOUDS.get(spec.environment_type)
    if cloud is None:
        raise NeedsHuman(FAILED, f"{at}.environmentType: {spec.environment_type} has no login that is known here")
    login, egress = await _login(spec, cloud.login, context, at)
    registry = spec.registry.removeprefix(SCHEME).rstrip("/")

    def make() -> Generated:
        entra_http, http = _client(context, egress), _client(context, context.egress)
        try:
            token = _exchanged(http, registry, login(entra_http, cloud.management).value, spec)
        finally:
            entra_http.close()
            http.close()
        values = {"username": SecretValue(USER.encode()), "password": SecretValue(token.encode())}
        return Generated(values, expiry_of(token, _server(registry)))

    return make


async def _login(spec: ACRAccessTokenSpec, login: str, context: ConnectContext, at: str) -> tuple[Ask, Egress]:
    """Return what logs in to Entra ID, and where that may lead."""
    auth = spec.auth
    if auth.service_principal is not None:
        given, place = auth.service_principal.secret_ref, f"{at}.auth.servicePrincipal.secretRef"
        client = text_of(await context.lookup.secret(given.client_id, f"{place}.clientId"))
        secret = await context.lookup.secret(given.client_secret, f"{place}.clientSecret")
        tenant = _required(spec.tenant_id, f"{at}.tenantId")
        return Principal(login, tenant, entra.by_secret(client, secret)), context.egress
    if auth.workload_identity is not None:
        return await _by_account(spec, login, context, f"{at}.auth.workloadIdentity"), context.egress
    if auth.managed_identity is not None:
        place = f"{at}.auth.managedIdentity"
        if not context.ambient:
            text = "it is Coffer's own identity: an administrator allows it by external.ambient_namespaces"
            raise NeedsHuman(FAILED, f"{place}: {text}, or writes a ClusterGenerator")
        if not entra.is_within(f"{SCHEME}{spec.registry.removeprefix(SCHEME)}", REGISTRY_DOMAINS):
            known = ", ".join(REGISTRY_DOMAINS)
            text = f"a host outside of {known} does not go with managedIdentity, which is Coffer's own identity"
            raise NeedsHuman(FAILED, f"{at}.registry: {text}")
        # The request is Coffer's own, to an address that no tenant has chosen.
        return entra.by_metadata(auth.managed_identity.identity_id), EgressPolicy(everything=True)
    raise NeedsHuman(FAILED, f"{at}.auth: servicePrincipal, workloadIdentity or managedIdentity must be set")


async def _by_account(spec: ACRAccessTokenSpec, login: str, context: ConnectContext, at: str) -> Ask:
    given = spec.auth.workload_identity
    reference, place = given.service_account_ref if given else None, f"{at}.serviceAccountRef"
    if reference is None:
        raise NeedsHuman(FAILED, f"{place} is missing")
    account = await context.lookup.account(reference, place)
    annotations = account["metadata"].get("annotations") or {}
    named = f"{place}: the annotation {entra.CLIENT_ID} of its ServiceAccount"
    client = _required(annotations.get(entra.CLIENT_ID), named)
    tenant = _required(spec.tenant_id or annotations.get(entra.TENANT_ID), f"{place}: the annotation {entra.TENANT_ID}")
    audiences = [*(reference.audiences or ()), entra.AUDIENCE]
    source = context.lookup.token_source(reference, audiences, entra.ACCOUNT_TOKEN_SECONDS, place)
    return Principal(login, tenant, entra.by_assertion(client, source))


def _exchanged(http: HttpClient, registry: str, token: str, spec: ACRAccessTokenSpec) -> str:
    form = {"grant_type": "access_token", "service": registry, "access_token": token}
    form |= {"tenant": spec.tenant_id} if spec.tenant_id else {}
    server, check = _server(registry), "registry and the rights of the identity"
    answer = _posted(http, EXCHANGE, f"{SCHEME}{registry}/oauth2/exchange", form)
    refresh = _member(answer, "refresh_token", server, check)
    if not spec.scope:
        return refresh
    form = {"grant_type": "refresh_token", "service": registry, "scope": spec.scope, "refresh_token": refresh}
    answer = _posted(http, ACCESS, f"{SCHEME}{registry}/oauth2/token", form)
    return _member(answer, "access_token", server, "scope")


def _posted(http: HttpClient, call: str, url: str, form: Mapping[str, str]) -> HttpAnswer:
    return http.send(HttpRequest(call, "POST", url, headers=FORM_HEADERS, body=urlencode(form).encode()))


def _member(answer: HttpAnswer, name: str, server: str, check: str) -> str:
    if answer.status != 200:
        raise answer.refusal(server, check)
    found = answer.json_object(ANSWER).get(name)
    if not isinstance(found, str) or not found:
        raise ProviderUnavailable(f"{server}: {answer.call}: the answer holds no token")
    return found


def _client(context: ConnectContext, egress: Egress) -> HttpClient:
    return HttpClient(HttpOptions(LABEL, egress, context.count, context.timeout, max_answer_bytes=MAX_BYTES))


def _required(given: str | None, at: str) -> str:
    if not given:
        raise NeedsHuman(FAILED, f"{at} is missing")
    return given


def _server(registry: str) -> str:
    return f"Azure Container Registry {host_of(SCHEME + registry)}"


ACR_ACCESS_TOKENS = GeneratorKind(
    resource=resource("acraccesstokens", "ACRAccessToken"),
    spec=ACRAccessTokenSpec,
    generate=None,
    connect=connect,
    embedded="acrAccessTokenSpec",
    about="An access token of an Azure Container Registry.",
    weigh=lambda _spec: (2, MAX_BYTES),
    label=LABEL,
    life_seconds=10_800.0,
)
