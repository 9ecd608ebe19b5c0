"""The benches of Vault's key-value engines, on a real server."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from external.providers.push import RemoteRef
from external.providers.vault.connection import Connection, Server
from external.providers.vault.login import Login
from external.providers.vault.push import VaultKeyValue
from manager.core.secret_value import SecretValue
from tests.cluster.vault import VaultServer
from tests.conformance.providers.bench import EVERYWHERE, Bench

PROPERTY = "value"
POLICY = """
path "{mount}/data/*" {{ capabilities = ["read", "create", "update"] }}
path "{mount}/metadata/*" {{ capabilities = ["read", "create", "update", "delete"] }}
path "{mount}/*" {{ capabilities = ["read", "create", "update", "delete"] }}
"""


class EngineBench(Bench):
    """An engine of its own, and a token with the rights that the texts name."""

    LABEL = "HashiCorp/Vault"
    WRITES = frozenset({"WriteSecretData", "DeleteSecret"})
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

    def client(self, *, token: str = "", url: str = "", timeout: float = 5) -> Any:
        trust = None if url.startswith("http:") else self.vault.ca.encode()
        server = Server(url or self.vault.url, "", "", {}, trust, None, "HashiCorp/Vault")
        login = Login(token=SecretValue((token or self.token).encode()))
        connection = Connection(server, login, EVERYWHERE, self.count, timeout)
        return VaultKeyValue(connection, self.mount, self.version, 5)

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
