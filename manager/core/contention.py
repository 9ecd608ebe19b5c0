"""Two writers of one object: ours must not answer the other's writes at full speed for ever."""

from collections.abc import Hashable
from dataclasses import dataclass

from manager.core.clock import Clock

MAX_COUNTED_WRITES = 16  # the pause has long reached its longest by then


@dataclass(frozen=True, slots=True)
class ContentionLimits:
    """When writes that are undone are paused, and for how long."""

    free_writes: int
    """Writes of one content without a pause."""
    first_pause_seconds: float
    """The first pause; each further write doubles it."""
    max_pause_seconds: float
    contest_seconds: float = float("inf")
    """A write that is undone later than this was not an answer to it, and is restored at once."""
    forget_seconds: float = float("inf")
    """Without a write for this long, nothing is remembered."""

    def pause(self, number: int) -> float:
        """Return the seconds between a write with this number and the next."""
        if number < self.free_writes:
            return 0.0
        return min(self.max_pause_seconds, self.first_pause_seconds * 2.0 ** (number - self.free_writes))


@dataclass(slots=True)
class _Writes:
    """Our writes of one content."""

    content: Hashable
    number: int
    last: float
    """Monotonic second."""
    undone: float | None = None
    """When the last one was first seen to be undone."""


class Contention:
    """Counts how often the same content had to be written again, by object."""

    def __init__(self, clock: Clock, limits: ContentionLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._writes: dict[Hashable, _Writes] = {}

    def wait(self, key: Hashable, content: Hashable = None) -> float:
        """Return the seconds until this content may be written again, 0 for now. Called when it has to be."""
        writes = self._writes.get(key)
        if writes is None or writes.content != content:
            return 0.0
        now = self._clock.monotonic()
        writes.undone = now if writes.undone is None else writes.undone
        if writes.undone - writes.last > self._limits.contest_seconds:
            del self._writes[key]
            return 0.0
        pause = self._limits.pause(writes.number)
        return max(0.0, writes.last + pause - now) if pause else 0.0

    def count(self, key: Hashable, content: Hashable = None) -> None:
        """Note a write; other content starts a new count, and so does a rest before the free writes are used up."""
        now, before = self._clock.monotonic(), self._writes.pop(key, None)
        number = 1
        if before is not None and before.content == content:
            rested = now - before.last >= self._limits.max_pause_seconds and before.number < self._limits.free_writes
            number = 1 if rested else min(before.number + 1, MAX_COUNTED_WRITES)
        self._writes[key] = _Writes(content, number, now)  # the latest stands last
        while now - self._writes[oldest := next(iter(self._writes))].last > self._limits.forget_seconds:
            del self._writes[oldest]

    def forget(self, key: Hashable) -> None:
        """Drop what is known of an object that is gone."""
        self._writes.pop(key, None)
