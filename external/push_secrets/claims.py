"""Which PushSecret may push to a remote key that several claim. Nothing here asks the API server."""

from collections.abc import Collection, Iterator

from external.errors import Pending
from external.push_summaries import ANY, Claim, PushSecretSummary
from external.stores.access import StoreAccess
from manager.core.errors import NeedsHuman
from manager.kube.cache import Meta, MetadataCache
from manager.kube.resources import PUSH_SECRETS, Key


class Claims:
    """Finds claims by what the cache shows of all PushSecrets.

    One that has pushed to a place claims it. One that asks for it does so only if its namespace may use the store:
    otherwise anybody could keep others from pushing.
    """

    def __init__(self, cache: MetadataCache, access: StoreAccess) -> None:
        self._cache = cache
        self._access = access
        self._by_place = cache.index(PUSH_SECRETS, _places)

    def prior(self, key: Key, created: str, claim: Claim, *, held: bool) -> Key | None:
        """Return the PushSecret that may push to a place instead of this one; None if this one may.

        One that has pushed there comes before one that only asks for it: an old object that is edited takes nothing
        from others. Otherwise the older one does. Namespaces with credentials of their own at a store do not compete
        there: they may well lead to different places, and the provider's marks guard them if they do not.

        Args:
            key: the PushSecret that asks.
            created: when it was created.
            claim: the place.
            held: whether its record has the place.

        """
        claim = self._apart(claim)
        own = (not held, created, key.namespace, key.name)
        store = self._cache.get(claim.store)
        apart = store is not None and store.digest.per_consumer
        ranks = [
            (not meta.digest.holds(claim), meta.created, *other[1:])
            for other, meta in self._others(key, claim)
            if not apart or other.namespace == key.namespace
        ]
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
        claim = self._apart(claim)
        for other in self._by_place.find((claim.store, claim.remote_key)):
            meta = self._cache.get(other)
            if other != key and meta is not None and not meta.deleting:
                summary: PushSecretSummary = meta.digest
                if summary.holds(claim) or (summary.asks_for(claim) and self._usable(claim.store, other.namespace)):
                    yield other, meta

    def _apart(self, claim: Claim) -> Claim:
        """Return a claim of all namespaces unless an entry's namespace tells places of the store apart.

        Otherwise one that names a namespace would take a key from others at a provider that knows none.
        """
        store = self._cache.get(claim.store)
        return claim if store is not None and store.digest.by_namespace else claim._replace(namespace=ANY)

    def _usable(self, store: Key, namespace: str) -> bool:
        try:
            self._access.require_usable(store, namespace)
        except (NeedsHuman, Pending):
            return False
        return True


def _places(_key: Key, meta: Meta) -> set[tuple[Key, str]]:
    summary: PushSecretSummary = meta.digest
    return summary.places
