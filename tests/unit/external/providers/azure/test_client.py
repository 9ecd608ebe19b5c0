"""Reads of a vault: values, tags, searches, and how few calls they take."""

import base64
import json
from typing import Any

import pytest

from external.providers.azure import client as azure_client
from external.providers.azure.objects import Place, VaultObject, tags_of
from external.providers.protocol import (
    DocumentPath,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from tests.builders.providers import Calls, found_texts, read, text
from tests.doubles.azure.key_vault import KeyVault
from tests.doubles.faults import Fault, cut, half, page, silent, status


def test_a_secret_is_read_with_and_without_its_prefix(client: Any, vault: KeyVault) -> None:
    vault.put("app-db", "swordfish")

    assert text(client, "app-db") == text(client, "secret/app-db") == text(client, "secret/app-db/x") == "swordfish"


def test_a_version_is_read_by_its_id(client: Any, vault: KeyVault) -> None:
    old = vault.put("app", "one")["id"].rpartition("/")[2]
    vault.put("app", "two")

    assert (text(client, "app", old), text(client, "app")) == ("one", "two")
    with pytest.raises(SecretAbsent):
        read(client, "app", "0" * 32)
    with pytest.raises(ProviderDenied, match="letters and digits only"):
        read(client, "app", "../x")


@pytest.mark.parametrize("key", ["none", "secret/none", "cert/none", "key/none"])
def test_what_is_not_there_is_proven_absent(client: Any, key: str) -> None:
    with pytest.raises(SecretAbsent, match="Secret does not exist"):
        read(client, key)


def test_a_deleted_secret_is_absent(client: Any, vault: KeyVault) -> None:
    vault.put("app", "one")
    vault.deleted["secrets"]["app"] = vault.objects["secrets"].pop("app")

    with pytest.raises(SecretAbsent):
        read(client, "app")


def test_a_disabled_secret_is_refused_and_not_absent(client: Any, vault: KeyVault) -> None:
    vault.put("app", "one", attributes={"enabled": False})

    with pytest.raises(ProviderDenied, match="403 SecretDisabled: Operation get is not allowed on a disabled secret"):
        read(client, "app")


def test_an_expired_secret_is_read(client: Any, vault: KeyVault) -> None:
    vault.put("app", "one", attributes={"exp": 1})

    assert text(client, "app") == "one"


@pytest.mark.parametrize("key", ["/app", "Secret/app", "x/app", "a_b", "", "secret/", "secret/..", "a%2e"])
def test_a_key_that_names_no_object_is_refused(client: Any, key: str) -> None:
    with pytest.raises(ProviderDenied):
        read(client, key)


def test_a_certificate_is_its_der_and_a_key_its_public_part(client: Any, vault: KeyVault) -> None:
    vault.put("tls", kind="certificates", cer=base64.b64encode(b"der\x00").decode())
    vault.put("rsa", kind="keys", key={"kty": "RSA", "n": "AQ", "e": "AQAB", "d": "never"})

    assert read(client, "cert/tls").reveal() == b"der\x00"
    shown = json.loads(text(client, "key/rsa"))
    assert list(shown) == ["kid", "kty", "n", "e"]
    whole = read(client, "cert/tls")
    assert client.property_value(whole, "x") is whole, "a certificate has no properties"
    for key in ("cert/tls", "key/rsa"):
        with pytest.raises(ProviderDenied, match="cannot get use dataFrom"):
            client.members(read(client, key))


def test_tags_are_read_as_one_or_by_name(client: Any, vault: KeyVault) -> None:
    vault.put("app", "one", tags={"team": "a", "a.b": "c", "json": '{"x": "1", "y": "2"}', "odd": '{"x": 1}'})
    whole = read(client, "app", metadata=True)

    assert json.loads(whole.reveal())["team"] == "a"
    assert client.property_value(whole, "team").reveal() == b"a"
    assert client.property_value(whole, "a.b").reveal() == b"c"
    inner = client.property_value(whole, "json.x")
    assert isinstance(inner, DocumentPath)
    assert (inner.document.reveal(), inner.path) == (b'{"x": "1", "y": "2"}', "x")
    assert client.property_value(whole, "none") is None
    assert found_texts(client.members(whole)) == {
        "app_team": "a",
        "app_a.b": "c",
        "app_json_x": "1",
        "app_json_y": "2",
        "app_odd": '{"x": 1}',
    }
    assert found_texts(client.members(client.property_value(whole, "team"))) == {"app_team": "a"}


def test_a_search_takes_enabled_secrets_by_all_that_is_named(client: Any, vault: KeyVault) -> None:
    vault.put("app-a", "1", tags={"team": "a", "env": "x"})
    vault.put("app-b", "2", tags={"team": "b"})
    vault.put("other", "3", tags={"team": "a"})
    vault.put("app-off", "4", tags={"team": "a"}, attributes={"enabled": False})
    vault.put("app-key", kind="keys", key={"kty": "RSA", "n": "AQ", "e": "AQAB"})

    def found(**wanted: Any) -> dict[str, str]:
        return found_texts(client.find(SearchRequest(**wanted)))

    assert found(name="^app", tags=(("team", "a"),)) == {"app-a": "1"}
    assert found(tags=(("team", "a"),)) == {"app-a": "1", "other": "3"}
    assert found(path="app-") == {"app-a": "1", "app-b": "2"}
    assert found() == {"app-a": "1", "app-b": "2", "other": "3"}
    with pytest.raises(ProviderDenied, match="could not compile"):
        found(name="(")


def test_a_search_reads_all_pages(client: Any, vault: KeyVault, calls: Calls) -> None:
    for number in range(60):
        vault.put(f"app-{number:02}", str(number))

    assert len(client.find(SearchRequest(name="."))) == 60
    assert (calls["GetSecrets"], calls["GetSecret"]) == (3, 60)


def listed(number: int, **more: Any) -> str:
    """Return a page with secrets."""
    items = [{"id": f"http://v/secrets/{each}", "attributes": {"enabled": False}, **more} for each in range(number)]
    return json.dumps({"value": items})


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (listed(26), ProviderUnavailable, "the answer is no page of a list"),
        (json.dumps({"value": [], "nextLink": "https://" + "a" * 5000}), ProviderUnavailable, "no page of a list"),
        (
            json.dumps({"value": [{"id": f"http://v/secrets/{'a' * 128}", "attributes": {}}]}),
            ProviderUnavailable,
            "no obj",
        ),
        (listed(25, tags={"a": "a" * 50}), ProviderDenied, "the list of the vault's secrets is larger than"),
    ],
)
def test_a_list_has_bounds(
    client: Any, vault: KeyVault, monkeypatch: pytest.MonkeyPatch, answer: str, kind: type[Exception], said: str
) -> None:
    """30 pages of half a megabyte took 122 MiB."""
    monkeypatch.setattr(azure_client, "MAX_LIST_BYTES", 2000)
    client.validate()
    vault.faults.next(status(200, answer), "/secrets")

    with pytest.raises(kind, match=said):
        client.find(SearchRequest(name="."))


@pytest.mark.parametrize("second", [10**15, -1, 10**400])
def test_a_time_that_is_none_is_the_error_of_one(second: int) -> None:
    """It ended the read of all secrets of a store."""
    found = VaultObject(Place("secret", "odd"), "", {"attributes": {"exp": second}})

    with pytest.raises(ProviderDenied, match="its attribute exp is no time"):
        tags_of(found, with_times=True)


def test_a_stamp_that_is_no_time_is_none(client: Any, vault: KeyVault) -> None:
    vault.put("app", "1", attributes={"updated": 10**400})

    assert text(client, "app") == "1"


def test_a_page_of_another_host_is_not_followed(client: Any, vault: KeyVault) -> None:
    page = json.dumps({"value": [], "nextLink": "https://elsewhere.example/secrets"})
    vault.faults.next(status(200, "{}"), "/secrets", 0)
    client.validate()
    vault.faults.next(status(200, page), "/secrets")

    with pytest.raises(ProviderUnavailable, match="next page is not of this vault"):
        client.find(SearchRequest(name="."))


def test_an_unchanged_value_is_not_read_again(client: Any, vault: KeyVault, calls: Calls) -> None:
    requests = [SecretRequest(f"app-{number:02}") for number in range(50)]
    for each in requests:
        vault.put(each.key, "one")
    first = client.read(requests)
    calls.clear()

    assert client.read(requests) == first
    assert calls == {"GetSecrets": 2}
    calls.clear()
    vault.put("app-07", "two")
    vault.objects["secrets"]["app-07"][-1]["attributes"]["updated"] += 60
    assert client.read(requests)[requests[7]].reveal() == b"two"
    assert calls == {"GetSecrets": 2, "GetSecret": 1}


def test_a_value_that_changed_a_moment_ago_is_read_again(client: Any, vault: KeyVault, calls: Calls) -> None:
    """A stamp has seconds: two values of one second would have the same."""
    requests = [SecretRequest(each) for each in ("a", "b", "c")]
    for each in requests:
        vault.put(each.key, "one")
        vault.objects["secrets"][each.key][-1]["attributes"]["updated"] = int(vault.clock())
    client.read(requests)
    vault.objects["secrets"]["a"][-1]["value"] = "two"

    assert client.read(requests)[requests[0]].reveal() == b"two"


def test_who_may_not_list_reads_one_by_one(client: Any, vault: KeyVault, calls: Calls) -> None:
    requests = [SecretRequest(each) for each in ("a", "b", "c")]
    for each in requests:
        vault.put(each.key, each.key)
    vault.denied.add("list")
    for _ in range(3):
        assert [each.reveal().decode() for each in client.read(requests).values()] == ["a", "b", "c"]

    assert calls["GetSecrets"] == 1
    with pytest.raises(ProviderDenied, match="does not have secrets list permission"):
        client.find(SearchRequest(name="."))


def test_a_large_vault_is_not_listed_for_a_few(client: Any, vault: KeyVault, calls: Calls) -> None:
    for number in range(100):
        vault.put(f"app-{number:02}", "one")
    requests = [SecretRequest(f"app-{number:02}") for number in range(3)]
    client.read(requests)
    calls.clear()
    for _ in range(5):
        client.read(requests)

    assert calls == {"GetSecrets": 2, "GetSecret": 15}, "given up once, after so many pages as could be worth it"
    client._counted_until = 0.0
    client.read(requests)
    assert calls["GetSecrets"] == 4, "after a while it is tried again"


FAULTS: list[tuple[Fault, type[ProviderError]]] = [
    (status(500), ProviderUnavailable),
    (status(503, '{"error": {"code": "ServiceUnavailable", "message": "busy"}}'), ProviderUnavailable),
    (status(429, '{"error": {"code": "Throttled", "message": "slow down"}}', Retry_After="1"), ProviderUnavailable),
    (page(), ProviderUnavailable),
    (status(200, "[]"), ProviderUnavailable),
    (status(200, "{}"), ProviderUnavailable),
    (status(200, '{"value": null, "id": "https://v/secrets/app/1", "attributes": {}}'), ProviderUnavailable),
    (status(200, '{"value": ["canary"], "id": "https://v/secrets/app/1", "attributes": {}}'), ProviderUnavailable),
    (status(200, '{"value": "canary", "id": "https://v/secrets/b/1", "attributes": {}}'), ProviderUnavailable),
    (status(200, '{"value": "canary", "id": 7, "attributes": {}}'), ProviderUnavailable),
    (status(404, "<html>canary</html>", "text/html"), ProviderUnavailable),
    (status(404, '{"error": {"code": "NotFound", "message": "canary"}}'), ProviderUnavailable),
    (status(302, "", Location="https://elsewhere.example"), ProviderUnavailable),
    (cut, ProviderUnavailable),
    (half, ProviderUnavailable),
    (status(403, '{"error": {"code": "Forbidden", "message": "no"}}'), ProviderDenied),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
def test_a_fault_of_the_vault_is_never_an_absence(
    client: Any, vault: KeyVault, fault: Fault, kind: type[ProviderError]
) -> None:
    vault.put("app", "one")
    client.validate()
    vault.faults.next(fault, "/secrets/app")

    with pytest.raises(ProviderError) as raised:
        read(client, "app")
    assert type(raised.value) is kind
    assert "canary" not in str(raised.value).replace(": canary", "") or "message" in str(raised.value)
    assert text(client, "app") == "one", "the next read works"


@pytest.mark.parametrize("patience", [2.0])
def test_silence_ends_within_the_deadline(vault: KeyVault, client: Any) -> None:
    client.validate()
    vault.faults.next(silent, "/secrets/app")

    with pytest.raises(ProviderUnavailable):
        read(client, "app")


def test_the_error_of_one_leaves_the_others(client: Any, vault: KeyVault) -> None:
    vault.put("a", "1")
    vault.put("off", "2", attributes={"enabled": False})
    requests = [SecretRequest(each) for each in ("a", "off", "none")]

    found = client.read(requests)
    assert [type(found[each]).__name__ for each in requests] == ["VaultValue", "ProviderDenied", "SecretAbsent"]


def test_where_it_looked(client: Any, vault: KeyVault) -> None:
    assert client.location(SecretRequest("a")) == f"Azure Key Vault {vault.host}"
