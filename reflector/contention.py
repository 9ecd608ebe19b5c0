"""How patient the reflector is with a mirror that something else keeps writing."""

from manager.core import contention
from manager.core.clock import Clock
from manager.core.errors import WaitFor
from manager.kube.resources import Key

LIMITS = contention.ContentionLimits(
    free_writes=3,  # a person who edits a mirror by hand sees it come back
    first_pause_seconds=8.0,
    max_pause_seconds=600.0,
    contest_seconds=10.0,  # a pipeline that applies its placeholder later than this is no second controller
    forget_seconds=1_200.0,
)
CONTESTED = "MirrorContested"


class Contention:
    """Counts the repairs of each mirror that were undone at once."""

    def __init__(self, clock: Clock) -> None:
        self._repairs = contention.Contention(clock, LIMITS)

    def require_patience(self, mirror: Key) -> None:
        """Raise WaitFor if each repair of a mirror was undone at once, and the next one must wait."""
        delay = self._repairs.wait(mirror)
        if delay:
            text = "something else writes this mirror at once after each repair, so it is repaired ever more slowly"
            raise WaitFor(CONTESTED, f"{text}: give it another name, or remove what writes it", delay=delay)

    def count(self, mirror: Key) -> None:
        """Count a repair."""
        self._repairs.count(mirror)
