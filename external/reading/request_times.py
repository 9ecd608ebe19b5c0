"""When ExternalSecrets request their values, and how those of one burst still share reads."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from manager.core.clock import Clock
from manager.kube.resources import Key

ALONE_SECONDS = 0.05  # that the first key of a burst waits for a second one, and again after a lull
LULL_SECONDS = 0.4  # without another key after which a burst is over
LULL_FRACTION = 0.2  # of the time that the burst has lasted: on a busy machine it has gaps
MAX_BURST_SECONDS = 20.0  # that the first key of a burst waits at most


class _Request(NamedTuple):
    since: float
    version: str
    before: float


class RequestTimes:
    """Remembers when each ExternalSecret last requested its values.

    It does when it is created, changed or touched by its user, when its target is removed or edited, and when its store
    or the store's credentials change. A read that began earlier may have missed what the user did just before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[Key, _Request] = {}

    def note(self, key: Key, version: str = "") -> None:
        """Note a request. Its cause is older than this moment, so a read that begins now serves it.

        Args:
            version: of the target whose change is the cause.

        """
        self._since[key] = _Request(self._clock.monotonic(), version, self.since(key))

    def retract(self, key: Key, version: str) -> None:
        """Drop a request that the echo of our own write caused; the echo may arrive before the write returns."""
        request = self._since.get(key)
        if request is not None and version and request.version == version:
            self._since[key] = _Request(request.before, "", request.before)

    def since(self, key: Key) -> float:
        """Return the monotonic second of the latest request; minus infinity if there was none."""
        request = self._since.get(key)
        return float("-inf") if request is None else request.since

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
    """Holds the keys of one burst, and admits them together when it is over.

    A thousand ExternalSecrets that are applied within seconds read a hundred values. Each takes only reads that began
    after it was created: without the wait, every value would be read again and again while they arrive.

    Args:
        admit: called with a key that may be worked on.
    """

    def __init__(self, admit: Callable[[Key], None]) -> None:
        self.admit = admit
        self._bursts: dict[Hashable, _Burst] = {}

    def add(self, key: Key, group: Hashable) -> None:
        """Hold a key; keys of one group share reads, others do not wait for it."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        burst = self._bursts.get(group)
        if burst is None:
            burst = self._bursts[group] = _Burst(now, now)
            loop.call_later(ALONE_SECONDS, self._look, group)
        burst.latest = now
        burst.keys[key] = None

    def holds(self, key: Key, group: Hashable) -> bool:
        """Return True if a key waits here until its burst is over."""
        burst = self._bursts.get(group)
        return burst is not None and key in burst.keys

    def _look(self, group: Hashable) -> None:
        loop, burst = asyncio.get_running_loop(), self._bursts[group]
        lull = max(LULL_SECONDS, LULL_FRACTION * (burst.latest - burst.first)) if len(burst.keys) > 1 else 0.0
        wait = min(burst.latest + lull, burst.first + MAX_BURST_SECONDS) - loop.time()
        if wait <= 0 and burst.quiet_since != burst.latest and loop.time() < burst.first + MAX_BURST_SECONDS:
            # A busy event loop runs timers before it reads the events that arrived meanwhile: look again after it has.
            burst.quiet_since, wait = burst.latest, ALONE_SECONDS
        if wait > 0:
            loop.call_later(wait, self._look, group)
            return
        del self._bursts[group]
        for key in burst.keys:
            self.admit(key)
