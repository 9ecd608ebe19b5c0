"""The identity of a store at Azure: a service principal, a ServiceAccount, or Coffer's own identity."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from external.api.providers.azure import AzureKeyVault, AzureKeyVaultAuthSecretRef
from external.providers.protocol import ConnectContext, Egress
from external.providers.support.egress import EgressPolicy
from external.providers.support.logins import entra
from external.providers.support.logins.entra import Ask, Principal, text_of
from external.providers.support.lookup import INVALID
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

AT = "spec.provider.azurekv"
OWN_IDENTITY = "and this namespace may not use the controller's own identity"
ASK_ADMINISTRATOR = "ask an administrator for external.ambient_namespaces"
NOT_OWN = "does not go with the controller's own identity"
VAULT_DOMAINS = (
    *("vault.azure.net", "vault.usgovcloudapi.net", "vault.azure.cn", "vault.microsoftazure.de"),
    *("managedhsm.azure.net", "managedhsm.usgovcloudapi.net", "managedhsm.azure.cn"),
)
"""Hosts of Azure's own vaults: the only ones that get a token of the controller's own identity."""
OWN_VARIABLES = MappingProxyType(
    {"client": "AZURE_CLIENT_ID", "tenant": "AZURE_TENANT_ID", "token": "AZURE_FEDERATED_TOKEN_FILE"}
)
"""What Azure's webhook sets in a Pod whose ServiceAccount has a workload identity."""


@dataclass(frozen=True)
class AzureIdentity:
    """Who logs in, and where that may lead."""

    login: Ask = field(repr=False)
    egress: Egress
    tenant: str = ""
    """The tenant that the store names; empty where the identity has its own."""


async def identity_of(spec: AzureKeyVault, context: ConnectContext) -> AzureIdentity:
    """Read the Secrets and the ServiceAccount that make up the identity. Raises NeedsHuman."""
    url = login_url(spec)
    if spec.auth_type == "ManagedIdentity":
        _require_ambient(spec, context, f"{AT}.authType: ManagedIdentity is the controller's own identity")
        # The request is Coffer's own, to an address that no tenant has chosen.
        return AzureIdentity(entra.by_metadata(spec.identity_id), EgressPolicy(everything=True))
    if spec.auth_type == "ServicePrincipal":
        principal = await _service_principal(spec, url, context)
    elif spec.service_account_ref is not None:
        principal = await _account(spec, url, context)
    else:
        return AzureIdentity(_own_workload_identity(spec, url, context), context.egress)
    return AzureIdentity(principal, context.egress, principal.tenant)


def login_url(spec: AzureKeyVault) -> str:
    """Return the URL of the cloud's Entra ID. Raises NeedsHuman for a cloud that the store does not describe."""
    custom, kind = spec.custom_cloud_config, spec.environment_type
    if kind == "GermanCloud" and spec.use_azure_sdk:
        raise NeedsHuman(INVALID, f"{AT}.environmentType: GermanCloud does not go with useAzureSDK")
    if custom is not None and (not spec.use_azure_sdk or kind == "GermanCloud"):
        text = "requires useAzureSDK: true, and another cloud than GermanCloud"
        raise NeedsHuman(INVALID, f"{AT}.customCloudConfig {text}")
    if custom is None and kind == "AzureStackCloud":
        raise NeedsHuman(INVALID, f"{AT}.customCloudConfig is missing: AzureStackCloud requires it")
    return custom.active_directory_endpoint if custom is not None else entra.CLOUDS[kind].login


async def _service_principal(spec: AzureKeyVault, url: str, context: ConnectContext) -> Principal:
    given, at = spec.auth_secret_ref, f"{AT}.authSecretRef"
    tenant = _required(spec.tenant_id, f"{AT}.tenantId")
    if given is None:
        raise NeedsHuman(INVALID, f"{at} is missing: authType ServicePrincipal needs it")
    if (given.client_secret is None) == (given.client_certificate is None):
        raise NeedsHuman(INVALID, f"{at}: exactly one of clientSecret and clientCertificate must be set")
    client = text_of(await context.lookup.secret(given.client_id, f"{at}.clientId"))
    if given.client_secret is not None:
        secret = await context.lookup.secret(given.client_secret, f"{at}.clientSecret")
        return Principal(url, tenant, entra.by_secret(client, secret))
    place = f"{at}.clientCertificate"
    pem = await context.lookup.secret(given.client_certificate, place)
    # In a thread: all certificates of the Secret are parsed.
    return Principal(url, tenant, await context.run(lambda: entra.by_certificate(client, pem, place)))


async def _account(spec: AzureKeyVault, url: str, context: ConnectContext) -> Principal:
    reference, at = spec.service_account_ref, f"{AT}.serviceAccountRef"
    if reference is None:
        raise NeedsHuman(INVALID, f"{at} is missing")
    account = await context.lookup.account(reference, at)
    annotations = account["metadata"].get("annotations") or {}
    given = None if spec.use_azure_sdk else spec.auth_secret_ref
    client = await _one_of("clientId", given, annotations.get(entra.CLIENT_ID), context)
    tenant = await _one_of("tenantId", given, annotations.get(entra.TENANT_ID), context, spec.tenant_id or "")
    tenant = tenant or entra.tenant_of_environment()
    _required(client, f"{at}: the annotation {entra.CLIENT_ID} of its ServiceAccount")
    _required(tenant, f"{AT}.tenantId, or the annotation {entra.TENANT_ID} of the ServiceAccount,")
    audiences = [entra.AUDIENCE, *(reference.audiences or ())]
    source = context.lookup.token_source(reference, audiences, entra.ACCOUNT_TOKEN_SECONDS, at)
    return Principal(url, tenant, entra.by_assertion(client, source))


async def _one_of(
    name: str, given: AzureKeyVaultAuthSecretRef | None, annotation: str | None, context: ConnectContext, own: str = ""
) -> str:
    """Return an id by a Secret, the store or the annotation. Raises NeedsHuman if two of them differ."""
    selector, named = None, own
    if given is not None:
        selector = given.client_id if name == "clientId" else given.tenant_id
    if selector is not None:
        named = text_of(await context.lookup.secret(selector, f"{AT}.authSecretRef.{name}"))
    if named and annotation and named != annotation:
        kind = "clientID" if name == "clientId" else "tenantID"
        text = f"multiple {kind} found. Check secretRef and serviceAccountRef"
        raise NeedsHuman(INVALID, f"{AT}: {text}: the ServiceAccount is annotated with another one")
    return named or annotation or ""


def _own_workload_identity(spec: AzureKeyVault, url: str, context: ConnectContext) -> Ask:
    """Return the login by the token that Azure's webhook mounts into Coffer's own Pod."""
    _require_ambient(spec, context, f"{AT}.serviceAccountRef is missing")
    found = {name: os.environ.get(variable, "") for name, variable in OWN_VARIABLES.items()}
    missing = [OWN_VARIABLES[name] for name, each in found.items() if not each]
    if missing:
        text = f"{AT}: the controller has no workload identity of its own: {', '.join(missing)} not set"
        raise NeedsHuman(INVALID, f"{text}; name a serviceAccountRef")

    def token() -> SecretValue:
        return SecretValue(Path(found["token"]).read_bytes())  # the kubelet replaces it before it ends

    return Principal(url, found["tenant"], entra.by_assertion(found["client"], token))


def _require_ambient(spec: AzureKeyVault, context: ConnectContext, text: str) -> None:
    """Raise NeedsHuman unless the store may use the controller's own identity, and names no host that gets its token.

    A tenant's host would get a token that Azure accepts from whoever shows it.
    """
    cure = "use a ServicePrincipal, or WorkloadIdentity with serviceAccountRef"
    if not context.ambient:
        raise NeedsHuman(INVALID, f"{text}, {OWN_IDENTITY}: {cure}, or {ASK_ADMINISTRATOR}")
    if spec.custom_cloud_config is not None:
        raise NeedsHuman(INVALID, f"{AT}.customCloudConfig {NOT_OWN}: {cure}")
    if not entra.is_within(spec.vault_url, VAULT_DOMAINS):
        known = ", ".join(VAULT_DOMAINS)
        raise NeedsHuman(INVALID, f"{AT}.vaultUrl: a host outside of {known} {NOT_OWN}: {cure}")


def _required(given: str | None, at: str) -> str:
    if not given:
        raise NeedsHuman(INVALID, f"{at} is missing")
    return given
