"""Compute the age of the oldest values over all ExternalSecrets, when metrics are scraped."""

from collections.abc import Mapping

from external.external_secrets.refresh import Refreshed
from manager.core.clock import Clock, parse_rfc3339
from manager.kube.cache import Meta, MetadataCache
from manager.kube.resources import EXTERNAL_SECRETS, Key


class Freshness:
    """Computes over the ExternalSecrets that the cache shows.

    Args:
        refreshed: the refreshes of this process; they may be later than the status says.
    """

    def __init__(self, cache: MetadataCache, clock: Clock, refreshed: Mapping[Key, Refreshed]) -> None:
        self._cache = cache
        self._clock = clock
        self._refreshed = refreshed

    def oldest(self) -> float:
        """Return the seconds since the last success of the ExternalSecret that has waited longest for one.

        Those without further refreshes count until their first success; without a success, time counts from creation.
        """
        now = self._clock.now().timestamp()
        ages = (now - self._last(key, meta) for key, meta in self._cache.items(EXTERNAL_SECRETS) if _waits(meta))
        return max(ages, default=0.0)

    def failing(self) -> float:
        """Return how many are not ready by their status."""
        return float(sum(not meta.digest.ready for _, meta in self._cache.items(EXTERNAL_SECRETS)))

    def _last(self, key: Key, meta: Meta) -> float:
        seen, created = self._refreshed.get(key), parse_rfc3339(meta.created)
        known = (seen.at if seen else None, meta.digest.refreshed, created.timestamp() if created else None)
        return max((each for each in known if each is not None), default=self._clock.now().timestamp())


def _waits(meta: Meta) -> bool:
    again = meta.digest.policy == "Periodic" and meta.digest.interval > 0
    return not meta.deleting and (again or not meta.digest.synced)
