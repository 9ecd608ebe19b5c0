"""When an ExternalSecret asks for a value anew, and how those who ask in one burst still share their reads."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from manager.core.clock import Clock
from manager.kube.resources import Key

ALONE_SECONDS = 0.05  # that the first of a burst waits for a second one; and once more, when a lull was seen
LULL_SECONDS = 0.4  # without a newcomer after which those that came together are let through
LULL_PART = 0.2  # of the time that the burst has lasted: on a busy machine it comes with gaps
LONGEST_BURST_SECONDS = 20.0  # that the first of a burst waits at most


class _Request(NamedTuple):
    since: float
    version: str
    before: float


class RequestTimes:
    """Remembers when each ExternalSecret last wanted its values anew.

    It does when it is made, changed or touched by its user, when its target is lost or edited, and when its store or
    the store's credentials change. A read that began before that answers a question that nobody had asked yet.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[Key, _Request] = {}

    def arose(self, key: Key, version: str = "") -> None:
        """Note a new wish. It arose before it was seen: a read that begins now is young enough in any case.

        Args:
            version: of the target whose change it is about.

        """
        self._since[key] = _Request(self._clock.monotonic(), version, self.since(key))

    def echoed(self, key: Key, version: str) -> None:
        """Take back a wish that was nothing but the echo of our own write, which may come before its answer."""
        wish = self._since.get(key)
        if wish is not None and version and wish.version == version:
            self._since[key] = _Request(wish.before, "", wish.before)

    def since(self, key: Key) -> float:
        """Return the monotonic second of the latest wish; minus infinity where none was seen."""
        wish = self._since.get(key)
        return float("-inf") if wish is None else wish.since

    def forget(self, key: Key) -> None:
        """Drop what is known of an ExternalSecret that is gone."""
        self._since.pop(key, None)


@dataclass(slots=True)
class _Burst:
    first: float
    """Seconds of the event loop."""
    latest: float
    quiet_since: float = -1.0
    """The latest arrival when a lull was seen for the first time."""
    keys: dict[Key, None] = field(default_factory=dict)


class BurstGate:
    """Lets those who ask in one burst through together, when the burst is over.

    A thousand ExternalSecrets that are applied within seconds want a hundred values. Each takes only reads that began
    after it was made: without the wait every value would be read again and again while they arrive.

    Args:
        admit: takes a key when it may be worked on.
    """

    def __init__(self, admit: Callable[[Key], None]) -> None:
        self.admit = admit
        self._bursts: dict[Hashable, _Burst] = {}

    def came(self, key: Key, group: Hashable) -> None:
        """Take in a key; those of one group share reads, others do not wait for it."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        burst = self._bursts.get(group)
        if burst is None:
            burst = self._bursts[group] = _Burst(now, now)
            loop.call_later(ALONE_SECONDS, self._look, group)
        burst.latest = now
        burst.keys[key] = None

    def holds(self, key: Key, group: Hashable) -> bool:
        """Tell whether a key waits here, and comes when its burst is over."""
        burst = self._bursts.get(group)
        return burst is not None and key in burst.keys

    def _look(self, group: Hashable) -> None:
        loop, burst = asyncio.get_running_loop(), self._bursts[group]
        lull = max(LULL_SECONDS, LULL_PART * (burst.latest - burst.first)) if len(burst.keys) > 1 else 0.0
        wait = min(burst.latest + lull, burst.first + LONGEST_BURST_SECONDS) - loop.time()
        if wait <= 0 and burst.quiet_since != burst.latest and loop.time() < burst.first + LONGEST_BURST_SECONDS:
            # A busy event loop runs timers before it reads what has come meanwhile: look once more after that.
            burst.quiet_since, wait = burst.latest, ALONE_SECONDS
        if wait > 0:
            loop.call_later(wait, self._look, group)
            return
        del self._bursts[group]
        for key in burst.keys:
            self.admit(key)
