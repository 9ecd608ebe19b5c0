"""Delinea DevOps Secrets Vault: the data of secrets, read by their paths."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from external.providers.delinea.connection import VaultConnection
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretRequest,
    one_by_one,
)
from external.providers.support.naming import document, leads_elsewhere
from external.providers.support.one_place import OnePlace
from manager.core.secret_value import SecretValue

GET = "GetSecret"
SEPARATORS = re.compile(r"[:/]+")
EMPTY = SecretValue(b"")


class DevOpsSecrets(OnePlace):
    """Reads the secrets of one tenant."""

    natural = True

    def __init__(self, connection: VaultConnection, tenant: str) -> None:
        super().__init__(connection, f"DevOps Secrets Vault of {tenant}")
        self._connection = connection

    def validate(self) -> None:
        """Check that the vault accepts the credentials; no secret is read. Raises ProviderError."""
        self._connection.validate()

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return the data of secrets as JSON."""
        return one_by_one(requests, self._one)

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Refuse, as the original does. Raises ProviderDenied."""
        raise ProviderDenied("find is not supported by DevOps Secrets Vault stores: name each secret")

    def _one(self, request: SecretRequest) -> SecretValue:
        if request.version or request.metadata:
            field = "version" if request.version else "metadataPolicy: Fetch"
            raise ProviderDenied(f"{field} is not supported by DevOps Secrets Vault stores: remove it")
        steps = [step for step in SEPARATORS.split(request.key) if step]
        if not steps or leads_elsewhere(request.key.replace(":", "/")):
            raise ProviderDenied("the key is no path of a secret")
        path = "".join(f"/{quote(step, safe='')}" for step in steps)
        found = self._connection.get(GET, "secrets", path)
        data = found.get("data")
        if "data" not in found or not (data is None or isinstance(data, dict)):
            raise ProviderUnavailable(f"{GET}: the answer is no secret")
        named = found.get("path")
        if isinstance(named, str) and [step for step in SEPARATORS.split(named) if step] != steps:
            raise ProviderUnavailable(f"{GET}: the answer is another secret")
        return document(data) if data is not None else EMPTY
