"""Change detection without reading: a provider's list tells the version of every secret at once (providers 8)."""

import hashlib
from asyncio import Task
from collections.abc import Mapping
from dataclasses import dataclass

from external.providers.protocol import Client, Find, Stamped, Stamping, Want

LAG = 300.0  # seconds by which a list of AWS may be late: what it shows is proven for that long ago, not for now
SHORTEST = 600.0  # seconds between two refreshes for which lists are worth their lag
EACH = 4  # lists that one interval may take, since one serves a quarter of it
REFUSED = 3600.0  # seconds until a list is tried again that IAM forbids or that takes too many calls


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one list told."""

    started: float
    """Monotonic second."""
    stamps: Mapping[Want, str]


@dataclass(slots=True)
class Sweeps:
    """The lists of one identity."""

    latest: Sweep | None = None
    running: Task[None] | None = None
    began: float = 0.0
    """Monotonic second at which that was asked for."""
    not_before: float = 0.0

    def serves(self, interval: float, now: float) -> Sweep | None:
        """Return the latest list if it is new enough for who looks again after an interval."""
        return self.latest if self.latest is not None and now - self.latest.started <= interval / EACH else None


def stampable(client: Client, question: Want | Find) -> bool:
    """Tell whether a list can say that an answer has not changed: pinned versions and tags are not in it."""
    return (
        isinstance(client, Stamping) and isinstance(question, Want) and not question.version and not question.metadata
    )


def worth(client: Stamping, number: int) -> int:
    """Return how many calls a list may take at most to be cheaper than reading so many secrets."""
    return client.reads(number) // EACH


def stamp_of(given: object) -> str:
    """Return the version that came with an answer, empty for none."""
    return given.stamp if isinstance(given, Stamped) else ""


def mark(stamps: Mapping[tuple[tuple[str, ...], Want | Find], str]) -> str:
    """Return one word for the versions of all that an ExternalSecret reads; empty where one of them has none."""
    if not stamps or not all(stamps.values()):
        return ""
    text = repr(sorted((repr(asked), stamp) for asked, stamp in stamps.items()))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
