"""Logins to a vault: the challenge, tokens, and who may use which identity."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import get_ident
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from external.providers.azure import identity
from external.providers.azure.connection import VaultAddress, resource_of
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.logins import entra
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import Calls, connected, provider_context, text
from tests.doubles.azure.key_vault import KeyVault
from tests.doubles.faults import page, status
from tests.unit.external.providers.azure.conftest import fields

ACCOUNT = {"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "builder"}, "authSecretRef": None}


def test_one_challenge_and_one_login_serve_all_reads(client: Any, vault: KeyVault, calls: Calls) -> None:
    for each in ("a", "b"):
        vault.put(each, each)
        text(client, each)

    assert calls == {"Challenge": 1, "Login": 1, "GetSecret": 2}


def test_a_token_that_is_refused_is_replaced_once(client: Any, vault: KeyVault, calls: Calls) -> None:
    vault.put("a", "1")
    text(client, "a")
    vault.expire_tokens()

    assert text(client, "a") == "1"
    assert (calls["Challenge"], calls["Login"]) == (1, 2)


def certificate() -> tuple[x509.Certificate, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    return made, pem.decode()


def test_a_certificate_signs_the_login(vault: KeyVault) -> None:
    vault.put("a", "1")
    vault.certificate, pem = certificate()
    reference = {"clientId": {"name": "azure", "key": "id"}, "clientCertificate": {"name": "azure", "key": "pem"}}
    given = Desk(azure_id=vault.client, azure_pem=pem)
    client = connected("azurekv", fields(vault, authSecretRef=reference), provider_context(given))

    assert text(client, "a") == "1"
    client.close()
    key_only = Desk(azure_id=vault.client, azure_pem=pem.partition("-----BEGIN CERT")[0])
    with pytest.raises(ProviderDenied, match="no certificate in PEM form that belongs to its private key"):
        connected("azurekv", fields(vault, authSecretRef=reference), provider_context(key_only))


def test_a_certificate_is_read_in_a_thread(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a chain of certificates takes time, in which the event loop would serve nobody."""
    threads: list[int] = []
    read = entra.by_certificate
    monkeypatch.setattr(entra, "by_certificate", lambda *given: (threads.append(get_ident()), read(*given))[1])
    reference = {"clientId": {"name": "azure", "key": "id"}, "clientCertificate": {"name": "azure", "key": "pem"}}
    desk = Desk(azure_id=vault.client, azure_pem=certificate()[1])

    context = replace(provider_context(desk), run=asyncio.to_thread)
    connected("azurekv", fields(vault, authSecretRef=reference), context).close()

    assert threads
    assert get_ident() not in threads


def test_a_service_account_logs_in_by_its_annotations(vault: KeyVault) -> None:
    vault.put("a", "1")
    desk = Desk()
    desk.annotations = {entra.CLIENT_ID: vault.client, entra.TENANT_ID: vault.tenant}
    client = connected("azurekv", fields(vault, **ACCOUNT, tenantId=None), provider_context(desk))

    assert text(client, "a") == "1"
    assert desk.audiences == ["api://AzureADTokenExchange"]
    client.close()


def test_two_ids_that_differ_are_refused(vault: KeyVault) -> None:
    desk = Desk(azure_id="another")
    desk.annotations = {entra.CLIENT_ID: vault.client}
    legacy = {"environmentType": "PublicCloud", "useAzureSDK": False, "customCloudConfig": None}
    given = {"authSecretRef": {"clientId": {"name": "azure", "key": "id"}}}

    with pytest.raises(NeedsHuman, match=r"multiple clientID found\. Check secretRef and serviceAccountRef"):
        connected("azurekv", fields(vault, **ACCOUNT | legacy | given), provider_context(desk))
    desk.annotations = {entra.CLIENT_ID: vault.client, entra.TENANT_ID: "another"}
    with pytest.raises(NeedsHuman, match="multiple tenantID found"):
        connected("azurekv", fields(vault, **ACCOUNT), provider_context(desk))


@pytest.fixture
def public(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the fields of a store in Azure's own cloud, which is the double."""
    vault.put("a", "1")
    monkeypatch.setattr(entra, "METADATA_URL", f"{vault.url}/metadata/identity/oauth2/token")
    monkeypatch.setattr(entra, "CLOUDS", {"PublicCloud": entra.Cloud(vault.url, vault.url)})
    monkeypatch.setattr(identity, "VAULT_DOMAINS", ("127.0.0.1",))
    return fields(vault, authSecretRef=None, environmentType="PublicCloud", customCloudConfig=None)


def test_a_managed_identity_is_used_as_an_administrator_allows(vault: KeyVault, public: dict[str, Any]) -> None:
    given = {**public, "authType": "ManagedIdentity", "identityId": vault.client}

    with pytest.raises(NeedsHuman, match="may not use the controller's own identity"):
        connected("azurekv", given)
    client = connected("azurekv", given, provider_context(ambient=True))
    assert text(client, "a") == "1"
    client.close()


def test_the_controllers_workload_identity_is_used_as_an_administrator_allows(
    vault: KeyVault, public: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    given = {**public, "authType": "WorkloadIdentity", "tenantId": None}
    with pytest.raises(NeedsHuman, match="may not use the controller's own identity"):
        connected("azurekv", given)
    with pytest.raises(NeedsHuman, match="AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE not set"):
        connected("azurekv", given, provider_context(ambient=True))
    file = tmp_path / "token"
    file.write_text("token-of-builder\n")
    found = {"CLIENT_ID": vault.client, "TENANT_ID": vault.tenant, "FEDERATED_TOKEN_FILE": str(file)}
    for name, each in found.items():
        monkeypatch.setenv(f"AZURE_{name}", each)

    client = connected("azurekv", given, provider_context(ambient=True))
    assert text(client, "a") == "1"
    client.close()


EVIL = {"activeDirectoryEndpoint": "https://evil.example", "keyVaultEndpoint": "https://management.azure.com"}


@pytest.mark.parametrize("kind", ["ManagedIdentity", "WorkloadIdentity"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"customCloudConfig": EVIL}, "customCloudConfig does not go with the controller's own identity"),
        ({"vaultUrl": "https://evil.example"}, "vaultUrl: a host outside of vault.azure.net, .* does not go with the"),
        ({"vaultUrl": "https://vault.azure.net.evil.example"}, "vaultUrl: a host outside"),
        ({"vaultUrl": "https://evilvault.azure.net"}, "vaultUrl: a host outside"),
        ({"vaultUrl": "https://evil.example\\.vault.azure.net"}, "vaultUrl: a host outside"),
        ({"vaultUrl": "https://v.vault.azure.net@evil.example"}, "vaultUrl: a host outside"),
    ],
)
def test_the_controllers_own_token_goes_to_azure_only(
    vault: KeyVault, kind: str, changes: dict[str, Any], said: str
) -> None:
    """Such a store sent a token of the resource manager to a host of its choice."""
    given = {"authSecretRef": None, "environmentType": "PublicCloud", "customCloudConfig": None, **changes}

    with pytest.raises(NeedsHuman, match=said):
        connected("azurekv", fields(vault, authType=kind, **given), provider_context(ambient=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tenantId": None}, "tenantId is missing"),
        ({"authSecretRef": None}, "authSecretRef is missing"),
        ({"authSecretRef": {"clientId": {"name": "azure", "key": "id"}}}, "exactly one of clientSecret and"),
        ({"customCloudConfig": None}, "customCloudConfig is missing: AzureStackCloud requires it"),
        ({"useAzureSDK": False}, "customCloudConfig requires useAzureSDK: true"),
        ({"environmentType": "GermanCloud"}, "GermanCloud does not go with useAzureSDK"),
    ],
)
def test_fields_that_do_not_go_together_are_named(vault: KeyVault, desk: Desk, changes: Any, said: str) -> None:
    with pytest.raises(NeedsHuman, match=said):
        connected("azurekv", fields(vault, **changes), provider_context(desk))


@pytest.mark.parametrize("url", ["http://vault.example", "ftp://127.0.0.1", "vault", "https://", "http://localhost"])
def test_a_token_is_sent_over_tls_or_to_this_machine(vault: KeyVault, desk: Desk, url: str) -> None:
    with pytest.raises(ProviderDenied, match="vaultUrl: it is no https URL"):
        connected("azurekv", fields(vault, vaultUrl=url), provider_context(desk))
    custom = {"customCloudConfig": {"activeDirectoryEndpoint": url}}
    with pytest.raises(ProviderDenied, match="activeDirectoryEndpoint: it is no https URL"):
        connected("azurekv", fields(vault, **custom), provider_context(desk))


TENANT = "11111111-aaaa-4bbb-8ccc-000000000000"
VAULT = VaultAddress("https://v.vault.azure.net", TENANT)
STACK = VaultAddress("https://v.vault.local", "adfs", "https://vault.adfs.local/guid/")


@pytest.mark.parametrize(
    ("challenge", "address", "resource"),
    [
        ({"resource": "https://vault.azure.net"}, VAULT, "https://vault.azure.net"),
        ({"scope": "https://vault.azure.net/.default"}, VAULT, "https://vault.azure.net"),
        ({"resource": "https://vault.local/guid"}, STACK, "https://vault.local/guid"),
        ({"resource": "https://vault.adfs.local/guid"}, STACK, "https://vault.adfs.local/guid"),
        (
            {"resource": "https://vault.azure.net", "authorization": f"https://login.windows.net/{TENANT.upper()}"},
            VAULT,
            "https://vault.azure.net",
        ),
    ],
)
def test_the_resource_of_a_challenge(challenge: dict[str, str], address: VaultAddress, resource: str) -> None:
    assert resource_of(challenge, address) == resource


@pytest.mark.parametrize(
    "resource", ["https://graph.microsoft.com", "https://azure.net.evil.example", "https://ault.azure.net", "", "x"]
)
def test_a_challenge_for_another_resource_is_refused(resource: str) -> None:
    with pytest.raises(ProviderDenied, match="token of another resource"):
        resource_of({"resource": resource}, VAULT)


def test_a_vault_of_another_tenant_is_told(client: Any, vault: KeyVault) -> None:
    vault.challenge_tenant = "99999999-aaaa-4bbb-8ccc-000000000000"

    with pytest.raises(ProviderDenied, match="the vault belongs to another tenant than tenantId"):
        client.validate()


def test_a_wrong_secret_is_told_at_the_store_and_nowhere_quoted(vault: KeyVault) -> None:
    client = connected("azurekv", fields(vault), provider_context(Desk(azure_id=vault.client, azure_secret="canary")))

    with pytest.raises(ProviderDenied, match=r"Entra ID: Login: 401: AADSTS7000215: Invalid client secret") as raised:
        client.validate()
    assert "canary" not in str(raised.value)
    assert "Trace" not in str(raised.value)
    first = str(raised.value)
    with pytest.raises(ProviderDenied) as again:
        client.validate()
    assert str(again.value) == first, "the condition does not change with every attempt"
    client.close()


@pytest.mark.parametrize(
    ("fault", "path", "kind"),
    [
        (status(200, '{"value": []}'), "/secrets", ProviderUnavailable),
        (page(), "/secrets", ProviderUnavailable),
        (status(401), "/secrets", ProviderDenied),
        (status(401, WWW_Authenticate="a" * 60_000), "/secrets", ProviderDenied),
        (status(401, WWW_Authenticate=f'x="{"a" * 4_000}", resource="http://127.0.0.1"'), "/secrets", ProviderDenied),
        (status(503), "/secrets", ProviderUnavailable),
        (page(), "/token", ProviderUnavailable),
        (status(200, "{}"), "/token", ProviderUnavailable),
        (status(200, '{"access_token": "canary"}'), "/token", ProviderUnavailable),
        (status(200, '{"access_token": "canary", "expires_in": []}'), "/token", ProviderUnavailable),
        (status(429, "{}"), "/token", ProviderUnavailable),
    ],
)
def test_a_fault_of_the_login_ends_in_one_text(
    client: Any, vault: KeyVault, fault: Callable[..., Any], path: str, kind: type[ProviderError]
) -> None:
    vault.faults.next(fault, path)

    with pytest.raises(ProviderError) as raised:
        client.validate()
    assert type(raised.value) is kind
    assert "canary" not in str(raised.value)
    client.validate()
