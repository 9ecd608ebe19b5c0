"""Pushes to a vault: marks, versions, settings, deletes, and what was deleted before."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, pkcs12

from external.providers.azure.imports import key_of, same_key
from external.providers.protocol import ProviderError, ProviderUnavailable
from external.providers.push import PushRefused, RemoteRef, RemoteUnmanaged
from manager.core.secret_value import SecretValue
from tests.builders.providers import OTHER, OWNER, Calls, push, text
from tests.doubles.azure.key_vault import KeyVault
from tests.doubles.faults import status
from tests.unit.external.providers.azure.test_connection import certificate

OURS = {"managed-by": "external-secrets", "coffer.dev/push-secret": OWNER}


def versions(vault: KeyVault, name: str, kind: str = "secrets") -> list[dict[str, Any]]:
    return vault.objects[kind].get(name, [])


def test_a_push_writes_once(client: Any, vault: KeyVault, calls: Calls) -> None:
    first = client.push(push("app", b"one"))
    again = client.push(push("app", b"one"))
    other = client.push(push("secret/app", b"two"))

    assert (first.written, again.written, other.written) == (True, False, True)
    assert first.version == again.version != other.version
    assert [each["value"] for each in versions(vault, "app")] == ["one", "two"]
    assert versions(vault, "app")[-1]["tags"] == OURS
    assert calls["SetSecret"] == 2
    assert text(client, "app") == "two"


def test_the_whole_source_is_one_document(client: Any, vault: KeyVault) -> None:
    client.push(push("app", None, values={"b": b"2", "a": b"<1>"}))

    assert versions(vault, "app")[-1]["value"] == '{"a":"<1>","b":"2"}'
    with pytest.raises(PushRefused, match="not UTF-8"):
        client.push(push("app", b"\xff"))
    with pytest.raises(PushRefused, match="Azure Key Vault takes 25600"):
        client.push(push("app", b"x" * 25601))


def test_a_property_leaves_the_others(client: Any, vault: KeyVault) -> None:
    vault.put("app", '{"n": 12345678901234567890}', tags=OURS, contentType="json")
    client.push(push("app", b"v", "a.b"))

    assert versions(vault, "app")[-1]["value"] == '{"n": 12345678901234567890,"a":{"b":"v"}}'
    assert versions(vault, "app")[-1]["contentType"] == "json"
    assert client.exists(RemoteRef("app", "a.b"))
    assert not client.exists(RemoteRef("app", "a.c"))
    assert client.delete(RemoteRef("app", "n"), OWNER)
    assert json.loads(versions(vault, "app")[-1]["value"]) == {"a": {"b": "v"}}
    assert versions(vault, "app")[-1]["tags"] == OURS
    assert not client.delete(RemoteRef("app", "n"), OWNER)
    assert client.delete(RemoteRef("app", "a.b"), OWNER)
    assert not client.exists(RemoteRef("app"))


@pytest.mark.parametrize("tags", [None, {}, {"managed-by": "x"}, {**OURS, "coffer.dev/push-secret": OTHER}])
@pytest.mark.parametrize(
    ("key", "kind", "body"),
    [
        ("app", "secrets", {}),
        ("cert/app", "certificates", {"cer": "AA=="}),
        ("key/app", "keys", {"key": {"kty": "RSA", "n": "AQ", "e": "AQAB"}}),
    ],
)
def test_what_is_not_ours_stays(
    client: Any, vault: KeyVault, tags: Any, key: str, kind: str, body: dict[str, Any]
) -> None:
    vault.put("app", "theirs", kind, **body, **({} if tags is None else {"tags": tags}))

    for act in (lambda: client.push(push(key)), lambda: client.delete(RemoteRef(key), OWNER)):
        with pytest.raises(RemoteUnmanaged, match="secret not managed by external-secrets"):
            act()
    assert len(versions(vault, "app", kind)) == 1


def test_what_external_secrets_has_pushed_is_taken_over(client: Any, vault: KeyVault) -> None:
    vault.put("app", "v", tags={"managed-by": "external-secrets", "team": "a"})

    assert client.push(push("app")).written
    assert [each["tags"] for each in versions(vault, "app")] == [{**OURS, "team": "a"}], "its value is no new version"


def test_settings_are_brought_by_themselves(client: Any, vault: KeyVault) -> None:
    vault.put("app", "v", tags={**OURS, "hand": "made"})
    spec = {"tags": {"team": "a"}, "contentType": "text/plain", "expirationDate": "2033-05-18T03:33:20Z"}

    assert client.push(push("app", spec=spec)).written
    assert not client.push(push("app", spec=spec)).written
    (only,) = versions(vault, "app")
    assert only["tags"] == {**OURS, "hand": "made", "team": "a"}
    assert (only["contentType"], only["attributes"]["exp"]) == ("text/plain", 2_000_000_000)
    client.push(push("app", b"next", spec={**spec, "expirationDate": "2033-05-18T03:33:21+00:00"}))
    assert versions(vault, "app")[-1]["attributes"]["exp"] == 2_000_000_001
    assert not client.push(push("app", b"next")).written, "what metadata does not name stays"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"tags": {"managed-by": "x"}}, "are set by the controller"),
        ({"expirationDate": "tomorrow"}, "expirationDate: it is no time"),
        ({"tags": {f"t{number}": "" for number in range(14)}}, "Azure takes 15"),
        ({"tags": {"a": "x" * 257}}, "takes 256 characters"),
        ({"tag": {}}, "unknown field; did you mean tags"),
    ],
)
def test_metadata_that_azure_refuses_is_refused_before_a_write(
    client: Any, vault: KeyVault, spec: Any, said: str
) -> None:
    with pytest.raises(PushRefused, match=said):
        client.push(push("app", spec=spec))
    assert versions(vault, "app") == []


def test_a_deleted_secret_of_ours_is_recovered_and_then_written(client: Any, vault: KeyVault) -> None:
    client.push(push("app", b"one"))
    assert client.delete(RemoteRef("app"), OWNER)
    assert not client.delete(RemoteRef("app"), OWNER)
    assert not client.exists(RemoteRef("app"))

    with pytest.raises(ProviderUnavailable, match="the deleted secret app is being recovered"):
        client.push(push("app", b"two"))
    assert client.push(push("app", b"two")).written
    assert text(client, "app") == "two"


def test_a_deleted_secret_of_others_is_not_recovered(client: Any, vault: KeyVault) -> None:
    vault.put("app", "theirs")
    vault.deleted["secrets"]["app"] = vault.objects["secrets"].pop("app")

    with pytest.raises(RemoteUnmanaged):
        client.push(push("app"))
    assert "app" in vault.deleted["secrets"]


def test_a_certificate_is_imported_as_pem_and_as_pfx(client: Any, vault: KeyVault) -> None:
    made, pem = certificate()
    key: Any = key_object(pem)
    pfx = pkcs12.serialize_key_and_certificates(b"a", key, made, None, NoEncryption())

    for name, value in (("pem", pem.encode()), ("pfx", pfx)):
        assert client.push(push(f"cert/{name}", value)).written
        assert not client.push(push(f"cert/{name}", value)).written
        found = versions(vault, name, "certificates")
        assert [base64.b64decode(each["cer"]) for each in found] == [made.public_bytes(Encoding.DER)]
        assert found[0]["tags"] == OURS
    for value in (made.public_bytes(Encoding.PEM), made.public_bytes(Encoding.DER), b"text", b""):
        with pytest.raises(PushRefused, match="no certificate with its private key"):
            client.push(push("cert/odd", value))


def key_object(pem: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem.encode(), None)


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP521R1())


def written(key: Any, encoding: Encoding, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(encoding, form, NoEncryption())


@pytest.mark.parametrize("key", [RSA, EC])
def test_a_key_is_imported_once_in_whatever_form(client: Any, vault: KeyVault, key: Any) -> None:
    forms = [written(key, Encoding.PEM), written(key, Encoding.DER)]
    forms += [written(key, Encoding.PEM, PrivateFormat.TraditionalOpenSSL)]
    forms += [json.dumps(key_of(SecretValue(forms[0]))).encode()]

    assert [client.push(push("key/app", each)).written for each in forms] == [True, False, False, False]
    (only,) = versions(vault, "app", "keys")
    assert "d" not in only["key"]
    only["key"]["kty"] += "-HSM"
    assert not client.push(push("key/app", forms[0])).written


@pytest.mark.parametrize(
    "value",
    [
        b"octets",
        b"",
        b'{"kty": "oct", "k": "AQ"}',
        b'{"kty": "RSA", "n": "AQ", "e": "AQAB"}',
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
)
def test_nothing_else_is_imported_as_a_key(client: Any, vault: KeyVault, value: bytes) -> None:
    """external-secrets takes the octets of such a text for a symmetric key."""
    with pytest.raises(PushRefused, match="no private key of RSA or an elliptic curve"):
        client.push(push("key/app", value))
    assert versions(vault, "app", "keys") == []


def test_two_keys_are_told_apart() -> None:
    one, other = key_of(SecretValue(written(EC, Encoding.PEM))), key_of(SecretValue(written(RSA, Encoding.PEM)))

    assert same_key(one, one)
    assert not same_key(other, one)
    assert not same_key({**one, "x": "AQ"}, one)
    assert not same_key(None, one)


@pytest.mark.parametrize("key", ["cert/app", "key/app"])
def test_a_property_belongs_to_secrets(client: Any, key: str) -> None:
    for act in (lambda: client.push(push(key, b"v", "p")), lambda: client.exists(RemoteRef(key, "p"))):
        with pytest.raises(PushRefused, match="keys and certificates have none"):
            act()
    with pytest.raises(PushRefused, match="remoteKey: unknown Azure Keyvault object"):
        client.push(push("x/app"))


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_fault_writes_nothing_and_quotes_no_value(client: Any, vault: KeyVault, code: int) -> None:
    client.validate()
    vault.faults.next(status(404, '{"error": {"code": "SecretNotFound"}}'), "/secrets/app")
    vault.faults.next(status(code, '{"error": {"code": "X", "message": "bad value swordfish-1"}}'), "/secrets/app")

    with pytest.raises(ProviderError) as raised:
        client.push(push("app", b"swordfish-1"))
    assert "swordfish" not in str(raised.value)
    assert versions(vault, "app") == []


def test_references_are_none(client: Any) -> None:
    assert client.references(None) == ()
