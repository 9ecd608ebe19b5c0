"""The subject of Delinea DevOps Secrets Vault, on a double."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from external.providers.delinea.connection import LABEL
from external.providers.push import RemoteRef
from tests.conformance.providers.on_a_double import NO_SEARCH, SEARCHES, DoubleSubject, spared
from tests.doubles.delinea.devops_vault import DevOpsVault

NO_VERSIONS = "neither Coffer nor the original reads its versions"


class DevOpsVaultSubject(DoubleSubject):
    """One tenant; a single value is the member `value` of a secret's data."""

    NAME = "Delinea DevOps Secrets Vault"
    DOUBLE = DevOpsVault
    KIND = "delinea"
    LABEL = LABEL
    SERVER = "a double; never run against Delinea"
    NO_PUSHES = "it is read only, as in the original"
    without = frozenset({"find"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_version_is_read": NO_VERSIONS,
        "test_a_disabled_version_is_not_absent": NO_VERSIONS,
        "test_tags_are_read_as_metadata": "the original does not read its attributes",
        "test_bytes_that_are_no_text_are_read": "its data are JSON",
        **spared(SEARCHES, NO_SEARCH),
        "test_an_unknown_authority_is_not_trusted": "a store names no authority",
    }
    denied = (403, {"code": 403, "message": "Invalid permissions"})
    throttled = (429, {"code": 429, "message": "Too many requests"})
    other_forms = ('{"accessToken":"t"}', '{"accessToken":"t","expiresIn":60,"data":5}')

    def spec(self, url: str = "") -> Mapping[str, Any]:
        return {
            "tenant": self.double.tenant,
            "tld": self.double.tld,
            "urlTemplate": f"{url}/%s/%s/v1/%s%s" if url else self.double.template,
            "clientId": {"secretRef": {"name": "login", "key": "id"}},
            "clientSecret": {"secretRef": {"name": "login", "key": "secret"}},
        }

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"id": self.double.client.encode(), "secret": self.double.secret.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"id": self.double.client.encode(), "secret": b"wrong-secret"}}

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(key, name or "value")

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        del marks
        self.double.secrets[key] = {"value": content.decode()}

    def put_document(self, key: str, content: bytes) -> None:
        self.double.secrets[key] = json.loads(content)

    def remove(self, key: str) -> None:
        del self.double.secrets[key]

    def content(self, key: str) -> bytes | None:
        found = self.double.secrets.get(key)
        return None if found is None else str(found["value"]).encode()
