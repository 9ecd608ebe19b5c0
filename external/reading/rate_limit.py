"""How fast one identity may call its provider: a batch window, a token bucket and a circuit breaker."""

from dataclasses import dataclass, field

from manager.core.clock import Clock

BATCH_WINDOW_SECONDS = 0.02  # in which requests for a provider that takes several keys per call are gathered
LULL_SECONDS = 0.4  # without a new request after which a busy window closes
MAX_BATCH_WINDOW_SECONDS = 0.8  # that the first request waits at most: workers leave after one second
BUSY_SECONDS = 2.0  # after a call in which more requests are expected
CALLS_PER_SECOND = 20.0  # of one identity: half of what Parameter Store allows an account
BURST_CALLS = 40.0  # at once after a rest
FIRST_OPEN_SECONDS = 2.0  # in which a provider that did not answer is not called
MAX_OPEN_SECONDS = 20.0  # the same after many failures; bounds, with the gate of its keys, how late recovery is noticed


@dataclass(slots=True)
class BatchWindow:
    """How long a call that takes several keys waits for more requests; by the event loop's seconds."""

    running: bool = False
    first: float = 0.0
    latest: float = 0.0
    called: float = float("-inf")

    def note(self, now: float) -> None:
        """Note a request."""
        self.latest = now
        if not self.running:
            self.first = now

    def wait(self, now: float) -> float:
        """Return the seconds until the window is checked again, 0 to call."""
        if now - self.called > BUSY_SECONDS:
            return max(0.0, self.first + BATCH_WINDOW_SECONDS - now)
        until = min(self.latest + LULL_SECONDS, self.first + MAX_BATCH_WINDOW_SECONDS)
        return max(0.0, until - now)


@dataclass(slots=True)
class TokenBucket:
    """Calls that may be made now; it refills with time."""

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
    """Keeps calls from a provider that does not answer, or that throttles."""

    text: str = ""
    """The error of the last call without an answer; empty while the provider answers."""
    until: float = 0.0
    failures: int = 0

    def open(self, text: str, now: float) -> None:
        """Note a call without an answer; each further one doubles the pause."""
        self.text = text
        self.until = now + min(MAX_OPEN_SECONDS, FIRST_OPEN_SECONDS * 2 ** min(self.failures, 10))
        self.failures += 1

    def close(self) -> None:
        """Note an answer."""
        self.text, self.failures = "", 0
