"""Patience with mirrors that something else keeps writing: two controllers must not fight at full speed."""

from dataclasses import dataclass

from manager.core.clock import Clock
from manager.core.errors import WaitFor
from manager.kube.resources import Key

CONTEST_SECONDS = 10.0  # who writes so soon after us answers us; a pipeline that applies its placeholder again does not
FREE_REPAIRS = 3  # repairs without a pause: a person who edits a mirror by hand sees it come back
LONGEST_PAUSE_SECONDS = 600.0  # between two repairs of a mirror that is written over again and again
FORGOTTEN_SECONDS = 1_200.0  # without a repair, after which the next one is at once again
MAX_COUNTED_REPAIRS = 16  # repairs that are counted; the pause has long reached its longest
CONTESTED = "MirrorContested"


@dataclass(slots=True)
class _Repaired:
    """The repairs of one mirror."""

    number: int
    last: float
    """When we last wrote it (monotonic seconds)."""
    noticed: float | None = None
    """When somebody was first seen to have written it since."""


class Contention:
    """Counts the repairs of each mirror that were undone at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[Key, _Repaired] = {}

    def require_patience(self, mirror: Key) -> None:
        """Raise WaitFor if a mirror is written over at once after each repair, and the next one must wait."""
        repaired = self._of.get(mirror)
        if repaired is None:
            return
        now = self._clock.monotonic()
        repaired.noticed = now if repaired.noticed is None else repaired.noticed
        if repaired.noticed - repaired.last > CONTEST_SECONDS:
            del self._of[mirror]
            return
        left = repaired.last + min(LONGEST_PAUSE_SECONDS, 2.0**repaired.number) - now
        if repaired.number >= FREE_REPAIRS and left > 0:
            text = "something else writes this mirror at once after each repair, so it is repaired ever more slowly"
            raise WaitFor(CONTESTED, f"{text}: give it another name, or remove what writes it", delay=left)

    def count(self, mirror: Key) -> None:
        """Take note of a repair."""
        now = self._clock.monotonic()
        before = self._of.pop(mirror, None)
        self._of[mirror] = _Repaired(
            min((before.number if before else 0) + 1, MAX_COUNTED_REPAIRS), now
        )  # the latest stands last
        while (oldest := next(iter(self._of))) and now - self._of[oldest].last > FORGOTTEN_SECONDS:
            del self._of[oldest]
