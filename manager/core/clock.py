"""Time and randomness, injected so that tests control both."""

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

MAX_SECOND = 253_402_300_800
"""The year 10000 as Unix time, which a date cannot have."""


class Clock(Protocol):
    """Read instead of the system clock."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump; only differences have a meaning."""
        ...


class SystemClock:
    """The real clock."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point, unaffected by clock changes."""
        return time.monotonic()


@dataclass
class Jitter:
    """Spreads delays, so that many objects or replicas do not act in the same second."""

    rng: random.Random = field(default_factory=random.Random)

    def spread(self, seconds: float, part: float = 0.1) -> float:
        """Return `seconds`, changed at random by at most `part` of it."""
        return seconds * (1 + part * (2 * self.rng.random() - 1))


def rfc3339(moment: datetime) -> str:
    """Return a timestamp as Kubernetes writes it: whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: object) -> datetime | None:
    """Parse a Kubernetes timestamp; return None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
