"""VaultDynamicSecret: what a secrets engine of Vault answers.

Where they have a lease the token of the login is not revoked: Vault would revoke the credentials with it. It serves the
next leases of the generator too.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from external.api.fields import AnyJson, Model
from external.api.providers.vault import VaultProvider
from external.api.store import RetrySettings
from external.generators.protocol import Generated, GeneratorKind, Make, NotRevoked, State, resource
from external.providers.protocol import (
    ConnectContext,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SecretAbsent,
    Shared,
)
from external.providers.support.naming import document
from external.providers.vault.connect import VAULT, vault_server
from external.providers.vault.connection import Connection
from external.providers.vault.lease import Lease, positive_seconds
from external.values.json_document import to_map
from manager.core.clock import rfc3339
from manager.core.secret_value import SecretValue

CALL, REVOKE = "DynamicSecret", "RevokeLease"
BACKEND_FAILED = f"{REVOKE}: 400"
"""Vault's answer where the service behind an engine does not end a credential."""
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
        shared = context.shared.current() if context.shared is not None else None
        connection = shared or Connection(server, login, context.egress, context.count, context.timeout)
        leased = False
        try:
            answer = _asked(connection, spec)
            leased = bool(answer.get("lease_id") or answer.get("auth"))
            generated = _generated(connection, answer, spec, at)
        except SecretAbsent:
            raise ProviderError(f"{at}.path: {connection.location}: {CALL}: 404: nothing is at this path") from None
        except ProviderError as error:
            raise type(error)(f"{connection.location}: {error}") from None
        finally:
            if shared is None:
                _left(connection, context.shared, leased=leased)
        return generated

    return make


async def revoke(spec: VaultDynamicSecretSpec, context: ConnectContext, state: State, at: str) -> Callable[[], None]:
    """Return what ends a lease, or a token that an engine made."""
    server, login = await vault_server(spec.provider, context, f"{at}.provider")
    lease, accessor, ends_at = state.get("leaseID"), state.get("accessor"), float(state.get("endsAt") or 0)

    def end() -> None:
        connection = Connection(server, login, context.egress, context.count, context.timeout)
        try:
            if lease:
                connection.get(REVOKE, "sys/leases/revoke", method="PUT", json={"lease_id": lease, "sync": True})
            elif accessor:
                connection.get(REVOKE, "auth/token/revoke-accessor", method="PUT", json={"accessor": accessor})
        except SecretAbsent:
            pass
        except ProviderDenied as error:
            if str(error).startswith(BACKEND_FAILED):
                raise ProviderUnavailable(f"{connection.location}: {error}") from None
            text = f"{connection.location}: {error}; it ends by itself at {_shown(ends_at)}"
            raise NotRevoked(text, ends_at) from None
        except ProviderError as error:
            raise type(error)(f"{connection.location}: {error}") from None
        finally:
            connection.close()

    return end


def _left(connection: Connection, shared: Shared | None, *, leased: bool) -> None:
    """Revoke the token, unless Vault would revoke with it what it has made; then keep it for the next leases."""
    if not leased:
        connection.close()
    elif shared is not None:
        shared.keep(connection)
    else:
        connection.leave()


def _generated(connection: Connection, answer: Any, spec: VaultDynamicSecretSpec, at: str) -> Generated:
    lease = Lease.of(connection, answer)
    if lease is None:
        expires_at = _expiry(answer, spec, connection.token_seconds())
        return Generated(_members(answer, spec, at), expires_at, _token_state(answer, expires_at))
    try:
        values = _members(answer, spec, at)
    except ProviderError:
        lease.end()
        raise
    state = {"leaseID": lease.name, "endsAt": int(lease.max_end)}
    renew = lease.renewed if lease.renewable else None
    return Generated(values, lease.ends_at, state, renew)


def _token_state(answer: Any, expires_at: float | None) -> State | None:
    auth = answer.get("auth")
    accessor = auth.get("accessor") if isinstance(auth, dict) else None
    if not isinstance(accessor, str) or not accessor:
        return None
    return {"accessor": accessor, "endsAt": int(expires_at or 0)}


def _shown(ends_at: float) -> str:
    return rfc3339(datetime.fromtimestamp(ends_at, UTC))


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
    """Return when values without a lease end: with the token that they are, or as the pki engine says."""
    now = time.time()
    auth, data = answer.get("auth"), answer.get("data")
    if isinstance(auth, dict):
        seconds = positive_seconds(auth.get("lease_duration"))
        if spec.result_type == "Auth":
            return now + seconds if seconds else None
        return now + min(seconds, token_seconds or seconds) if seconds else None
    expiration = positive_seconds(data.get("expiration")) if isinstance(data, dict) else 0
    return float(expiration) if expiration > now else None


VAULT_DYNAMIC_SECRETS = GeneratorKind(
    resource=resource("vaultdynamicsecrets", "VaultDynamicSecret"),
    spec=VaultDynamicSecretSpec,
    generate=None,
    connect=connect,
    embedded="vaultDynamicSecretSpec",
    about="An answer of a Vault secrets engine.",
    weigh=lambda _spec: (MAX_NAMES, MAX_BYTES),
    revoke=revoke,
    label=VAULT,
)
