"""What providers charge for calls, and what the calls of late come to in a month."""

from collections.abc import Mapping
from types import MappingProxyType

from manager.core.clock import Clock

MONTH = 2_592_000.0  # seconds; 30 days
PRICES: Mapping[str, float] = MappingProxyType({"AWS/SecretsManager": 0.05 / 10_000})
"""US dollars a call by the provider's label: public list prices of us-east-1 (providers 8). Others charge for none."""
WINDOW = 3600.0  # seconds that the estimate looks back
BUCKET = 60.0


class Spending:
    """What was spent of late; calls may come from threads, and one that is lost does not matter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._spent: dict[str, dict[int, float]] = {}

    def note(self, provider: str) -> bool:
        """Count one call; tells whether it is the first of this provider that costs anything."""
        price = PRICES.get(provider)
        if price is None:
            return False
        first = provider not in self._spent
        buckets = self._spent.setdefault(provider, {})
        now = int(self._clock.monotonic() // BUCKET)
        buckets[now] = buckets.get(now, 0.0) + price
        return first

    def monthly(self, provider: str) -> float:
        """Return dollars a month at the pace of the last hour, or of the time since the start."""
        now = self._clock.monotonic()
        buckets = self._spent.get(provider, {})
        for old in [each for each in list(buckets) if (each + 1) * BUCKET <= now - WINDOW]:
            buckets.pop(old, None)
        looked_at = max(BUCKET, min(WINDOW, now - self._started))
        return sum(list(buckets.values())) * MONTH / looked_at
