"""Patience with mirrors that something else keeps writing: two controllers must not fight at full speed."""

from manager.clock import Clock
from manager.errors import WaitFor
from manager.kube.resources import Key

AT_ONCE = 3  # repairs without a pause: a person who edits a mirror by hand sees it come back
LONGEST = 600.0  # seconds between two repairs of a mirror that is written over again and again
FORGOTTEN = 1_200.0  # seconds without a repair after which the next one is at once again
MOST = 16  # repairs that are counted; the pause has long reached its longest
CONTESTED = "MirrorContested"


class Repairs:
    """Counts the repairs of each mirror."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[Key, tuple[int, float]] = {}

    def require_patience(self, mirror: Key) -> None:
        """Raise WaitFor if a mirror has been repaired so often that the next repair must wait."""
        number, last = self._of.get(mirror, (0, 0.0))
        if number < AT_ONCE or self._clock.monotonic() - last > FORGOTTEN:
            return
        left = last + min(LONGEST, 2.0**number) - self._clock.monotonic()
        if left > 0:
            text = "something else keeps writing this mirror, which is repaired ever more slowly"
            raise WaitFor(CONTESTED, f"{text}: give it another name, or remove what writes it", delay=left)

    def count(self, mirror: Key) -> None:
        """Take note of a repair."""
        now = self._clock.monotonic()
        number, _ = self._of.pop(mirror, (0, 0.0))
        self._of[mirror] = (min(number + 1, MOST), now)  # the latest stands last
        while (oldest := next(iter(self._of))) and now - self._of[oldest][1] > FORGOTTEN:
            del self._of[oldest]
