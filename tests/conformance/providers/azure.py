"""The subject of Azure Key Vault, on a double."""

from collections.abc import Mapping
from typing import Any, ClassVar

from external.providers.push import RemoteRef
from tests.conformance.providers.subject import Subject
from tests.doubles.azure.key_vault import KeyVault


class KeyVaultSubject(Subject):
    """A vault with the login of its tenant."""

    NAME = "Azure Key Vault"
    KIND = "azurekv"
    LABEL = "Azure/KeyVault"
    SERVER = "a double, which Microsoft's own clients check; never run against Azure"
    WRITES = frozenset({"SetSecret", "UpdateSecret", "DeleteSecret"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_versions_tell_whether_a_secret_changed": "its lists have no versions",
        "test_a_value_of_one_mebibyte_is_read": "it takes 25 KiB",
        "test_bytes_that_are_no_text_are_read": "its values are text",
        "test_an_unknown_authority_is_not_trusted": "a store names no authority",
    }
    denied = (403, {"error": {"code": "Forbidden", "message": "no", "innererror": {"code": "AccessDenied"}}})
    throttled = (429, {"error": {"code": "Throttled", "message": "later"}})
    other_forms = ('{"value":[]}', '{"access_token":7,"expires_in":1}')
    binary = False
    max_bytes = 25 << 10
    page = 25
    some_metadata: ClassVar[Mapping[str, Any]] = {
        "tags": {"team": "a"},
        "contentType": "text/plain",
        "expirationDate": "2033-05-18T03:33:20Z",
    }

    def __init__(self) -> None:
        super().__init__()
        self.vault = KeyVault()
        self.vault.__enter__()

    def stop(self) -> None:
        self.vault.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        secret = {"clientId": {"name": "azure", "key": "id"}, "clientSecret": {"name": "azure", "key": "secret"}}
        return {
            "vaultUrl": url or self.vault.url,
            "tenantId": self.vault.tenant,
            "authSecretRef": secret,
            "environmentType": "AzureStackCloud",
            "useAzureSDK": True,
            "customCloudConfig": {"activeDirectoryEndpoint": self.vault.url},
        }

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"azure": {"id": self.vault.client.encode(), "secret": self.vault.secret.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"azure": {"id": self.vault.client.encode(), "secret": b"wrong-secret"}}

    def path_of(self, key: str) -> str:
        return f"{key}-"

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        tags: dict[str, Any] = {} if marks is None else {"tags": dict(marks)}
        self.vault.put(key, content.decode(), **tags)

    def remove(self, key: str) -> None:
        self.vault.deleted["secrets"][key] = self.vault.objects["secrets"].pop(key)

    def put_second(self, key: str, content: bytes) -> str:
        before = self._versions(key)[-1]["id"].rpartition("/")[2]
        self.put(key, content, None)
        return str(before)

    def disable(self, key: str) -> None:
        self._versions(key)[-1]["attributes"]["enabled"] = False

    def content(self, key: str) -> bytes | None:
        found = self._versions(key)
        return found[-1]["value"].encode() if found else None

    def found_marks(self, key: str) -> Mapping[str, str]:
        tags: Mapping[str, str] = self._versions(key)[-1].get("tags") or {}
        return tags

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(f"secret/{key}", name)

    def _versions(self, key: str) -> list[dict[str, Any]]:
        return self.vault.objects["secrets"].get(key, [])
