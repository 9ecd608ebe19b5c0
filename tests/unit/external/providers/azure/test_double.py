"""Microsoft's own clients ask the double: what they understand, Azure says too."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.keyvault.certificates import CertificateClient, CertificateContentType, CertificatePolicy
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient

from tests.cluster.certificates import Authority
from tests.doubles.azure.key_vault import KeyVault
from tests.doubles.faults import status
from tests.unit.external.providers.azure.test_connection import certificate


class Token(NamedTuple):
    token: str
    expires_on: int


class Credential:
    """Logs in as the SDK asks, without its own packages for that."""

    def __init__(self, vault: KeyVault) -> None:
        self._vault = vault
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> Token:
        self.scopes += scopes
        return Token(self._vault._token(), int(time.time()) + 3600)


class Theirs(NamedTuple):
    vault: KeyVault
    secrets: SecretClient
    keys: KeyClient
    certificates: CertificateClient
    credential: Credential


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    folder = tmp_path_factory.mktemp("azure")
    pair = Authority.create(folder).server("vault", ["127.0.0.1"])
    with KeyVault(pair) as vault:
        credential = Credential(vault)

        def made(kind: Any) -> Any:
            transport = RequestsTransport(connection_verify=str(folder / "ca.crt"))
            options = {"retry_total": 0, "verify_challenge_resource": False, "api_version": vault.api_version}
            return kind(vault.url, credential, transport=transport, **options)

        clients = [made(each) for each in (SecretClient, KeyClient, CertificateClient)]
        yield Theirs(vault, clients[0], clients[1], clients[2], credential)
        for each in clients:
            each.close()


def test_the_challenge_leads_to_a_token_of_the_vault(theirs: Theirs) -> None:
    theirs.secrets.set_secret("challenged", "v")

    assert set(theirs.credential.scopes) == {f"{theirs.vault.resource}/.default"}


def test_secrets(theirs: Theirs) -> None:
    client = theirs.secrets
    first = client.set_secret("app", "one", tags={"a": "b"}, content_type="text")
    second = client.set_secret("app", "two")
    assert (client.get_secret("app").value, client.get_secret("app", first.properties.version).value) == ("two", "one")
    updated = client.update_secret_properties("app", second.properties.version, tags={"c": "d"})
    assert (updated.tags, client.get_secret("app").value) == ({"c": "d"}, "two")
    with pytest.raises(ResourceNotFoundError):
        client.get_secret("none")
    client.update_secret_properties("app", enabled=False)
    with pytest.raises(HttpResponseError, match="disabled secret"):
        client.get_secret("app")
    client.update_secret_properties("app", enabled=True)
    client.begin_delete_secret("app")
    with pytest.raises(HttpResponseError, match="deleted but recoverable"):
        client.set_secret("app", "three")
    client.begin_recover_deleted_secret("app")
    assert client.get_secret("app").value == "two"


def test_lists_have_pages(theirs: Theirs) -> None:
    for number in range(60):
        theirs.vault.put(f"page-{number:02}", "v", tags={"n": str(number)})
    theirs.vault.calls.clear()

    listed = {each.name: each for each in theirs.secrets.list_properties_of_secrets()}
    assert {f"page-{number:02}" for number in range(60)} <= listed.keys()
    assert listed["page-07"].tags == {"n": "7"}
    assert listed["page-07"].updated_on is not None
    assert theirs.vault.calls["GET secrets"] == 3


def test_certificates_and_keys(theirs: Theirs) -> None:
    made, pem = certificate()
    policy = CertificatePolicy("Self", subject="CN=app", content_type=CertificateContentType.pem)
    imported = theirs.certificates.import_certificate("tls", pem.encode(), policy=policy, tags={"a": "b"})
    assert theirs.certificates.get_certificate("tls").properties.version == imported.properties.version
    assert bytes(imported.cer or b"")[:2] == made.public_bytes(_der())[:2]
    theirs.vault.put("rsa", kind="keys", key={"kty": "RSA", "n": "AQAB", "e": "AQAB"})
    assert theirs.keys.get_key("rsa").key_type == "RSA"


def _der() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.DER


def test_errors_have_their_codes(theirs: Theirs) -> None:
    theirs.vault.denied.add("list")
    with pytest.raises(HttpResponseError) as raised:
        list(theirs.secrets.list_properties_of_secrets())
    theirs.vault.denied.clear()
    assert (raised.value.status_code, raised.value.error.code) == (403, "Forbidden")  # type: ignore[union-attr]
    theirs.vault.faults.next(status(429, '{"error": {"code": "Throttled", "message": "x"}}', Retry_After="1"))
    with pytest.raises(HttpResponseError) as throttled:
        theirs.secrets.get_secret("app")
    assert throttled.value.status_code == 429
