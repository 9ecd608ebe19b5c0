"""What the calls of the last hour come to in a month."""

from collections.abc import Mapping

from manager.core.clock import Clock

MONTH_SECONDS = 30 * 86_400.0
WINDOW_SECONDS = 3600.0
"""The estimate looks back this long."""
BUCKET_SECONDS = 60.0


class Spending:
    """Adds up the price of calls; called from threads; it is an estimate, and may lose a call.

    Args:
        prices: US dollars a call by the provider's label; calls of others are free.
    """

    def __init__(self, clock: Clock, prices: Mapping[str, float]) -> None:
        self._clock = clock
        self._prices = prices
        self._started = clock.monotonic()
        self._spent: dict[str, dict[int, float]] = {}

    def note(self, provider: str) -> bool:
        """Count one call; return True for the first one of a provider that has a price."""
        price = self._prices.get(provider)
        if price is None:
            return False
        first = provider not in self._spent
        buckets = self._spent.setdefault(provider, {})
        now = int(self._clock.monotonic() // BUCKET_SECONDS)
        buckets[now] = buckets.get(now, 0.0) + price
        return first

    def monthly(self, provider: str) -> float:
        """Return dollars a month at the rate of the last hour, or of the time since the start."""
        now = self._clock.monotonic()
        buckets = self._spent.get(provider, {})
        for old in [each for each in list(buckets) if (each + 1) * BUCKET_SECONDS <= now - WINDOW_SECONDS]:
            buckets.pop(old, None)
        looked_at = max(BUCKET_SECONDS, min(WINDOW_SECONDS, now - self._started))
        return sum(list(buckets.values())) * MONTH_SECONDS / looked_at
