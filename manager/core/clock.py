"""Time and chance, injected so that tests own both."""

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the product reads instead of the system clock."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump; only differences mean something."""
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
    """Spreads delays so that a fleet never acts in one second."""

    rng: random.Random = field(default_factory=random.Random)

    def spread(self, seconds: float, part: float = 0.1) -> float:
        """Return `seconds` moved by at most `part` of itself in either direction."""
        return seconds * (1 + part * (2 * self.rng.random() - 1))


def rfc3339(moment: datetime) -> str:
    """Render as Kubernetes does: whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: object) -> datetime | None:
    """Read a Kubernetes timestamp; anything else is None."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
