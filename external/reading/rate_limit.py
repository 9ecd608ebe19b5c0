"""How fast one identity may ask: together with others, not too often, and ever more rarely when refused."""

from dataclasses import dataclass, field

from manager.core.clock import Clock

BATCH_WINDOW_SECONDS = 0.02  # seconds in which those who ask a provider that takes several keys a call find together
LULL_SECONDS = 0.4  # seconds without a newcomer after which nobody is waited for any more, while many are coming
MAX_BATCH_WINDOW_SECONDS = 0.8  # seconds that the first of them waits at most: after one second workers leave
BUSY_SECONDS = 2.0  # seconds after a call in which many are expected to come
CALLS_PER_SECOND = 20.0  # calls a second of one identity: half of what Parameter Store allows an account
BURST_CALLS = 40.0  # calls at once after a rest
FIRST_OPEN_SECONDS = 2.0  # seconds in which a provider that did not answer is not asked
MAX_OPEN_SECONDS = 20.0  # the same after many times: bounds, with the gate of its keys, how late recovery is noticed


@dataclass(slots=True)
class BatchWindow:
    """Whether to wait for more before a call that takes several keys; by the event loop's seconds."""

    running: bool = False
    first: float = 0.0
    latest: float = 0.0
    called: float = float("-inf")

    def came(self, now: float) -> None:
        """Note one who asks."""
        self.latest = now
        if not self.running:
            self.first = now

    def wait(self, now: float) -> float:
        """Return the seconds to wait from now on before it is looked at again, 0 to call."""
        if now - self.called > BUSY_SECONDS:
            return max(0.0, self.first + BATCH_WINDOW_SECONDS - now)
        until = min(self.latest + LULL_SECONDS, self.first + MAX_BATCH_WINDOW_SECONDS)
        return max(0.0, until - now)


@dataclass(slots=True)
class TokenBucket:
    """Calls that may be made now; they come back with time."""

    clock: Clock
    level: float = BURST_CALLS
    at: float = field(default=0.0)
    counted: int = 0

    def wait(self, made: int) -> float:
        """Return the seconds until the next call is allowed.

        Args:
            made: calls of the identity so far.

        """
        now = self.clock.monotonic()
        self.level = min(BURST_CALLS, self.level + (now - self.at) * CALLS_PER_SECOND) - max(0, made - self.counted)
        self.at, self.counted = now, made
        return 0.0 if self.level > 0 else (1.0 - self.level) / CALLS_PER_SECOND


@dataclass(slots=True)
class CircuitBreaker:
    """A provider that does not answer, or says that it is asked too much."""

    text: str = ""
    """What the silence is called; empty while it answers."""
    until: float = 0.0
    times: int = 0

    def began(self, text: str, now: float) -> None:
        """Note a call without an answer; each further one makes the pause longer."""
        self.text = text
        self.until = now + min(MAX_OPEN_SECONDS, FIRST_OPEN_SECONDS * 2 ** min(self.times, 10))
        self.times += 1

    def ended(self) -> None:
        """Note an answer."""
        self.text, self.times = "", 0
