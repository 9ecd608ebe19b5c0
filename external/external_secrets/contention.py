"""Two who claim one Secret must not write in turns for ever (reliability.md I5)."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from manager.core.clock import Clock
from manager.kube.resources import Key

FREE_WRITES = 3  # restorations, as many as a person at a keyboard needs to find out that they are undone
PAUSE_SECONDS = 600.0  # seconds until it is tried once more


@dataclass(slots=True)
class _Written:
    content: Hashable
    times: list[float] = field(default_factory=list)


class Contention:
    """Remembers what was last written for each ExternalSecret, and how often it had to be written again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._written: dict[Key, _Written] = {}

    def wait(self, key: Key, content: Hashable) -> float:
        """Return the seconds until this content may be written, 0 for now."""
        last = self._written.get(key)
        if last is None or last.content != content or len(last.times) <= FREE_WRITES:
            return 0.0
        return max(0.0, last.times[-1] + PAUSE_SECONDS - self._clock.monotonic())

    def wrote(self, key: Key, content: Hashable) -> None:
        """Note a write; other content than before begins anew, and so does a pause."""
        now, last = self._clock.monotonic(), self._written.get(key)
        if last is None or last.content != content:
            last = self._written[key] = _Written(content)
        elif now - last.times[-1] >= PAUSE_SECONDS and len(last.times) <= FREE_WRITES:
            last.times.clear()
        last.times = [*last.times[-FREE_WRITES:], now]

    def forget(self, key: Key) -> None:
        """Drop what is known of an ExternalSecret that is gone."""
        self._written.pop(key, None)
