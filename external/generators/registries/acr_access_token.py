"""ACRAccessToken: a token of an Azure Container Registry, for a token of Microsoft Entra ID."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlencode

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector
from external.errors import FAILED
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext, Egress, ProviderDenied, ProviderUnavailable
from external.providers.support.egress import EgressPolicy
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.json_web_tokens import expiry_of
from external.providers.support.naming import host_of
from external.providers.support.tokens import credential
from manager.core.documents import ANSWER
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

LABEL = "Azure/ContainerRegistry"
LOGIN, EXCHANGE, ACCESS = "Login", "ExchangeToken", "AccessToken"
SCHEME = "https://"
METADATA_URL = "http://169.254.169.254/metadata/identity/oauth2/token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AUDIENCE = "api://AzureADTokenExchange"
CLIENT_ID, TENANT_ID = "azure.workload.identity/client-id", "azure.workload.identity/tenant-id"
ACCOUNT_TOKEN_SECONDS = 600
USER = "00000000-0000-0000-0000-000000000000"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MAX_BYTES = 32 << 10
CLOUDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "PublicCloud": ("login.microsoftonline.com", "https://management.azure.com"),
        "USGovernmentCloud": ("login.microsoftonline.us", "https://management.usgovcloudapi.net"),
        "ChinaCloud": ("login.partner.microsoftonline.cn", "https://management.chinacloudapi.cn"),
        "GermanCloud": ("login.microsoftonline.de", "https://management.microsoftazure.de"),
    }
)
"""Host of the logins, and what a token is asked for, by cloud."""


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


Ask = Callable[[HttpClient], str]
"""Returns a token of Entra ID."""


async def connect(spec: ACRAccessTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for a token: `username`, `password`; with a scope an access token, else a refresh token."""
    if spec.environment_type not in CLOUDS:
        raise NeedsHuman(FAILED, f"{at}.environmentType: {spec.environment_type} has no login that is known here")
    login, egress = await _login(spec, context, at)
    registry = spec.registry.removeprefix(SCHEME).rstrip("/")

    def make() -> Generated:
        entra, http = _client(context, egress), _client(context, context.egress)
        try:
            token = _exchanged(http, registry, login(entra), spec)
        finally:
            entra.close()
            http.close()
        values = {"username": SecretValue(USER.encode()), "password": SecretValue(token.encode())}
        return Generated(values, expiry_of(token, _server(registry)))

    return make


async def _login(spec: ACRAccessTokenSpec, context: ConnectContext, at: str) -> tuple[Ask, Egress]:
    """Return what logs in to Entra ID, and where that may lead."""
    auth = spec.auth
    if auth.service_principal is not None:
        given, place = auth.service_principal.secret_ref, f"{at}.auth.servicePrincipal.secretRef"
        client = await context.lookup.secret(given.client_id, f"{place}.clientId")
        secret = await context.lookup.secret(given.client_secret, f"{place}.clientSecret")
        return _by_secret(spec, _required(spec.tenant_id, f"{at}.tenantId"), client, secret), context.egress
    if auth.workload_identity is not None:
        return await _by_account(spec, context, f"{at}.auth.workloadIdentity"), context.egress
    if auth.managed_identity is not None:
        place = f"{at}.auth.managedIdentity"
        if not context.ambient:
            text = "it is Coffer's own identity: an administrator allows it by external.ambient_namespaces"
            raise NeedsHuman(FAILED, f"{place}: {text}, or writes a ClusterGenerator")
        # The request is Coffer's own, to an address that no tenant has chosen.
        return _by_metadata(spec, auth.managed_identity.identity_id), EgressPolicy(everything=True)
    raise NeedsHuman(FAILED, f"{at}.auth: servicePrincipal, workloadIdentity or managedIdentity must be set")


def _by_secret(spec: ACRAccessTokenSpec, tenant: str, client: SecretValue, secret: SecretValue) -> Ask:
    def ask(http: HttpClient) -> str:
        form = {"client_id": _text(client), "client_secret": _text(secret)}
        return _token(http, spec, tenant, form)

    return ask


async def _by_account(spec: ACRAccessTokenSpec, context: ConnectContext, at: str) -> Ask:
    given = spec.auth.workload_identity
    reference, place = given.service_account_ref if given else None, f"{at}.serviceAccountRef"
    if reference is None:
        raise NeedsHuman(FAILED, f"{place} is missing")
    account = await context.lookup.account(reference, place)
    annotations = account["metadata"].get("annotations") or {}
    client = _required(annotations.get(CLIENT_ID), f"{place}: the annotation {CLIENT_ID} of its ServiceAccount")
    tenant = _required(spec.tenant_id or annotations.get(TENANT_ID), f"{place}: the annotation {TENANT_ID}")
    audiences = [*(reference.audiences or ()), AUDIENCE]
    source = context.lookup.token_source(reference, audiences, ACCOUNT_TOKEN_SECONDS, place)

    def ask(http: HttpClient) -> str:
        assertion = _text(credential(LOGIN, source))
        form = {"client_id": client, "client_assertion_type": ASSERTION, "client_assertion": assertion}
        return _token(http, spec, tenant, form)

    return ask


def _by_metadata(spec: ACRAccessTokenSpec, client: str | None) -> Ask:
    def ask(http: HttpClient) -> str:
        params = {"api-version": "2018-02-01", "resource": CLOUDS[spec.environment_type][1]}
        params |= {"client_id": client} if client else {}
        request = HttpRequest(LOGIN, "GET", METADATA_URL, headers={"Metadata": "true"}, params=params)
        return _member(http.send(request), "access_token", "Azure metadata", "managedIdentity.identityId")

    return ask


def _token(http: HttpClient, spec: ACRAccessTokenSpec, tenant: str, form: Mapping[str, str]) -> str:
    host, audience = CLOUDS[spec.environment_type]
    body = {"grant_type": "client_credentials", "scope": f"{audience}/.default", **form}
    answer = _posted(http, LOGIN, f"{SCHEME}{host}/{_step(tenant)}/oauth2/v2.0/token", body)
    return _member(answer, "access_token", "Entra ID", "tenantId and the credentials")


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
    return http.send(HttpRequest(call, "POST", url, headers=FORM, body=urlencode(form).encode()))


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


def _step(tenant: str) -> str:
    """Return a tenant as one step of a path. Raises ProviderDenied for one that leads elsewhere."""
    if not all(each.isalnum() or each in "-." for each in tenant) or tenant.strip(".") == "":
        raise ProviderDenied("tenantId: it is neither an id nor a domain")
    return tenant


def _text(value: SecretValue) -> str:
    return value.reveal().decode(errors="replace").strip()


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
