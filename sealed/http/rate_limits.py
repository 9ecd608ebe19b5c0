"""Limit requests: a token bucket for each caller, and one for all."""

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from manager.core.clock import Clock

MAX_BUCKETS = 65_536  # callers remembered; a forgotten one starts with a full bucket
TOTAL_MULTIPLE = 10  # size of the bucket for all callers, in multiples of one caller's


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """The answer to one request: whether it may pass, and the headers for its caller."""

    allowed: bool
    retry_after: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


class CallerLimiter:
    """The generic cell rate algorithm: `rate` a second, and `burst` more at once.

    Args:
        rate: requests a second; 0 limits nothing.
    """

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._interval = 1 / rate if rate > 0 else 0.0
        self._burst = burst
        self._clock = clock
        self._arrivals: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, caller: Hashable) -> TokenBucket:
        """Count one request of a caller."""
        if not self._interval:
            return TokenBucket(allowed=True)
        now = self._clock.monotonic()
        before = max(now, self._arrivals.pop(caller, now))
        after = before + self._interval
        wait = after - now - self._interval * (self._burst + 1)
        allowed = wait <= 1e-9  # seconds; the rounding of sums must not cost a caller its last request
        self._arrivals[caller] = after if allowed else before
        if len(self._arrivals) > MAX_BUCKETS:
            self._arrivals.popitem(last=False)
        reset = self._arrivals[caller] - now
        remaining = max(0, math.floor((self._interval * (self._burst + 1) - reset) / self._interval + 1e-6))
        headers = {
            "X-Ratelimit-Limit": str(self._burst + 1),
            "X-Ratelimit-Remaining": str(remaining),
            "X-Ratelimit-Reset": str(math.ceil(reset)),
        }
        return TokenBucket(allowed, max(0.0, wait), headers if allowed else headers | {"Retry-After": _seconds(wait)})


class RateLimits:
    """A token bucket for each caller, and one for all."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._each = CallerLimiter(rate, burst, clock)
        self._all = CallerLimiter(rate * TOTAL_MULTIPLE, burst * TOTAL_MULTIPLE, clock)

    def take(self, caller: Hashable) -> TokenBucket:
        """Count one request; one that the caller's own bucket refuses does not count for all."""
        own = self._each.take(caller)
        if not own.allowed:
            return own
        together = self._all.take("")
        if together.allowed:
            return own
        return TokenBucket(False, together.retry_after, {**own.headers, "Retry-After": _seconds(together.retry_after)})


def _seconds(wait: float) -> str:
    return str(max(1, math.ceil(wait)))
