"""VaultDynamicSecret: what a secrets engine of Vault answers.

Where they have a lease the token of the login is not revoked: Vault would revoke the credentials with it.
"""

import time
from typing import Any, Literal

from external.api.fields import AnyJson, Model
from external.api.providers.vault import VaultProvider
from external.api.store import RetrySettings
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext, ProviderError, SecretAbsent
from external.providers.support.naming import document
from external.providers.vault.connect import vault_server
from external.providers.vault.connection import Connection
from external.values.json_document import to_map
from manager.core.secret_value import SecretValue

CALL = "DynamicSecret"
READS = frozenset({"GET", "LIST", "DELETE"})
MAX_NAMES, MAX_BYTES = 256, 256 << 10  # of an answer: several generators must fit into one ExternalSecret


class VaultDynamicSecretSpec(Model):
    """An answer of a Vault secrets engine."""

    allow_empty_response: bool = False
    """Whether an empty answer is accepted."""
    controller: str | None = None
    """Class of the controller that serves this generator."""
    get_parameters: dict[str, list[str]] | None = None
    """Query parameters of the request."""
    method: str | None = None
    """HTTP method."""
    parameters: AnyJson | None = None
    """Parameters of the request."""
    path: str
    """Path of the secrets engine to ask."""
    provider: VaultProvider
    """Vault and how to authenticate to it."""
    result_type: Literal["Data", "Auth", "Raw"] = "Data"
    """Part of the answer that is returned."""
    retry_settings: RetrySettings | None = None
    """Retries of a failed request."""


async def connect(spec: VaultDynamicSecretSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks the engine, and makes a value of each member of its answer."""
    server, login = await vault_server(spec.provider, context, f"{at}.provider")

    def make() -> Generated:
        connection, end = Connection(server, login, context.egress, context.count, context.timeout), Connection.close
        try:
            answer = _asked(connection, spec)
            if answer.get("lease_id") or answer.get("auth"):
                end = Connection.leave
            return Generated(_members(answer, spec, at), _expiry(answer, spec, connection.token_seconds()))
        except SecretAbsent:
            raise ProviderError(f"{at}.path: {connection.location}: {CALL}: 404: nothing is at this path") from None
        except ProviderError as error:
            raise type(error)(f"{connection.location}: {error}") from None
        finally:
            end(connection)

    return make


def _asked(connection: Connection, spec: VaultDynamicSecretSpec) -> Any:
    method = (spec.method or "GET").upper()
    if method in READS:
        return connection.get(CALL, spec.path, method=method, params=spec.get_parameters)
    return connection.get(CALL, spec.path, method="PUT", json=spec.parameters or {})


def _members(answer: Any, spec: VaultDynamicSecretSpec, at: str) -> dict[str, SecretValue]:
    found = answer if spec.result_type == "Raw" else answer.get(spec.result_type.lower())
    if not found:
        if spec.allow_empty_response:
            return {}
        raise ProviderError(f"{at}: the answer holds nothing under {spec.result_type}; or set allowEmptyResponse")
    text = document(found)
    members = to_map(text.reveal(), natural=True) if len(text) <= MAX_BYTES else None
    if members is None or len(members) > MAX_NAMES:
        raise ProviderError(f"{at}: the answer is no object of {MAX_NAMES} members and {MAX_BYTES >> 10} KiB at most")
    return members


def _expiry(answer: Any, spec: VaultDynamicSecretSpec, token_seconds: float | None) -> float | None:
    """Return when the values end: by their lease, by the token that made them, or as the pki engine says."""
    now = time.time()
    auth, data = answer.get("auth"), answer.get("data")
    if spec.result_type == "Auth" and isinstance(auth, dict):
        seconds = _seconds(auth.get("lease_duration"))
        return now + seconds if seconds else None
    seconds = _seconds(answer.get("lease_duration"))
    if answer.get("lease_id") and seconds:  # Vault revokes the leases of a token with the token
        return now + min(seconds, token_seconds or seconds)
    expiration = _seconds(data.get("expiration")) if isinstance(data, dict) else 0
    return float(expiration) if expiration > now else None


def _seconds(given: Any) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) and given > 0 else 0


VAULT_DYNAMIC_SECRETS = GeneratorKind(
    resource=resource("vaultdynamicsecrets", "VaultDynamicSecret"),
    spec=VaultDynamicSecretSpec,
    generate=None,
    connect=connect,
    embedded="vaultDynamicSecretSpec",
    about="An answer of a Vault secrets engine.",
    weigh=lambda _spec: (MAX_NAMES, MAX_BYTES),
)
