"""Which PushSecret may push to a remote key that several claim. Nothing here asks the API server."""

from collections.abc import Collection, Iterator

from external.push_summaries import Claim, PushSecretSummary
from manager.kube.cache import Meta, MetadataCache
from manager.kube.resources import PUSH_SECRETS, Key


class Claims:
    """Finds claims by what the cache shows of all PushSecrets."""

    def __init__(self, cache: MetadataCache) -> None:
        self._cache = cache
        self._by_place = cache.index(PUSH_SECRETS, _places)

    def prior(self, key: Key, created: str, claim: Claim, *, held: bool) -> Key | None:
        """Return the PushSecret that may push to a place instead of this one; None if this one may.

        One that has pushed there comes before one that only asks for it: an old object that is edited takes nothing
        from others. Otherwise the older one does.

        Args:
            key: the PushSecret that asks.
            created: when it was created.
            claim: the place.
            held: whether its record has the place.

        """
        own = (not held, created, key.namespace, key.name)
        ranks = [(not meta.digest.holds(claim), meta.created, *other[1:]) for other, meta in self._others(key, claim)]
        first = min(ranks, default=own)
        return Key(PUSH_SECRETS, *first[2:]) if first < own else None

    def any_other(self, key: Key, claim: Claim) -> bool:
        """Return True if another PushSecret claims a place: then it is not deleted."""
        return any(True for _ in self._others(key, claim))

    def any_of_key(self, key: Key, claim: Claim) -> bool:
        """Return True if another PushSecret claims any part of a remote key."""
        return self.any_other(key, claim._replace(property=""))

    def rivals(self, key: Key, places: Collection[tuple[Key, str]]) -> set[Key]:
        """Return the other PushSecrets that claim any part of these remote keys."""
        return set[Key]().union(*map(self._by_place.find, places)) - {key}

    def _others(self, key: Key, claim: Claim) -> Iterator[tuple[Key, Meta]]:
        for other in self._by_place.find((claim.store, claim.remote_key)):
            meta = self._cache.get(other)
            if other != key and meta is not None and not meta.deleting:
                summary: PushSecretSummary = meta.digest
                if summary.holds(claim) or summary.asks_for(claim):
                    yield other, meta


def _places(_key: Key, meta: Meta) -> set[tuple[Key, str]]:
    summary: PushSecretSummary = meta.digest
    return summary.places
