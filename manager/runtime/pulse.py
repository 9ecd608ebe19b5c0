"""How long the event loop was kept from its other work: the longest pause of the last minute, for whoever watches."""

import asyncio
import time
from collections import deque

BEAT_SECONDS = 0.05
REMEMBERED_SECONDS = 60.0


class Pulse:
    """Sleeps again and again, and measures by how much too late it wakes up."""

    def __init__(self) -> None:
        self._pauses: deque[tuple[float, float]] = deque()
        """Moments and pauses; of an earlier one that was shorter nobody asks any more."""

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
            self.note(time.monotonic(), time.monotonic() - began - BEAT_SECONDS)

    def note(self, now: float, pause: float) -> None:
        """Take in one pause."""
        while self._pauses and self._pauses[-1][1] <= pause:
            self._pauses.pop()
        self._pauses.append((now, max(0.0, pause)))
        while now - self._pauses[0][0] > REMEMBERED_SECONDS:
            self._pauses.popleft()

    def longest(self) -> float:
        """Return the longest pause of the last minute, in seconds."""
        return self._pauses[0][1] if self._pauses else 0.0
