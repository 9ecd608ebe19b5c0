"""The subjects of Vault's key-value engines, on a real server."""

import base64
import json
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import uuid4

from external.providers.push import RemoteRef
from tests.cluster.vault import VaultServer
from tests.conformance.providers.subject import Subject

PROPERTY = "value"
NO_VERSIONS = "version 1 of the engine keeps neither versions nor metadata"
POLICY = """
path "{mount}/data/*" {{ capabilities = ["read", "create", "update"] }}
path "{mount}/metadata/*" {{ capabilities = ["read", "list", "create", "update", "delete"] }}
path "{mount}/*" {{ capabilities = ["read", "list", "create", "update", "delete"] }}
path "{mount}/metadata" {{ capabilities = ["list"] }}
path "{mount}" {{ capabilities = ["list"] }}
"""


class EngineSubject(Subject):
    """An engine of its own, and a token with the rights that the texts name."""

    KIND = "vault"
    LABEL = "HashiCorp/Vault"
    SERVER = "a real Vault"
    NEEDS = ("vault",)
    WRITES = frozenset({"WriteSecretData", "DeleteSecret"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_versions_tell_whether_a_secret_changed": "no list of it tells versions",
        "test_a_disabled_version_is_not_absent": "its versions cannot be disabled; deleted ones have a row",
        "test_another_host_gets_no_credential": "a standby names the active server, to which the token goes too",
        "test_a_value_of_one_mebibyte_is_read": "it takes 512 KiB",
        "test_bytes_that_are_no_text_are_read": "its documents hold text",
        "test_a_search_goes_through_all_pages": "its lists are whole",
    }
    without = frozenset({"find"})  # the HTTP server of the tests refuses the method LIST
    denied = (403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
    throttled = (429, {"errors": ["rate limit"]})
    binary = False
    max_bytes = 512 << 10

    def __init__(self, vault: VaultServer, version: str) -> None:
        super().__init__()
        self.vault, self.version = vault, version
        self.mount = f"kv-{uuid4().hex[:8]}"
        vault.mount(self.mount, version.removeprefix("v"))
        self.token = self.token_with(POLICY)

    def token_with(self, policy: str) -> str:
        """Return a token with the rights of a policy."""
        name = f"push-{uuid4().hex[:8]}"
        self.vault.allow(name, policy.format(mount=self.mount))
        token: str = self.vault.ask("POST", "auth/token/create", {"policies": [name]})["auth"]["client_token"]
        return token

    def spec(self, url: str = "") -> Mapping[str, Any]:
        authority = {} if url else {"caBundle": base64.b64encode(self.vault.ca.encode()).decode()}
        auth = {"tokenSecretRef": {"name": "login", "key": "token"}}
        return {"server": url or self.vault.url, "path": self.mount, "version": self.version, "auth": auth} | authority

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": self.token.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": b"hvs.wrong"}}

    def trusting(self, pem: str) -> Mapping[str, Any]:
        return {"caBundle": base64.b64encode(pem.encode()).decode()}

    def client(self, *, token: str = "", url: str = "", timeout: float = 5, **given: Any) -> Any:
        if token:
            given["secrets"] = {"login": {"token": token.encode()}}
        return super().client(url=url, timeout=timeout, **given)

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(key, name or PROPERTY)

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        document = json.loads(content) if content.startswith(b"{") else {PROPERTY: content.decode()}
        if self.version == "v1":
            custom = {"custom_metadata": dict(marks)} if marks is not None else {}
            self.vault.ask("POST", f"{self.mount}/{key}", document | custom)
            return
        self.vault.ask("POST", f"{self.mount}/data/{key}", {"data": document})
        if marks is not None:
            self.vault.ask("POST", f"{self.mount}/metadata/{key}", {"custom_metadata": dict(marks)})

    def content(self, key: str) -> bytes | None:
        found = self.document(key)
        if found is None:
            return None
        found.pop("custom_metadata", None)
        return found[PROPERTY].encode() if set(found) == {PROPERTY} else json.dumps(found, sort_keys=True).encode()

    def document(self, key: str) -> dict[str, Any] | None:
        """Return the whole document, None if there is none."""
        path = f"{self.mount}/data/{key}" if self.version == "v2" else f"{self.mount}/{key}"
        try:
            found = self.vault.ask("GET", path)["data"]
        except RuntimeError:
            return None
        return found["data"] if self.version == "v2" else found

    def found_marks(self, key: str) -> Mapping[str, str]:
        if self.version == "v1":
            return (self.document(key) or {}).get("custom_metadata") or {}
        return self.vault.ask("GET", f"{self.mount}/metadata/{key}")["data"]["custom_metadata"] or {}

    def put_document(self, key: str, content: bytes) -> None:
        document = json.loads(content)
        path = f"{self.mount}/data/{key}" if self.version == "v2" else f"{self.mount}/{key}"
        self.vault.ask("POST", path, {"data": document} if self.version == "v2" else document)

    def put_value(self, key: str, content: bytes) -> None:
        self.put_document(key, json.dumps({PROPERTY: content.decode()}).encode())

    def inside(self, path: str) -> str:
        return path

    def as_found(self, content: bytes) -> bytes:
        return json.dumps({PROPERTY: content.decode()}, separators=(",", ":")).encode()

    def remove(self, key: str) -> None:
        self.vault.ask("DELETE", f"{self.mount}/data/{key}" if self.version == "v2" else f"{self.mount}/{key}")


class EngineOneSubject(EngineSubject):
    """Version 1."""

    NAME = "Vault, v1"
    refused_push = "must allow read on kv"
    SPARED: ClassVar[Mapping[str, str]] = {
        **EngineSubject.SPARED,
        "test_a_version_is_read": NO_VERSIONS,
        "test_tags_are_read_as_metadata": NO_VERSIONS,
        "test_a_search_by_tags": NO_VERSIONS,
    }

    def __init__(self, vault: VaultServer) -> None:
        super().__init__(vault, "v1")


class EngineTwoSubject(EngineSubject):
    """Version 2."""

    NAME = "Vault, v2"
    other_forms = ('{"data":{"metadata":[]}}', '{"data":{"data":"text","metadata":{"version":1}}}')
    refused_push = "must allow read on kv"

    def __init__(self, vault: VaultServer) -> None:
        super().__init__(vault, "v2")

    def put_second(self, key: str, content: bytes) -> str:
        self.put(key, content, None)
        return "1"


class OpenBaoSubject(EngineTwoSubject):
    """OpenBao, whose API is Vault's."""

    NAME = LABEL = "OpenBao"
    KIND = "openBao"
    SERVER = "a real Vault, whose API it has"
    NO_PUSHES = "it takes no secrets, and neither does the original's"
