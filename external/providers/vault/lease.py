"""A lease of Vault or OpenBao: how long it lives, and how it lives longer.

Vault revokes a lease with the token that made it, so the token is renewed together with the lease.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from external.providers.protocol import ProviderDenied, ProviderError, SecretAbsent
from external.providers.support.tokens import MAX_LIFE_SECONDS
from external.providers.vault.connection import Connection
from manager.core.secret_value import SecretValue

RENEW, REVOKE = "RenewLease", "RevokeLease"
RENEW_PATH, REVOKE_PATH = "sys/leases/renew", "sys/leases/revoke"
LONGEST_SECONDS = 10 * 365 * 86_400
"""Asked of a new lease once: the server answers with the most that it gives."""
ROTATES_AT = 2 / 3


@dataclass(frozen=True)
class Lease:
    """One lease, and the connection under whose token it lives; used in threads."""

    connection: Connection
    name: str
    """Its lease_id."""
    seconds: int
    """How long it lives from each renewal on."""
    ends_at: float
    """Unix time at which it ends without a renewal, and with the token that made it."""
    max_end: float
    """Unix time after which it cannot live."""
    rotate_at: float
    """Unix time from which on it is replaced and not renewed."""
    token: SecretValue | None

    @classmethod
    def of(cls, connection: Connection, answer: Any) -> "Lease | None":
        """Return the lease of an answer, None if it has none. Raises ProviderError."""
        name, seconds = answer.get("lease_id"), positive_seconds(answer.get("lease_duration"))
        if not isinstance(name, str) or not name or not seconds:
            return None
        now, most, token = time.time(), seconds, connection.token()
        if answer.get("renewable"):
            most = max(seconds, _longest(connection, name, seconds))
        left = min(seconds, connection.token_seconds() or seconds)
        return cls(connection, name, seconds, now + left, now + most, now + most * ROTATES_AT, token)

    @property
    def renewable(self) -> bool:
        """Whether a renewal lets it live longer than it does."""
        return self.rotate_at > self.ends_at - self.seconds * (1 - ROTATES_AT)

    def renewed(self) -> float | None:
        """Renew it; return when it ends then, None if it is due to be replaced. Raises ProviderError."""
        if time.time() >= self.rotate_at:
            return None
        left: float = self.seconds
        if self.token is not None:
            of_token = self.connection.prolong(self.token)
            if of_token is None:
                return None
            left = min(left, of_token)
        try:
            return time.time() + min(left, _renewed(self.connection, self.name, self.seconds))
        except (ProviderDenied, SecretAbsent):
            return None

    def end(self) -> None:
        """Revoke it if that is possible. Never raises."""
        with suppress(ProviderError):  # it ends by itself
            self.connection.get(REVOKE, REVOKE_PATH, method="PUT", json={"lease_id": self.name})


def positive_seconds(given: Any) -> int:
    """Return a number of seconds, zero for anything else."""
    return min(given, MAX_LIFE_SECONDS) if isinstance(given, int) and not isinstance(given, bool) and given > 0 else 0


def _longest(connection: Connection, name: str, seconds: int) -> int:
    """Return the most seconds that a new lease may live; what it has if this identity may not renew it."""
    try:
        most = _renewed(connection, name, LONGEST_SECONDS)
        _renewed(connection, name, seconds)
    except ProviderError:
        return seconds
    return most


def _renewed(connection: Connection, name: str, seconds: int) -> int:
    body = {"lease_id": name, "increment": seconds}
    return positive_seconds(connection.get(RENEW, RENEW_PATH, method="PUT", json=body).get("lease_duration"))
