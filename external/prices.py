"""What providers charge for calls, and what the recent calls cost in a month."""

from collections.abc import Mapping
from types import MappingProxyType

from manager.core.clock import Clock

MONTH_SECONDS = 2_592_000.0  # 30 days
PRICES: Mapping[str, float] = MappingProxyType({"AWS/SecretsManager": 0.05 / 10_000})
"""US dollars a call by the provider's label: public list prices of us-east-1. Others do not charge for calls."""
WINDOW_SECONDS = 3600.0  # that the estimate looks back
BUCKET_SECONDS = 60.0


class Spending:
    """Estimates from recent calls; threads may note them, and a lost one does not matter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._spent: dict[str, dict[int, float]] = {}

    def note(self, provider: str) -> bool:
        """Count one call; return True for the first of a provider that charges."""
        price = PRICES.get(provider)
        if price is None:
            return False
        first = provider not in self._spent
        buckets = self._spent.setdefault(provider, {})
        now = int(self._clock.monotonic() // BUCKET_SECONDS)
        buckets[now] = buckets.get(now, 0.0) + price
        return first

    def monthly(self, provider: str) -> float:
        """Return dollars a month at the pace of the last hour, or of the time since the start."""
        now = self._clock.monotonic()
        buckets = self._spent.get(provider, {})
        for old in [each for each in list(buckets) if (each + 1) * BUCKET_SECONDS <= now - WINDOW_SECONDS]:
            buckets.pop(old, None)
        looked_at = max(BUCKET_SECONDS, min(WINDOW_SECONDS, now - self._started))
        return sum(list(buckets.values())) * MONTH_SECONDS / looked_at
