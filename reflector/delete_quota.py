"""Divide the deletes of a minute among namespaces: a tenant's thousands must not delay those of others."""

from collections import Counter, deque

from manager.core.clock import Clock
from manager.core.errors import WaitFor

WINDOW_SECONDS = 60.0
REMEMBERED_SECONDS = 130.0  # for which a namespace counts after it asked: a refused one asks again after a minute
PAUSED = "DeletesPaused"


class DeleteQuota:
    """Counts the deletes that each namespace causes; if several ask, each gets an equal part.

    Args:
        limit: deletes of the module in a minute.
    """

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._asked: dict[str, float] = {}
        self._made: deque[tuple[float, str]] = deque()
        self._number: Counter[str] = Counter()

    def require(self, namespace: str) -> None:
        """Raise WaitFor if a namespace has used its part of this minute while others ask too."""
        now = self._clock.monotonic()
        self._asked.pop(namespace, None)
        self._asked[namespace] = now  # inserted again, so that the latest is the last
        while now - self._asked[first := next(iter(self._asked))] > REMEMBERED_SECONDS:
            del self._asked[first]
        while self._made and now - self._made[0][0] >= WINDOW_SECONDS:
            _, earlier = self._made.popleft()
            self._number[earlier] -= 1
            if not self._number[earlier]:
                del self._number[earlier]
        if len(self._asked) > 1 and self._number[namespace] >= max(1, self._limit // len(self._asked)):
            first_made = next(moment for moment, each in self._made if each == namespace)
            text = f"several namespaces share {self._limit} deletes a minute: going on later"
            cure = "modules.deletes_per_minute lets more through"
            raise WaitFor(PAUSED, f"{text}; {cure}", delay=first_made + WINDOW_SECONDS + 1 - now)

    def count(self, namespace: str) -> None:
        """Count one delete."""
        self._made.append((self._clock.monotonic(), namespace))
        self._number[namespace] += 1
