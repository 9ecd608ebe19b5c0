"""Bearer tokens that end: one for all threads, replaced shortly before its end or once the server refuses it."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from external.providers.protocol import ProviderUnavailable
from external.providers.support.connection_faults import connection_fault
from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue

Result = TypeVar("Result")


@dataclass(frozen=True)
class IssuedToken:
    """A token as a server has issued it."""

    value: SecretValue = field(repr=False)
    refresh_at: float
    """Monotonic second from which on another token is asked for."""
    renewable: bool = False


SPARE_SECONDS = 60.0  # a token is replaced this long before its end
MAX_LIFE_SECONDS = 100 * 365 * 86_400
"""No token lives longer: a greater number is no time that could be written or counted with."""


def life_of(given: object) -> float | None:
    """Return how many seconds an answer says that something lives, None for what is no such number."""
    if not isinstance(given, int | float) or isinstance(given, bool) or not given >= 0:
        return None
    return float(min(given, MAX_LIFE_SECONDS))


def lasting(token: str, seconds: float) -> IssuedToken:
    """Return a token that is replaced shortly before its end; half of its life before, if that is short."""
    return IssuedToken(SecretValue(token.encode()), time.monotonic() + max(seconds - SPARE_SECONDS, seconds / 2))


def issued_in(call: str, told: Mapping[str, Any], token: str, seconds: str) -> IssuedToken:
    """Return the token that the answer to a login holds.

    Args:
        token: name of the member that is the token.
        seconds: name of the member that says how long it lives.

    Raises:
        ProviderUnavailable: the answer holds none.

    """
    value, life = told.get(token), life_of(told.get(seconds))
    if not isinstance(value, str) or not value or life is None:
        raise ProviderUnavailable(f"{call}: the answer holds no token")
    return lasting(value, life)


Issue = Callable[[IssuedToken | None], IssuedToken]
"""Gets a token; its argument is the one that ends, None where there is none. Raises ProviderError."""


class TokenKeeper:
    """Keeps the token of one identity; used by several threads.

    Args:
        issue: called by one thread at a time.
    """

    def __init__(self, issue: Issue) -> None:
        self._issue = issue
        self._lock = threading.Lock()
        self._token: IssuedToken | None = None

    def current(self) -> SecretValue:
        """Return a token that has not ended; all threads wait for one request. Raises ProviderError."""
        with self._lock:
            if self._token is None or time.monotonic() >= self._token.refresh_at:
                self._token = self._issue(self._token)
            return self._token.value

    def drop(self, refused: SecretValue | None) -> None:
        """Forget a token that the server has refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and self._token.value == refused:
                self._token = None

    def prolong(self, value: SecretValue, renewed: Callable[[IssuedToken], IssuedToken | None]) -> float | None:
        """Renew a token if that lets it live longer; return the seconds until it is replaced.

        None if it has been replaced already: then it lives no longer than it does. Raises ProviderError.
        """
        with self._lock:
            if self._token is None or self._token.value != value:
                return None
            self._token = renewed(self._token) or self._token
            return max(0.0, self._token.refresh_at - time.monotonic())

    def seconds_left(self) -> float | None:
        """Return the seconds until the token is replaced, None where there is none."""
        with self._lock:
            return None if self._token is None else max(0.0, self._token.refresh_at - time.monotonic())

    def take(self) -> SecretValue | None:
        """Forget the token and return it, None where there is none: its owner ends it."""
        with self._lock:
            token, self._token = self._token, None
        return token.value if token is not None else None


def credential(call: str, ask: Callable[[], Result]) -> Result:
    """Return what `ask` returns. Raises ProviderUnavailable, which begins with `call`, where it gets nothing."""
    try:
        return ask()
    except (CofferError, OSError, TimeoutError) as error:
        text = str(error) if isinstance(error, CofferError) else connection_fault(error)
        raise ProviderUnavailable(f"{call}: {text}") from None
