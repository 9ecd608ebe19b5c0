"""Tokens of an Azure Container Registry, against servers that check what Microsoft's documentation says."""

from collections.abc import Iterator
from typing import Any

import pytest

from external.generators.protocol import Generated
from external.generators.registries import acr_access_token
from external.generators.registries.acr_access_token import ACR_ACCESS_TOKENS, USER
from external.providers.protocol import ProviderDenied
from external.providers.support.logins import entra
from external.providers.support.logins.entra import CLIENT_ID, TENANT_ID, Cloud
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generate, generator_context, texts
from tests.doubles.azure import Azure

PRINCIPAL = {
    "servicePrincipal": {
        "secretRef": {"clientId": {"name": "azure", "key": "id"}, "clientSecret": {"name": "azure", "key": "secret"}}
    }
}
ACCOUNT = {"workloadIdentity": {"serviceAccountRef": {"name": "builder"}}}
MANAGED = {"managedIdentity": {"identityId": Azure.client}}


@pytest.fixture(scope="module")
def running() -> Iterator[Azure]:
    with Azure() as azure:
        yield azure


@pytest.fixture
def azure(running: Azure, monkeypatch: pytest.MonkeyPatch) -> Azure:
    """Return the double, which has no certificate and stands for all hosts."""
    running.scopes.clear()
    monkeypatch.setattr(acr_access_token, "SCHEME", "http://")
    cloud = Cloud(f"http://{running.host}", Azure.audience)
    monkeypatch.setattr(entra, "CLOUDS", {"PublicCloud": cloud})
    metadata = f"http://{running.host}/metadata/identity/oauth2/token"
    monkeypatch.setattr(entra, "METADATA_URL", metadata)
    monkeypatch.setattr(acr_access_token, "REGISTRY_DOMAINS", (*acr_access_token.REGISTRY_DOMAINS, "127.0.0.1"))
    return running


def desk(secret: str = Azure.secret) -> Desk:
    made = Desk(azure_id=Azure.client, azure_secret=secret)
    made.annotations = {CLIENT_ID: Azure.client, TENANT_ID: Azure.tenant}
    return made


async def token(azure: Azure, auth: Any, given: Desk | None = None, *, ambient: bool = False, **more: Any) -> Generated:
    spec = {"registry": azure.host, "auth": auth, "tenantId": azure.tenant, **more}
    context = generator_context(given or desk(), ambient=ambient)
    return await generate(ACR_ACCESS_TOKENS, context, **{name: each for name, each in spec.items() if each is not None})


@pytest.mark.parametrize("auth", [PRINCIPAL, ACCOUNT, MANAGED])
async def test_every_login_gives_a_refresh_token(azure: Azure, auth: Any) -> None:
    made = await token(azure, auth, ambient=True)

    assert texts(made) == {"username": USER, "password": azure.refresh_token}
    assert made.expires_at == azure.refresh_ends


async def test_a_scope_gives_an_access_token(azure: Azure) -> None:
    made = await token(azure, PRINCIPAL, scope="repository:app:pull")

    assert (texts(made)["password"], made.expires_at) == (azure.access_token, azure.access_ends)
    assert azure.scopes == ["repository:app:pull"]


async def test_the_tenant_of_a_service_account_is_its_annotation(azure: Azure) -> None:
    given = desk()
    assert texts(await token(azure, ACCOUNT, given, tenantId=None))["password"] == azure.refresh_token
    assert given.audiences == ["api://AzureADTokenExchange"]
    given.annotations = {}
    with pytest.raises(NeedsHuman, match=r"azure.workload.identity/client-id of its ServiceAccount is missing"):
        await token(azure, ACCOUNT, given)


async def test_a_managed_identity_is_coffers_own(azure: Azure) -> None:
    with pytest.raises(NeedsHuman, match="it is Coffer's own identity"):
        await token(azure, MANAGED)


@pytest.mark.parametrize(
    "registry", ["evil.example", "azurecr.io.evil.example", "evil.example/x.azurecr.io", "x.azurecr.io@evil.example"]
)
async def test_coffers_own_token_goes_to_azures_registries_only(azure: Azure, registry: str) -> None:
    """Any other host would get a token of the resource manager."""
    with pytest.raises(NeedsHuman, match=r"spec\.registry: a host outside of azurecr\.io"):
        await token(azure, MANAGED, ambient=True, registry=registry)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"auth": {}}, "spec.auth: servicePrincipal, workloadIdentity or managedIdentity"),
        ({"tenantId": None}, "spec.tenantId is missing"),
        ({"environmentType": "AzureStackCloud"}, "AzureStackCloud has no login"),
    ],
)
async def test_what_is_missing_is_named(azure: Azure, changes: Any, said: str) -> None:
    with pytest.raises(NeedsHuman, match=said):
        await token(azure, **{"auth": PRINCIPAL, **changes})


async def test_a_refusal_names_the_server_and_no_secret(azure: Azure) -> None:
    with pytest.raises(ProviderDenied, match="Entra ID: Login: 401: check tenantId") as raised:
        await token(azure, PRINCIPAL, desk("swordfish"))
    assert "swordfish" not in str(raised.value)
    with pytest.raises(ProviderDenied, match="neither an id nor a domain"):
        await token(azure, PRINCIPAL, tenantId="../x")


def test_a_token_is_sent_over_tls_only() -> None:
    assert acr_access_token.SCHEME == "https://"
